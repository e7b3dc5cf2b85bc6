// Options whose values are checked as they are read, with one line that names option, value and what was expected.
#pragma once

#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "option_parser.hpp"
#include "picture.hpp"

namespace sirfp::cli {

using choices = std::vector<std::string>;

CLI::Option* add_count(CLI::App& app, const std::string& name, std::optional<std::int64_t>& value, std::int64_t least,
                       const std::string& help);
CLI::Option* add_number(CLI::App& app, const std::string& name, std::optional<double>& value, const std::string& help);
// A share of what was there before: (0, 1]. A percentage is answered with the fraction that was probably meant.
CLI::Option* add_fraction(CLI::App& app, const std::string& name, std::optional<double>& value, const std::string& help);
CLI::Option* add_choice(CLI::App& app, const std::string& name, std::optional<std::string>& value, const choices& among,
                        const std::string& help);
CLI::Option* add_size(CLI::App& app, const std::string& name, std::optional<picture_size>& value, const std::string& help);
CLI::Option* add_triple(CLI::App& app, const std::string& name, std::optional<std::array<double, 3>>& value, const std::string& help);
// Bytes, or with K, M, G or T behind the number: powers of 1024.
CLI::Option* add_bytes(CLI::App& app, const std::string& name, std::optional<std::int64_t>& value, const std::string& help);
// cpu, cuda (the first one) or cuda:N.
CLI::Option* add_device(CLI::App& app, const std::string& name, c10::Device& value, const std::string& help);
// PATTERN=F, repeatable.
CLI::Option* add_shares(CLI::App& app, const std::string& name, std::vector<std::pair<std::string, double>>& value,
                        const std::string& help);

// Throws invalid_argument for an option of `given` that `command` does not have, naming the nearest that it has.
void refuse_unknown_options(const CLI::App& command, const std::vector<std::string>& given);

std::string text_of(const picture_size& size);  // "360x480", height first
picture_size size_from(const std::string& name, const std::string& value);

}  // namespace sirfp::cli
