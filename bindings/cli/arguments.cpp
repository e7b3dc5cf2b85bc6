#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

#include "sirfp/expects.hpp"
#include "sirfp/nearest.hpp"

namespace sirfp::cli {
namespace {

template <class Number>
std::optional<Number> parse(const std::string& value) {
  Number number{};
  const char* end = value.data() + value.size();
  const auto [stop, problem] = std::from_chars(value.data(), end, number);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

double number_from(const std::string& name, const std::string& value) {
  const auto number = parse<double>(value);
  SIRFP_EXPECTS(number && std::isfinite(*number), name, " ", value, ": expected a number");
  return *number;
}

double fraction_from(const std::string& name, const std::string& value) {
  const double number = number_from(name, value);
  const bool percentage = number > 1 && number <= 100;
  SIRFP_EXPECTS(number > 0 && number <= 1, name, " ", value, ": expected a fraction, above 0 and at most 1",
                percentage ? text("; did you mean ", number / 100, "?") : std::string());
  return number;
}

std::int64_t bytes_from(const std::string& name, const std::string& value) {
  static constexpr std::string_view units = "KMGT";
  constexpr double most = 0x1p62;
  const std::size_t unit = value.empty() ? std::string_view::npos : units.find(static_cast<char>(std::toupper(value.back() & 0x7f)));
  const bool plain = unit == std::string_view::npos;
  const auto number = parse<double>(plain ? value : value.substr(0, value.size() - 1));
  const double bytes = number.value_or(-1) * (plain ? 1 : std::ldexp(1, 10 * (static_cast<int>(unit) + 1)));
  SIRFP_EXPECTS(bytes >= 0 && bytes <= most, name, " ", value, ": expected a number of bytes, or one with K, M, G or T, such as 2G");
  return static_cast<std::int64_t>(bytes);
}

std::vector<std::string> split(const std::string& value, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : value) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// An option that is read by `take`, which throws if it does not like the value.
template <class Take>
CLI::Option* add_checked(CLI::App& app, const std::string& name, const std::string& type, const std::string& help, Take take) {
  return app.add_option_function<std::string>(name, take, help)->type_name(type)->take_last();
}

std::string joined(const choices& among) {
  std::string all;
  for (const std::string& choice : among) all += (all.empty() ? "" : ", ") + choice;
  return all;
}

}  // namespace

CLI::Option* add_count(CLI::App& app, const std::string& name, std::optional<std::int64_t>& value, std::int64_t least,
                       const std::string& help) {
  return add_checked(app, name, "N", help, [&value, name, least](const std::string& given) {
    value = parse<std::int64_t>(given);
    SIRFP_EXPECTS(value && *value >= least, name, " ", given, ": expected a whole number of at least ", least);
  });
}

CLI::Option* add_number(CLI::App& app, const std::string& name, std::optional<double>& value, const std::string& help) {
  return add_checked(app, name, "X", help, [&value, name](const std::string& given) { value = number_from(name, given); });
}

CLI::Option* add_fraction(CLI::App& app, const std::string& name, std::optional<double>& value, const std::string& help) {
  return add_checked(app, name, "F", help, [&value, name](const std::string& given) { value = fraction_from(name, given); });
}

CLI::Option* add_choice(CLI::App& app, const std::string& name, std::optional<std::string>& value, const choices& among,
                        const std::string& help) {
  std::string type;
  for (const std::string& choice : among) type += (type.empty() ? "" : "|") + choice;
  return add_checked(app, name, type, help, [&value, name, among](const std::string& given) {
    SIRFP_EXPECTS(std::find(among.begin(), among.end(), given) != among.end(), name, " ", given, ": expected ",
                  among.size() > 1 ? "one of " : "", joined(among));
    value = given;
  });
}

picture_size size_from(const std::string& name, const std::string& value) {
  const std::vector<std::string> parts = split(value, 'x');
  const auto height = parse<std::int64_t>(parts.front());
  const auto width = parts.size() == 2 ? parse<std::int64_t>(parts.back()) : std::nullopt;
  SIRFP_EXPECTS(height && width && *height > 0 && *width > 0, name, " ", value, ": expected HEIGHTxWIDTH in pixels, such as 360x480");
  return {*height, *width};
}

CLI::Option* add_size(CLI::App& app, const std::string& name, std::optional<picture_size>& value, const std::string& help) {
  return add_checked(app, name, "HxW", help, [&value, name](const std::string& given) { value = size_from(name, given); });
}

CLI::Option* add_triple(CLI::App& app, const std::string& name, std::optional<std::array<double, 3>>& value, const std::string& help) {
  return add_checked(app, name, "A,B,C", help, [&value, name](const std::string& given) {
    const std::vector<std::string> parts = split(given, ',');
    SIRFP_EXPECTS(parts.size() == 3, name, " ", given, ": expected three numbers with commas, such as 0.485,0.456,0.406");
    value = {number_from(name, parts[0]), number_from(name, parts[1]), number_from(name, parts[2])};
  });
}

CLI::Option* add_bytes(CLI::App& app, const std::string& name, std::optional<std::int64_t>& value, const std::string& help) {
  return add_checked(app, name, "SIZE", help, [&value, name](const std::string& given) { value = bytes_from(name, given); });
}

CLI::Option* add_device(CLI::App& app, const std::string& name, c10::Device& value, const std::string& help) {
  return add_checked(app, name, "cpu|cuda[:N]", help, [&value, name](const std::string& given) {
    const bool numbered = given.starts_with("cuda:");
    const auto index = numbered ? parse<std::int8_t>(given.substr(5)) : std::optional<std::int8_t>(0);
    SIRFP_EXPECTS((numbered || given == "cpu" || given == "cuda") && index && *index >= 0, name, " ", given,
                  ": expected cpu, cuda or cuda:N, N the number of a GPU");
    value = given == "cpu" ? c10::Device(c10::kCPU) : c10::Device(c10::kCUDA, *index);
  });
}

CLI::Option* add_shares(CLI::App& app, const std::string& name, std::vector<std::pair<std::string, double>>& value,
                        const std::string& help) {
  const auto take = [&value, name](const std::vector<std::string>& given) {
    for (const std::string& one : given) {
      const std::size_t equals = one.rfind('=');
      SIRFP_EXPECTS(equals != std::string::npos && equals > 0, name, " ", one, ": expected PATTERN=FRACTION, such as 'encoder.stem*=1.0'");
      value.emplace_back(one.substr(0, equals), fraction_from(name + " " + one.substr(0, equals) + "=", one.substr(equals + 1)));
    }
  };
  return app.add_option_function<std::vector<std::string>>(name, take, help)->type_name("PATTERN=F")->allow_extra_args(false);
}

void refuse_unknown_options(const CLI::App& command, const std::vector<std::string>& given) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    for (const std::string& name : option->get_snames()) known.push_back("-" + name);
  }
  for (const std::string& argument : given) {
    if (argument == "--") return;
    if (argument.size() < 2 || argument[0] != '-' || std::isdigit(static_cast<unsigned char>(argument[1])) != 0) continue;
    const std::string name = argument[1] == '-' ? argument.substr(0, argument.find('=')) : argument.substr(0, 2);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string close = nearest(name, known);
    throw invalid_argument(
        text("unknown option ", name, " of sirfp ", command.get_name(), close.empty() ? "" : "; did you mean " + close + "?"));
  }
}

std::string text_of(const picture_size& size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

}  // namespace sirfp::cli
