// The trained networks: random removals, masked = slimmed in both precisions. The example's is part of the repository, the others are
// looked for in ../shared or SIRFP_DATA. SIRFP_PYTHON names a Python with torch to export them with (.venv's otherwise).
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cstdlib>

#include "../support/masked_and_slim.hpp"
#include "../support/temporary_folder.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

const std::filesystem::path root = SIRFP_ROOT_FOLDER;

std::filesystem::path environment_or(const char* name, const std::filesystem::path& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::filesystem::path(value);
}

struct trained_network {
  std::string name;
  bool shared = true;
  std::int64_t least_pruned = 0;  // groups
};

void PrintTo(const trained_network& n, std::ostream* out) { *out << n.name; }

// The export command, or nothing where the network's source is not here.
std::string export_command(const trained_network& n, const std::filesystem::path& out) {
  const auto python = environment_or("SIRFP_PYTHON", root / ".venv" / "bin" / "python");
  const auto script = n.shared ? environment_or("SIRFP_DATA", root.parent_path() / "shared") / "nets" / "export.py"
                               : root / "examples" / "deeplabv3plus_camvid" / "export.py";
  if (!std::filesystem::exists(script) || !std::filesystem::exists(python)) return "";
  return text(python, " -W ignore ", script, n.shared ? " " + n.name : std::string(), " ", out, " > /dev/null 2>&1");
}

class real_networks : public testing::TestWithParam<trained_network> {};

TEST_P(real_networks, masked_equals_slim) {
  const temporary_folder folder;
  const auto file = folder / "net.pt";
  const std::string command = export_command(GetParam(), file);
  if (command.empty()) GTEST_SKIP() << GetParam().name << ": no source of it, or no Python with torch (SIRFP_DATA, SIRFP_PYTHON)";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  torch::jit::setGraphExecutorOptimize(false);
  for (const auto& [type, tolerance] : {std::pair{at::kDouble, 1e-9}, {at::kFloat, 1e-4}}) {
    torch::jit::Module module = torch::jit::load(file.string());
    module.to(type);
    const adapter::network net = adapter::load_network(module);
    const at::Tensor input = at::randn({1, 3, 96, 128}, at::detail::createCPUGenerator(1), at::kDouble).to(type);
    const masked_and_slim result = run_both(net, input, 5, compensation::none);
    EXPECT_LE(result.difference(), tolerance) << type;
    EXPECT_GT(result.effect(), 1e-3) << type;
    EXPECT_GE(result.groups_pruned, GetParam().least_pruned) << type;
    EXPECT_LT(result.parameters_after, result.parameters_before * 3 / 4) << type;
  }
}

INSTANTIATE_TEST_SUITE_P(trained, real_networks,
                         testing::Values(trained_network{"example_deeplabv3plus_r18_half_camvid", false, 20},
                                         trained_network{"deeplabv3plus_r18_camvid", true, 20}, trained_network{"espnet_camvid", true, 20}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sirfp::test
