// What headers say of the option parser. Who calls it includes <CLI/CLI.hpp>, which takes seconds to compile.
#pragma once

namespace CLI {
class App;
class Option;
}  // namespace CLI
