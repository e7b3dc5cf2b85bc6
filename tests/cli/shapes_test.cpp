#include "shapes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sirfp/expects.hpp"
#include "support/error_text.hpp"

namespace sirfp::cli {
namespace {

using test::error_text;

constexpr const char* head = "# from a test\nlayer\tchannels\theight\twidth\tstride\torder\n";

TEST(shapes, a_line_is_a_layer) {
  const shape_table table =
      parse_shapes("net", std::string(head) + "layer 1.conv\t64\t256\t512\t4\tnchw\nmlp.fc1\t8\t1\t2\t0\tchannels_last\n");
  EXPECT_EQ(table.origin, "from a test");
  ASSERT_EQ(table.layers.size(), 2U);
  EXPECT_EQ(table.layers[0].name, "layer 1.conv");
  EXPECT_EQ(table.layers[0].channels, 64);
  EXPECT_EQ(table.layers[0].pixels(), 256 * 512);
  EXPECT_EQ(table.layers[0].stride, 4);
  EXPECT_FALSE(table.layers[0].channels_last);
  EXPECT_TRUE(table.layers[1].channels_last);
}

TEST(shapes, a_bad_line_is_named) {
  const auto refusal = [](const std::string& text) { return error_text<invalid_argument>([&] { parse_shapes("net", text); }); };
  SIRFP_EXPECT_HAS(refusal(std::string(head) + "conv\t64\t256\t512\t4\n"), "bench/shapes/net.tsv:3: conv");
  SIRFP_EXPECT_HAS(refusal(std::string(head) + "conv\t64\t256\t512\t4\tnchw\tmore\n"), "net.tsv:3");
  SIRFP_EXPECT_HAS(refusal(std::string(head) + "conv\t0\t256\t512\t4\tnchw\n"), "expected positive extents");
  SIRFP_EXPECT_HAS(refusal(std::string(head) + "conv\t1\t256\t512\t4\tnhcw\n"), "order nhcw");
  SIRFP_EXPECT_HAS(refusal("layer\n"), "net.tsv:1");
  SIRFP_EXPECT_HAS(refusal("# from\nlayer channels\n"), "net.tsv:2");
  SIRFP_EXPECT_HAS(refusal(head), "no layer");
}

// Every table in the program: whole, and of the sizes that its strides say.
TEST(shapes, tables_follow_their_strides) {
  const std::vector<std::string> names = shape_table_names();
  for (const char* name : {"deeplabv3plus_r50", "deeplabv3plus_r101", "pspnet_r50", "hrnet_w48", "segformer_b2", "segformer_b5",
                           "upernet_convnext_b", typical_shapes})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  for (const std::string& name : names) {
    if (name == typical_shapes) continue;
    const shape_table whole = shapes_of(name, std::nullopt);
    const shape_table same = shapes_of(name, table_size);
    const shape_table odd = shapes_of(name, picture_size{769, 33});
    for (std::size_t k = 0; k < whole.layers.size(); ++k) {
      const layer_shape& layer = whole.layers[k];
      EXPECT_EQ(layer.height, same.layers[k].height) << name << " " << layer.name;
      EXPECT_EQ(layer.width, same.layers[k].width) << name << " " << layer.name;
      if (layer.stride == 8) {
        EXPECT_EQ(odd.layers[k].height, 97) << name << " " << layer.name;
        EXPECT_EQ(odd.layers[k].width, 5) << name << " " << layer.name;
      }
      if (layer.stride == 0) {
        EXPECT_EQ(odd.layers[k].pixels(), layer.pixels()) << name << " " << layer.name;
      }
    }
  }
}

TEST(shapes, what_is_not_there_is_refused) {
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { shapes_of("deeplabv3plus_r102", std::nullopt); }),
                   "--network deeplabv3plus_r102: no such table of shapes; did you mean deeplabv3plus_r101?");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([] { shapes_of(typical_shapes, picture_size{64, 64}); }), "--size");
}

TEST(shapes, equal_maps_are_one_kind) {
  const std::vector<layer_shape> layers = {
      {"a", 8, 4, 4, 2, false}, {"b", 8, 4, 4, 2, true}, {"c", 8, 4, 4, 2, false}, {"d", 8, 2, 8, 2, false}};
  const std::vector<map_kind> kinds = distinct_maps(layers);
  ASSERT_EQ(kinds.size(), 3U);
  EXPECT_EQ(kinds[0].layers, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(kinds[1].layers, std::vector<std::string>{"b"});
  EXPECT_EQ(kinds[2].layers, std::vector<std::string>{"d"});
}

}  // namespace
}  // namespace sirfp::cli
