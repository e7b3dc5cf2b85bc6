// Which maps wait, until when, and what is counted when reading them fails.
#include "../../bindings/torch/src/waiting_readings.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference/reference_backend.hpp"
#include "sirfp/adapter/observe.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

using adapter::waiting_readings;

// Writes down how many it was given at once, and has memory for so many in all.
class counting_backend final : public reference_backend {
 public:
  explicit counting_backend(std::int64_t at_once) : at_once_(at_once) {}
  std::int64_t readings_at_once() const noexcept override { return at_once_; }
  void add_moments(const context& ctx, std::span<const moments_reading> readings) const override {
    sizes.push_back(readings.size());
    for (const moments_reading& each : readings) {
      if (room-- == 0) throw out_of_memory("no room");
      reference_backend::add_moments(ctx, {&each, 1});
    }
  }
  mutable std::vector<std::size_t> sizes;
  mutable int room = 1000;

 private:
  std::int64_t at_once_;
};

struct waiting_room {
  explicit waiting_room(std::int64_t at_once = 3) : backend(std::make_shared<counting_backend>(at_once)) {}
  // A map of `kept` KiB, of which one row is read.
  void add(const std::string& what, std::int64_t kept_kib) {
    const at::Tensor map = at::rand({1, 2, 4, kept_kib * 32}).narrow(2, 0, 1);
    waiting.add(what, {map}, moments_reading{adapter::view_of(map, 1), {}, &states[what]});
  }
  std::shared_ptr<counting_backend> backend;
  context ctx{backend, reference_context().threads, host_memory()};
  similarity_options options;
  std::map<std::string, moments_state> states;
  std::map<std::string, int> counted;
  waiting_readings waiting{ctx, options, [this](const std::string& what) { ++counted[what]; }};
};

using sizes = std::vector<std::size_t>;

TEST(waiting_readings, as_many_as_are_taken_at_once) {
  waiting_room room;
  for (const char* what : {"a", "b"}) room.add(what, 1);
  EXPECT_EQ(room.backend->sizes, sizes{});
  EXPECT_TRUE(room.counted.empty());
  for (const char* what : {"c", "d"}) room.add(what, 1);
  EXPECT_EQ(room.backend->sizes, sizes{3});
  room.waiting.read_all();
  room.waiting.read_all();
  EXPECT_EQ(room.backend->sizes, (sizes{3, 1}));
  EXPECT_EQ(room.counted, (std::map<std::string, int>{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}));
}

TEST(waiting_readings, the_same_state_waits_once) {
  waiting_room room;
  for (const char* what : {"a", "b", "a"}) room.add(what, 1);
  EXPECT_EQ(room.backend->sizes, sizes{2});
  room.waiting.read_all();
  EXPECT_EQ(room.states["a"].images, 2);
  EXPECT_EQ(room.counted["a"], 2);
}

// What counts is the memory that a view keeps, not what it shows; and what two maps share counts once.
TEST(waiting_readings, large_maps_do_not_wait) {
  constexpr std::int64_t most = waiting_readings::most_map_bytes >> 10;
  waiting_room room;
  room.add("small", 1);
  room.add("large", most + 1);
  EXPECT_EQ(room.backend->sizes, sizes{1});
  EXPECT_EQ(room.states["large"].images, 1);
  EXPECT_EQ(room.states["small"].images, 0) << "it still waits";
  room.add("as large as may be", most);
  EXPECT_EQ(room.states["as large as may be"].images, 0);
}

// What a layer and a site share counts once.
TEST(waiting_readings, the_memory_of_all_has_a_bound) {
  waiting_room room(100);
  const auto map_of = [](std::int64_t bytes) { return at::rand({1, 2, 8, bytes / 64}); };
  similarity_state layer;
  const auto add_site = [&](const std::string& what, const at::Tensor& map) {
    room.waiting.add(what, {map}, moments_reading{adapter::view_of(map, 1), {}, &room.states[what]});
  };
  const at::Tensor shared = map_of(waiting_readings::most_map_bytes);
  room.waiting.add("layer", {shared}, similarity_reading{adapter::view_of(shared, 1), {}, &layer});
  add_site("a", shared);
  for (const char* what : {"b", "c", "d"}) add_site(what, map_of(waiting_readings::most_map_bytes));
  EXPECT_EQ(room.backend->sizes, sizes{}) << "16 MiB";
  EXPECT_EQ(layer.images, 0);
  add_site("e", map_of(64));
  EXPECT_EQ(room.backend->sizes, sizes{5});
  EXPECT_EQ(layer.images, 1);
}

TEST(waiting_readings, what_is_in_its_state_is_counted_though_others_fail) {
  waiting_room room;
  room.backend->room = 1;
  for (const char* what : {"a", "b"}) room.add(what, 1);
  EXPECT_THROW(room.add("c", 1), out_of_memory);
  EXPECT_EQ(room.counted, (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(room.states["a"].images + room.states["b"].images + room.states["c"].images, 1);
  room.backend->room = 1000;
  room.waiting.read_all();
  EXPECT_EQ(room.backend->sizes, sizes{3}) << "nothing waits any more";
}

}  // namespace
}  // namespace sirfp::test
