#include "report.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "sirfp/expects.hpp"

namespace sirfp::cli {
namespace {

std::string formatted(const char* format, double value) {
  std::array<char, 64> buffer = {};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

std::string scaled(double value, double step, const std::array<const char*, 5>& units) {
  std::size_t unit = 0;
  while (value >= step && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return formatted(unit == 0 ? "%.0f" : "%.2f", value) + units[unit];
}

// "17 by 3, 40, 8 (99%)": the removed channel that the kept ones predict best; one of another group with its name.
std::string predicted_text(const plan& made, const planned_group& group) {
  if (group.best_predicted.empty()) return "";
  const predicted_channel& best = group.best_predicted.front();
  std::string by;
  for (const predictor& each : best.by) {
    const std::string& name = made.groups.at(static_cast<std::size_t>(each.channel.group)).name;
    by += (by.empty() ? " by " : ", ") + (name == group.name ? "" : name + ":") + std::to_string(each.channel.channel);
  }
  return std::to_string(best.channel) + (by.empty() ? " (constant)" : by + " (" + percent(best.explained, 0) + ")");
}

std::string share(double after, double before) { return before > 0 ? percent(after / before) : ""; }

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& rows, const std::string& indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string all;
  for (const auto& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + space : "  " + space + row[i];
    }
    all += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return all;
}

std::string amount(double value) { return scaled(value, 1000, {"", " k", " M", " G", " T"}); }
std::string bytes_text(double bytes) { return scaled(bytes, 1000, {" B", " kB", " MB", " GB", " TB"}); }
std::string seconds_text(double seconds) { return seconds < 1 ? formatted("%.1f ms", seconds * 1e3) : formatted("%.2f s", seconds); }
std::string percent(double value, int digits) { return ratio_text(100 * value, digits) + "%"; }
std::string ratio_text(double value, int digits) { return formatted(("%." + std::to_string(digits) + "f").c_str(), value); }

json cost_json(const network_cost& before, const network_cost& after) {
  return {{"flops", {{"before", before.flops}, {"after", after.flops}}},
          {"parameters", {{"before", before.parameters}, {"after", after.parameters}}},
          {"activations", {{"before", before.activations}, {"after", after.activations}}}};
}

json groups_json(const plan& made) {
  json groups = json::array();
  for (const planned_group& group : made.groups) {
    json best = json::array();
    for (const predicted_channel& one : group.best_predicted) {
      json by = json::array();
      for (const predictor& each : one.by)
        by.push_back({{"group", made.groups.at(static_cast<std::size_t>(each.channel.group)).name},
                      {"channel", each.channel.channel},
                      {"weight", each.weight}});
      best.push_back({{"channel", one.channel}, {"explained", one.explained}, {"by", by}});
    }
    groups.push_back({{"name", group.name},
                      {"channels", group.channels},
                      {"kept", group.kept.size()},
                      {"locked", group.lock_reason.empty() ? json() : json(group.lock_reason)},
                      {"predicted_error", group.predicted_error ? json(*group.predicted_error) : json()},
                      {"best_predicted", best}});
  }
  return groups;
}

json skipped_json(const std::vector<skipped_image>& skipped) {
  json list = json::array();
  for (const skipped_image& one : skipped) list.push_back({{"image", one.name}, {"reason", one.reason}});
  return list;
}

json files_json(const std::vector<written_file>& files) {
  json list = json::array();
  for (const written_file& one : files) list.push_back({{"path", one.path.string()}, {"bytes", one.bytes}});
  return list;
}

json output_error_json(const std::optional<double>& predicted, double measured) {
  return {{"predicted", predicted ? json(*predicted) : json()}, {"measured", std::isfinite(measured) ? json(measured) : json()}};
}

json difference_json(const difference& found) {
  return {{"relative", found.largest}, {"limit", difference_limit}, {"images", found.images}, {"on_noise", found.on_noise}};
}

std::string comparison_table(const comparison& known) {
  const network_cost& before = known.before;
  const network_cost& after = known.after;
  std::vector<std::vector<std::string>> rows = {{"", "before", "after", ""}};
  if (before.flops > 0) {
    rows.push_back({"FLOPs", amount(before.flops), amount(after.flops), share(after.flops, before.flops)});
    rows.push_back({"multiply-adds", amount(before.flops / 2), amount(after.flops / 2), share(after.flops, before.flops)});
    rows.push_back({"parameters", amount(before.parameters), amount(after.parameters), share(after.parameters, before.parameters)});
  }
  if (known.bytes_after > 0) {
    rows.push_back({"file", bytes_text(known.bytes_before), bytes_text(known.bytes_after), share(known.bytes_after, known.bytes_before)});
  }
  if (known.speed.after > 0) {
    rows.push_back(
        {"latency", seconds_text(known.speed.before), seconds_text(known.speed.after), share(known.speed.after, known.speed.before)});
  }
  return aligned(rows);
}

std::string groups_table(const plan& made) {
  std::vector<std::vector<std::string>> rows = {{"group", "channels", "kept", "predicted error", "best predicted"}};
  std::string locked;
  for (const planned_group& group : made.groups) {
    if (group.lock_reason.empty()) {
      rows.push_back({group.name, std::to_string(group.channels), std::to_string(group.kept.size()),
                      group.predicted_error ? formatted("%.1e", *group.predicted_error) : "", predicted_text(made, group)});
    } else {
      locked += "locked: " + group.name + " (" + std::to_string(group.channels) + "): " + group.lock_reason + '\n';
    }
  }
  return aligned(rows) + locked;
}

std::string difference_line(const difference& found) {
  return "masked vs slim: " + formatted("%.2g", found.largest) + " of the largest output, on " +
         (found.on_noise ? std::string("noise only: give --images DIR to check on real input") : std::to_string(found.images) + " images") +
         " (limit " + formatted("%.0g", difference_limit) + ")\n";
}

std::string error_line(const plan& made, double measured) {
  const auto predicted = predicted_error(made);
  return "output error: " + (predicted ? "predicted " + percent(*predicted, 2) + ", " : "") +
         (std::isfinite(measured) ? "measured " + percent(measured, 2) + " of the output's variation\n" : "the output does not vary\n");
}

std::string notes_lines(const std::vector<std::string>& notes) {
  std::string lines;
  for (const std::string& note : notes) lines += "note: " + note + '\n';
  return lines;
}

std::string skipped_lines(const std::vector<skipped_image>& skipped) {
  if (skipped.empty()) return {};
  std::string lines = "skipped " + std::to_string(skipped.size()) + (skipped.size() == 1 ? " bad image:\n" : " bad images:\n");
  for (const skipped_image& one : skipped) lines += "  " + one.name + ": " + one.reason + '\n';
  return lines;
}

std::string files_line(const std::vector<written_file>& files) {
  std::string line = "written:";
  for (const written_file& one : files)
    line += (line.back() == ':' ? " " : ", ") + one.path.string() + " (" + bytes_text(static_cast<double>(one.bytes)) + ")";
  return line + '\n';
}

std::string loading_lines(const std::filesystem::path& network) {
  return "  import torch\n  net = torch.jit.load(" + json(network.string()).dump() +
         ").eval()\n  output = net(image)  # prepared as for the original network\n";
}

void print_result(const common_options& common, const json& result, const std::string& text_result) {
  const std::string out = common.as_json ? result.dump(2) + '\n' : text_result;
  const bool written = std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
  if (!written) throw failure(text("standard output: cannot write: ", std::strerror(errno)));
}

}  // namespace sirfp::cli
