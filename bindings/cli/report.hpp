// How results look: aligned text for people, one JSON object for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "images.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "proof.hpp"
#include "sirfp/plan.hpp"

namespace sirfp::cli {

// Rows of cells; the first column is aligned left, the others right.
std::string aligned(const std::vector<std::vector<std::string>>& rows, const std::string& indent = "");

std::string amount(double value);                   // 20061234567 -> "20.06 G"
std::string bytes_text(double bytes);               // "28.4 MB"
std::string seconds_text(double seconds);           // "310 ms"
std::string percent(double share, int digits = 1);  // 0.4987 -> "49.9%"
std::string ratio_text(double value, int digits);

json cost_json(const network_cost& before, const network_cost& after);
json groups_json(const plan& made);
json skipped_json(const std::vector<skipped_image>& skipped);
json files_json(const std::vector<written_file>& files);
json output_error_json(const std::optional<double>& predicted, double measured);
json difference_json(const difference& found);

// The table of costs before and after; file sizes and latency where they are known (> 0).
struct comparison {
  network_cost before;
  network_cost after;
  double bytes_before = 0;
  double bytes_after = 0;
  latency speed;
};
std::string comparison_table(const comparison& known);
std::string groups_table(const plan& made);
std::string difference_line(const difference& found);
std::string error_line(const plan& made, double measured);  // of the network's output
std::string notes_lines(const std::vector<std::string>& notes);
std::string skipped_lines(const std::vector<skipped_image>& skipped);
std::string files_line(const std::vector<written_file>& files);
std::string loading_lines(const std::filesystem::path& network);

// The result on stdout. Throws failure if it cannot be written.
void print_result(const common_options& common, const json& result, const std::string& text);

}  // namespace sirfp::cli
