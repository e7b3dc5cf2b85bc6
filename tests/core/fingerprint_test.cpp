#include "sirfp/fingerprint.hpp"

#include <gtest/gtest.h>

#include "support/op_list_builder.hpp"

namespace sirfp::test {
namespace {

op_list network(std::int64_t side, std::int64_t width = 4, double slope = 0.1, bool swapped = false) {
  op_list_builder net;
  const auto x = net.input({1, 3, side, side});
  const auto a = net.conv("a", x, width), b = net.conv("b", x, width);
  const auto r = net.one("aten::leaky_relu", "act", {tensor(a), real(slope)}, net.extents(a));
  const auto v = net.one("aten::reshape", "v", {tensor(r), computed({1, width, side, side})}, net.extents(r));
  return net.finish({net.conv("head", swapped ? net.cat({b, v}) : net.cat({v, b}), 2, {.bias = true})});
}

// The published test values of FNV-1a, 64 bit.
TEST(fingerprint, hash_is_fnv_1a) {
  EXPECT_EQ(hash_bytes("", 0), "cbf29ce484222325");
  EXPECT_EQ(hash_bytes("a", 1), "af63dc4c8601ec8c");
  EXPECT_EQ(hash_bytes("foobar", 6), "85944171f73967e8");
}

TEST(fingerprint, does_not_depend_on_the_input_size) {
  EXPECT_EQ(fingerprint_of(network(8)), fingerprint_of(network(32)));
  EXPECT_EQ(first_difference(fingerprint_of(network(8)), fingerprint_of(network(32)), "the plan"), std::nullopt);
}

TEST(fingerprint, lists_operators_and_parameters) {
  const network_fingerprint f = fingerprint_of(network(8));
  ASSERT_EQ(f.operators.size(), 6u);
  EXPECT_EQ(f.operators[0], "aten::_convolution@a");
  ASSERT_EQ(f.parameters.size(), 4u);
  EXPECT_EQ(f.parameters[3].name, "head.bias");
  EXPECT_EQ(f.parameters[2].shape, (shape{2, 8, 1, 1}));
  EXPECT_EQ(f.parameters[0].hash, "");
}

TEST(fingerprint, first_difference_names_it) {
  const network_fingerprint here = fingerprint_of(network(8));
  const auto difference = [&](const network_fingerprint& there) { return first_difference(here, there, "the plan").value_or("none"); };
  EXPECT_EQ(difference(fingerprint_of(network(8, 6))), "parameter a.weight: shape [4, 3, 1, 1] here, [6, 3, 1, 1] in the plan");

  network_fingerprint there = here;
  there.operators[2] = "aten::silu@act";
  EXPECT_EQ(difference(there), "operator 2: aten::leaky_relu@act here, aten::silu@act in the plan");
  there = here;
  there.operators.pop_back();
  EXPECT_EQ(difference(there), "6 operators here, 5 in the plan");
  there = here;
  there.parameters[1].hash = "00";
  EXPECT_EQ(difference(there), "none") << "a hash that is not there on both sides says nothing";
  network_fingerprint hashed = here;
  hashed.parameters[1].hash = "01";
  EXPECT_EQ(first_difference(hashed, there, "the plan").value_or("none"), "parameter b.weight: other values here than in the plan");
}

TEST(fingerprint, literals_and_wiring_count) {
  const network_fingerprint here = fingerprint_of(network(8));
  EXPECT_NE(here, fingerprint_of(network(8, 4, 0.2)));
  EXPECT_NE(here, fingerprint_of(network(8, 4, 0.1, true)));
}

}  // namespace
}  // namespace sirfp::test
