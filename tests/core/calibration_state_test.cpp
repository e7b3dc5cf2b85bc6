#include "sirfp/calibration_state.hpp"

#include <gtest/gtest.h>

#include <random>

#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "sirfp/packed.hpp"
#include "sirfp/safetensors.hpp"
#include "support/error_text.hpp"
#include "support/temporary_folder.hpp"

namespace sirfp {
namespace {

using test::error_text;
using test::temporary_folder;

// One image of a layer "stem" of 5 channels and a site "head" of 3, seeded by its number.
void count_image(const context& ctx, calibration_state& state, unsigned number, accumulation mode = accumulation::mean) {
  std::mt19937 random(number);
  std::normal_distribution<float> normal(0.5F, 1.0F);
  std::vector<float> pixels(5 * 6 * 7);
  for (float& value : pixels) value = normal(random);
  const auto layer = feature_view::nchw(pixels.data(), dtype::f32, 1, 5, 6, 7);
  const auto site = feature_view::nchw(pixels.data(), dtype::f32, 1, 3, 6, 7);
  similarity_options options;
  options.mode = mode;
  accumulate_similarity(ctx, layer, {}, options, state.layers["stem"]);
  accumulate_edge_score(ctx, layer, state.edges["stem"]);
  accumulate_moments(ctx, site, {}, state.sites["head"]);
  state.images.push_back(text("image", number, ".png"));
}

calibration_state state_of(const context& ctx, std::initializer_list<unsigned> images, accumulation mode = accumulation::mean) {
  calibration_state state;
  state.network = {{"aten::conv2d@stem", "aten::conv2d@head"}, "0123456789abcdef", {{"stem.weight", {5, 3, 3, 3}, "00000000000000aa"}}};
  state.options = R"({"size": [6, 7], "scale": 0.00392157})";
  for (const unsigned number : images) count_image(ctx, state, number, mode);
  return state;
}

void expect_same(const calibration_state& a, const calibration_state& b) {
  EXPECT_EQ(a.network, b.network);
  EXPECT_EQ(a.options, b.options);
  EXPECT_EQ(a.images, b.images);
  EXPECT_EQ(a.pending, b.pending);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  ASSERT_EQ(a.edges.size(), b.edges.size());
  ASSERT_EQ(a.sites.size(), b.sites.size());
  for (const auto& [name, s] : a.layers) {
    EXPECT_EQ(s.mode, b.layers.at(name).mode);
    EXPECT_EQ(s.images, b.layers.at(name).images);
    EXPECT_EQ(s.matrix.to_host_sync(), b.layers.at(name).matrix.to_host_sync());
  }
  for (const auto& [name, s] : a.edges) EXPECT_EQ(s.sum.to_host_sync(), b.edges.at(name).sum.to_host_sync());
  for (const auto& [name, s] : a.sites) {
    EXPECT_EQ(s.host_weight, b.sites.at(name).host_weight);
    EXPECT_EQ(s.mean.to_host_sync(), b.sites.at(name).mean.to_host_sync());
    EXPECT_EQ(s.scatter.to_host_sync(), b.sites.at(name).scatter.to_host_sync());
  }
}

class calibration : public testing::Test {
 protected:
  context ctx = reference_context();
  temporary_folder folder;
};

TEST_F(calibration, save_and_load_bit_for_bit) {
  calibration_state state = state_of(ctx, {1, 2, 3});
  state.pending = {"image4.png", "image\xc3\xa9.png"};
  state.sites["head"].host_weight = 0.1 + 0.2;  // not a short decimal
  save_state(folder / "s", state);
  expect_same(load_state(ctx, folder / "s"), state);
  save_state(folder / "again", load_state(ctx, folder / "s"));
  EXPECT_EQ(read_text(folder / "s"), read_text(folder / "again"));
  EXPECT_EQ(folder.entries(), 2);
}

TEST_F(calibration, empty_state_and_ema_state_survive) {
  calibration_state state = state_of(ctx, {});
  state.pending = {"a", "b"};
  save_state(folder / "s", state);
  expect_same(load_state(ctx, folder / "s"), state);
  save_state(folder / "ema", state_of(ctx, {1, 2}, accumulation::ema));
  EXPECT_EQ(load_state(ctx, folder / "ema").layers.at("stem").mode, accumulation::ema);
}

// When the second state is one batch, merging is counting on, to the last bit.
TEST_F(calibration, merge_equals_counting_on) {
  for (const std::initializer_list<unsigned> first : {std::initializer_list<unsigned>{}, {1}, {1, 2, 3}}) {
    calibration_state state = state_of(ctx, first);
    state.pending = {"image9.png", "image8.png"};
    calibration_state other = state_of(ctx, {9});
    other.pending = {"image7.png", "image8.png"};
    calibration_state all = state_of(ctx, first);
    count_image(ctx, all, 9);
    all.pending = {"image8.png", "image7.png"};
    merge(ctx, state, other);
    expect_same(state, all);
  }
}

TEST_F(calibration, merge_of_longer_states_is_close) {
  calibration_state state = state_of(ctx, {1, 2});
  merge(ctx, state, state_of(ctx, {3, 4, 5}));
  const calibration_state all = state_of(ctx, {1, 2, 3, 4, 5});
  EXPECT_EQ(state.images, all.images);
  const auto a = state.sites.at("head").scatter.to_host_sync();
  const auto b = all.sites.at("head").scatter.to_host_sync();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12 * std::abs(b[0]));
  EXPECT_EQ(state.sites.at("head").images, 5);
}

TEST_F(calibration, merge_refuses) {
  const calibration_state before = state_of(ctx, {1, 2});
  const auto refused = [&](calibration_state other) {
    calibration_state state = state_of(ctx, {1, 2});
    const std::string what = error_text<invalid_argument>([&] { merge(ctx, state, other); });
    expect_same(state, before);
    return what;
  };
  SIRFP_EXPECT_HAS(refused(state_of(ctx, {3, 2})), "both states have counted image image2.png");
  SIRFP_EXPECT_HAS(refused(state_of(ctx, {3}, accumulation::ema)), "layer stem of the other state is a moving average");
  calibration_state other = state_of(ctx, {3});
  other.network.parameters[0].shape = {4, 3, 3, 3};
  SIRFP_EXPECT_HAS(refused(std::move(other)), "stem.weight");
  other = state_of(ctx, {3});
  other.options = R"({"size": [6, 8], "scale": 0.00392157})";
  SIRFP_EXPECT_HAS(refused(std::move(other)), "option size: [6,7] here, [6,8] in the other state");
  other = state_of(ctx, {3});
  other.options = R"({"size": [6, 7]})";
  SIRFP_EXPECT_HAS(refused(std::move(other)), "option scale: 0.00392157 here, absent in the other state");
  other = state_of(ctx, {3});
  other.edges.clear();
  SIRFP_EXPECT_HAS(refused(std::move(other)), "edge score of layer stem is not in the other state");
  other = state_of(ctx, {3});
  other.sites["tail"] = std::move(other.sites["head"]);
  other.sites.erase("head");
  SIRFP_EXPECT_HAS(refused(std::move(other)), "site tail is in the other state only");
}

TEST_F(calibration, options_are_compared_as_json) {
  calibration_state state = state_of(ctx, {1});
  calibration_state other = state_of(ctx, {2});
  other.options = R"({"size":[6,7],"scale":0.00392157})";
  merge(ctx, state, other);
  EXPECT_EQ(state.images.size(), 2u);
}

TEST_F(calibration, load_refuses) {
  save_state(folder / "s", state_of(ctx, {1, 2}));
  const safetensors_file good = read_safetensors(folder / "s");
  const auto refused = [&](auto change) {
    safetensors_file file = good;
    change(file);
    write_safetensors(folder / "broken", file);
    const std::string what = error_text<invalid_argument>([&] { load_state(ctx, folder / "broken"); });
    SIRFP_EXPECT_HAS(what, (folder / "broken").string());
    return what;
  };
  using file = safetensors_file;
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata.erase("format"); }),
                   "not a calibration state of sirfp: expected format sirfp-state, found none");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["format"] = "pt"; }), "found pt");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["version"] = "2"; }), "state of version 2 (written by sirfp");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["version"] = "one"; }), "state of version one: expected 1");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata.erase("images"); }), "metadata images is missing");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["images"] = "[1]"; }), "metadata images: [0]: expected text, found number");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["layers"] = "{"; }), "metadata layers: not JSON");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["layers"] = R"({"stem": {"channels": 5, "images": 2}})"; }),
                   "stem: field mode is missing");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["layers"] = R"({"stem": {"channels": -5, "images": 2, "mode": "mean"}})"; }),
                   "stem.channels: expected a count");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["layers"] = R"({"stem": {"channels": 4, "images": 2, "mode": "mean"}})"; }),
                   "tensor similarity/stem/matrix: expected F64 [10], found F64 of 120 bytes");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.metadata["layers"] = R"({"stem": {"channels": 5, "images": 2, "mode": "median"}})"; }),
                   "found median");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.tensors.erase("moments/head/mean"); }), "tensor moments/head/mean is missing");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.tensors["stranger"] = f64_tensor(std::vector<double>{1}, {1}); }),
                   "1 tensors that its metadata does not name");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.tensors["edge/stem/sum"] = f32_tensor(std::vector<float>(5), {5}); }),
                   "expected F64 [5], found F32");
  SIRFP_EXPECT_HAS(refused([](file& f) { f.tensors["edge/stem/sum"] = f64_tensor(std::vector<double>(5, HUGE_VAL), {5}); }),
                   "holds a NaN or an infinity");
  write_text(folder / "text", "hello, this is no state at all");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { load_state(ctx, folder / "text"); }), "not a safetensors file");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { load_state(ctx, folder / "none"); }), "none: no such file");
}

TEST_F(calibration, image_name_that_is_not_utf8_is_refused) {
  calibration_state state = state_of(ctx, {1});
  state.images[0] = "image\xff.png";
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { save_state(folder / "s", state); }), "names must be UTF-8");
  EXPECT_EQ(folder.entries(), 0);
}

// For tests/python/test_state_file.py: leaves a state and its expected numbers where SIRFP_STATE_FOLDER says.
TEST_F(calibration, sample_for_python) {
  const char* target = std::getenv("SIRFP_STATE_FOLDER");
  const std::filesystem::path out = target != nullptr ? std::filesystem::path(target) : folder.path();
  const calibration_state state = state_of(ctx, {1, 2, 3});
  save_state(out / "state.safetensors", state);
  std::ostringstream expected;
  expected.precision(17);
  const auto matrix = mean_redundancy_sync(state.layers.at("stem"));
  const auto moments = moments_sync(state.sites.at("head"));
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 5; ++j) expected << matrix[static_cast<std::size_t>(packed_index(i, j))] << (j == 4 ? "\n" : " ");
  for (const double value : moments.covariance) expected << value << " ";
  expected << "\n";
  write_text(out / "expected.txt", expected.str());
  EXPECT_EQ(load_state(ctx, out / "state.safetensors").images.size(), 3u);
}

}  // namespace
}  // namespace sirfp
