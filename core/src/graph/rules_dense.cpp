// Dense operators: they read every channel of a site and make fresh channels. Depthwise convolutions, which only pass channels through,
// stand here because they come under the same names.
#include <vector>

#include "graph/rules.hpp"

namespace sirfp::graph {
namespace {

void freeze_kernel(analysis& a, const op_view& o, std::int32_t weight, std::int32_t first_axis) {
  for (std::int32_t axis = first_axis; axis < o.rank(weight); ++axis) a.freeze(weight, axis, o.reason("kernel axis of a weight"));
}

void lock_all(analysis& a, const op_view& o, std::string_view why) {
  for (std::int32_t v : o.all_tensors()) a.lock_value(v, o.reason(why));
}

void depthwise(analysis& a, const op_view& o, const convolution_arguments& c, const variables& in) {
  const std::int64_t multiplier = c.transposed ? o.extent(c.weight, 1) : o.extent(c.weight, 0) / c.groups;
  variables out;
  for (variable v : in) out.insert(out.end(), static_cast<std::size_t>(multiplier), v);
  a.tie(o, c.weight, 0, c.transposed ? in : out);
  freeze_kernel(a, o, c.weight, 1);
  a.tie(o, c.bias, 0, out);
  a.follow(o, c.groups_argument, 0, in);
  a.set(o, o.output(), {{c.axis, out}});
}

struct dense_read {
  std::int32_t input, axis;
  variables in;
  consumer reader;
};

// One site per convolution group.
void add_sites(analysis& a, const dense_read& r) {
  const std::int64_t part = static_cast<std::int64_t>(r.in.size()) / r.reader.blocks;
  for (std::int64_t block = 0; block < r.reader.blocks; ++block) {
    site_read site{r.input, r.axis, block * part, {r.in.begin() + block * part, r.in.begin() + (block + 1) * part}, r.reader};
    site.reader.block = block;
    a.sites.push_back(std::move(site));
  }
}

variables fresh_output(analysis& a, const op_view& o, std::int64_t count, std::int32_t axis) {
  variables out = a.channels.make(count);
  a.producers.push_back({o.index(), o.output(), axis, out});
  a.set(o, o.output(), {{axis, out}});
  return out;
}

// x times a matrix of which `weight` (a view of a parameter) stands in `in_axis`, `out_axis`.
void matrix(analysis& a, const op_view& o, std::int32_t x, std::int32_t weight, std::int32_t in_axis, std::int32_t out_axis,
            std::int32_t bias) {
  const analysis::parameter_view& seen = a.view(weight);
  if (seen.parameter < 0 || a.parametric(x) || o.rank(weight) != 2 || o.rank(o.output()) < 1) {
    return lock_all(a, o,
                    seen.parameter < 0 ? "matrix product of computed tensors" : "matrix product that is not of an activation and a matrix");
  }
  const std::int32_t axis = o.rank(x) - 1;
  const variables in = a.require(o, x, axis);
  const std::int32_t parameter_in = seen.axes[static_cast<std::size_t>(in_axis)];
  const std::int32_t parameter_out = seen.axes[static_cast<std::size_t>(out_axis)];
  const variables out = fresh_output(a, o, o.extent(weight, out_axis), o.rank(o.output()) - 1);
  a.tie(o, seen.parameter, parameter_in, in);
  a.tie(o, seen.parameter, parameter_out, out);
  a.tie(o, bias, 0, out);
  consumer reader{o.index(), seen.parameter, parameter_in, bias};
  add_sites(a, {x, axis, in, reader});
}

}  // namespace

void convolution_rule(analysis& a, const op_view& o) {
  const convolution_arguments c = convolution_of(o);
  if (!a.fixed(c.weight) || a.parametric(c.input)) return lock_all(a, o, a.parametric(c.input) ? "reads parameters" : "computed weight");
  const variables in = a.require(o, c.input, c.axis);
  const bool single = c.transposed ? c.groups == static_cast<std::int64_t>(in.size()) : o.extent(c.weight, 1) == 1;
  if (c.groups > 1 && single) return depthwise(a, o, c, in);

  const std::int32_t in_axis = c.transposed ? 0 : 1;
  const std::int64_t count = c.transposed ? o.extent(c.weight, 1) * c.groups : o.extent(c.weight, 0);
  const variables out = fresh_output(a, o, count, c.axis);
  // The axis that a grouped convolution shares among its groups is 1, whichever side that is.
  a.tie(o, c.weight, in_axis, in, in_axis == 1 ? c.groups : 1);
  a.tie(o, c.weight, 1 - in_axis, out, in_axis == 1 ? 1 : c.groups);
  freeze_kernel(a, o, c.weight, 2);
  a.tie(o, c.bias, 0, out);
  a.require_blocks(o, in, c.groups);
  a.require_blocks(o, out, c.groups);
  consumer reader{o.index(), c.weight, in_axis, c.bias};
  reader.blocks = c.groups;
  add_sites(a, {c.input, c.axis, in, reader});
}

void linear_rule(analysis& a, const op_view& o) { matrix(a, o, o.tensor(0), o.tensor(1), 1, 0, o.tensor(2)); }

void matmul_rule(analysis& a, const op_view& o) { matrix(a, o, o.tensor(0), o.tensor(1), 0, 1, -1); }

void addmm_rule(analysis& a, const op_view& o) {
  const auto is_one = [&](std::int32_t i) {
    const op_argument* s = o.argument(i);
    return !s || (s->ints.empty() ? s->floats.size() == 1 && s->floats[0] == 1.0 : s->ints[0] == 1);
  };
  const std::int32_t bias = o.tensor(0);
  if (!a.fixed(bias) || o.rank(bias) != 1 || o.extent(bias, 0) != o.extent(o.tensor(2), 1) || !is_one(3) || !is_one(4)) {
    return lock_all(a, o, "addmm other than a linear layer");
  }
  matrix(a, o, o.tensor(1), o.tensor(2), 0, 1, bias);
}

}  // namespace sirfp::graph
