#include "bench_report.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "report.hpp"
#include "sirfp/version.hpp"

namespace sirfp::cli {
namespace {

std::string formatted(const char* format, double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string time_text(double seconds) { return seconds < 1e-3 ? formatted("%.1f us", seconds * 1e6) : seconds_text(seconds); }

std::string where(const bench_row& row) {
  if (!row.map) return row.operation + " of all layers";
  return row.operation + "  " + row.layers.front() + (row.map->channels_last ? " (channels last)" : "");
}

// "hook 14.2 ms", and how many times ours that is.
std::vector<std::string> beside_ours(const contestant& other, const contestant& ours) {
  return {time_text(other.time.median), ratio_text(other.time.median / ours.time.median, 2) + "x", formatted("%.0e", other.error)};
}

std::vector<std::string> cells_of(const bench_row& row, const machine_rates& rates, std::size_t contestants) {
  const contestant& ours = row.contestants.front();
  const double median = ours.time.median;
  std::vector<std::string> cells = {
      where(row),
      row.map ? std::to_string(row.map->channels) : "",
      row.map ? std::to_string(row.map->pixels()) : "",
      std::to_string(row.layers.size()),
      time_text(ours.time.minimum),
      time_text(median),
      std::to_string(ours.time.samples),
      row.work.operations > 0 ? formatted("%.3g", 1e-12 * row.work.operations / median) : "",
      formatted("%.3g", 1e-9 * row.work.bytes / median),
      percent(floor_seconds(row.work, rates) / median, 0) + (bound_by_memory(row.work, rates) ? " memory" : " products"),
      formatted("%.0e", ours.error)};
  for (std::size_t k = 1; k < contestants; ++k) {
    const bool there = k < row.contestants.size();
    const std::vector<std::string> more = there ? beside_ours(row.contestants[k], ours) : std::vector<std::string>(3);
    cells.insert(cells.end(), more.begin(), more.end());
  }
  return cells;
}

std::string table_of(const bench_report& report) {
  const auto most = std::max_element(report.rows.begin(), report.rows.end(),
                                     [](const bench_row& a, const bench_row& b) { return a.contestants.size() < b.contestants.size(); });
  std::vector<std::string> head = {"row", "C", "P", "layers", "ours, min", "median", "samples", "TFLOP/s", "GB/s", "of the floor", "error"};
  for (std::size_t k = 1; k < most->contestants.size(); ++k) {
    const std::string& name = most->contestants[k].name;
    head.insert(head.end(), {name, "of ours", "error"});
  }
  std::vector<std::vector<std::string>> rows = {head};
  for (const bench_row& row : report.rows) rows.push_back(cells_of(row, report.rates.best, most->contestants.size()));
  return aligned(rows);
}

std::string total_line(const network_total& total) {
  const double ours = total.seconds.front().second;
  std::string line = total.operation + " of " + std::to_string(total.layers) + " layers: " + time_text(ours);
  for (std::size_t k = 1; k < total.seconds.size(); ++k)
    line += ", " + total.seconds[k].first + " " + time_text(total.seconds[k].second) + " (" +
            ratio_text(total.seconds[k].second / ours, 2) + "x)";
  return line + ", floor " + time_text(total.floor) + " (" + percent(total.floor / ours, 0) + ")\n";
}

json row_json(const bench_row& row, const machine_rates& rates) {
  json one = {{"operation", row.operation}, {"layers", row.layers}};
  if (row.map)
    one.update({{"channels", row.map->channels},
                {"height", row.map->height},
                {"width", row.map->width},
                {"order", row.map->channels_last ? "channels_last" : "nchw"}});
  one.update({{"bytes", row.work.bytes},
              {"operations", row.work.operations},
              {"floor_seconds", floor_seconds(row.work, rates)},
              {"bound_by", bound_by_memory(row.work, rates) ? "memory" : "products"}});
  for (const contestant& each : row.contestants)
    one[each.name] = {{"minimum_seconds", each.time.minimum},
                      {"median_seconds", each.time.median},
                      {"samples", each.time.samples},
                      {"error", each.error}};
  return one;
}

json total_json(const network_total& total) {
  json one = {{"operation", total.operation}, {"layers", total.layers}, {"floor_seconds", total.floor}};
  for (const auto& [name, seconds] : total.seconds) one[name + "_seconds"] = seconds;
  return one;
}

}  // namespace

std::vector<network_total> totals_of(const bench_report& report) {
  std::vector<network_total> totals;
  for (const bench_row& row : report.rows) {
    auto total = std::find_if(totals.begin(), totals.end(), [&](const network_total& t) { return t.operation == row.operation; });
    if (total == totals.end()) {
      total = totals.insert(totals.end(), {row.operation, 0, 0, {}});
      for (const contestant& each : row.contestants) total->seconds.emplace_back(each.name, 0.0);
    }
    const double times = row.map ? static_cast<double>(row.layers.size()) : 1;
    total->layers += static_cast<std::int64_t>(row.layers.size());
    total->floor += times * floor_seconds(row.work, report.rates.best);
    for (std::size_t k = 0; k < row.contestants.size(); ++k) total->seconds[k].second += times * row.contestants[k].time.median;
  }
  return totals;
}

std::string text_of(const bench_report& report) {
  const machine_rates& best = report.rates.best;
  std::string all = "sirfp " + std::string(version) + " on " + report.device + "; maps of " + report.network + " in " +
                    std::string(name_of(report.type)) + ": " + report.origin + "\nfloor: " + bytes_text(best.bytes_per_second) + "/s (" +
                    report.rates.bandwidth_from + "), " + amount(best.operations_per_second) + "FLOP/s (" + report.rates.operations_from +
                    ")\n\n" + table_of(report);
  if (report.whole) {
    all += "\none image of " + report.network + ":\n";
    for (const network_total& total : totals_of(report)) all += total_line(total);
  }
  return all;
}

json json_of(const bench_report& report) {
  json rows = json::array();
  for (const bench_row& row : report.rows) rows.push_back(row_json(row, report.rates.best));
  json totals = json::array();
  if (report.whole)
    for (const network_total& total : totals_of(report)) totals.push_back(total_json(total));
  return {{"command", "bench"},
          {"version", version},
          {"device", report.device},
          {"network", report.network},
          {"origin", report.origin},
          {"dtype", name_of(report.type)},
          {"rates",
           {{"bytes_per_second", report.rates.best.bytes_per_second},
            {"bytes_from", report.rates.bandwidth_from},
            {"operations_per_second", report.rates.best.operations_per_second},
            {"operations_from", report.rates.operations_from}}},
          {"rows", rows},
          {"one_image", totals}};
}

}  // namespace sirfp::cli
