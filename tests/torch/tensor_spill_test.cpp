// Tensors whose memory waits on disk come back bit for bit, as the same tensors.
#include "../../bindings/torch/src/tensor_spill.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "../support/error_text.hpp"
#include "../support/temporary_folder.hpp"
#include "sirfp/expects.hpp"

namespace sirfp::test {
namespace {

using adapter::spill_file;
using adapter::tensor_memory;

TEST(tensor_spill, brings_views_and_types_back_as_they_were) {
  const c10::InferenceMode inference;
  const at::Tensor map = at::randn({2, 6, 5, 7}), bytes = at::randint(0, 256, {11}, at::kByte), empty = at::empty({0, 3});
  const at::Tensor view = map.narrow(1, 2, 3), turned = map.permute({0, 2, 3, 1}), half = at::randn({3, 4}).to(at::kBFloat16);
  const std::vector<at::Tensor> tensors{view, map, turned, bytes, empty, at::Tensor(), half};
  std::vector<at::Tensor> copies;
  for (const at::Tensor& tensor : tensors) copies.push_back(tensor.defined() ? tensor.clone() : tensor);
  tensor_memory memory(tensors, {});
  EXPECT_EQ(memory.bytes(), 2 * 6 * 5 * 7 * 4 + 11 + 24) << "views count once";
  spill_file file;
  memory.spill(file);
  EXPECT_TRUE(memory.on_disk());
  EXPECT_EQ(file.size(), memory.bytes());
  EXPECT_EQ(map.storage().data(), nullptr);
  memory.restore(file);
  EXPECT_FALSE(memory.on_disk());
  EXPECT_EQ(file.size(), 0);
  for (std::size_t i = 0; i < tensors.size(); ++i) EXPECT_TRUE(!tensors[i].defined() || at::equal(tensors[i], copies[i])) << i;
  map.fill_(3);
  EXPECT_EQ(view.min().item<float>(), 3) << "still a view";
  EXPECT_EQ(turned.min().item<float>(), 3) << "still a view";
}

TEST(tensor_spill, leaves_pinned_memory_alone) {
  const at::Tensor parameter = at::randn({4, 4}), own = at::randn({3});
  tensor_memory memory({parameter.t(), own}, {parameter});
  EXPECT_EQ(memory.bytes(), 12);
  spill_file file;
  memory.spill(file);
  EXPECT_NE(parameter.storage().data(), nullptr);
  memory.restore(file);
}

TEST(spill_file, reuses_what_was_given_back) {
  std::mt19937_64 random(5);
  spill_file file;
  std::vector<std::pair<spill_file::region, std::vector<char>>> held;
  std::int64_t bytes = 0, most = 0;
  for (int turn = 0; turn < 2000; ++turn) {
    if (held.size() < 20 && random() % 2 == 0) {
      std::vector<char> data(1 + random() % 5000);
      for (char& c : data) c = static_cast<char>(random());
      held.emplace_back(file.put(data.data(), static_cast<std::int64_t>(data.size())), data);
      bytes += static_cast<std::int64_t>(data.size());
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      std::vector<char> back(held.back().second.size());
      file.take(held.back().first, back.data());
      ASSERT_EQ(back, held.back().second) << "turn " << turn;
      bytes -= static_cast<std::int64_t>(back.size());
      held.pop_back();
    }
    ASSERT_GE(file.size(), bytes);
    most = std::max(most, file.size());
  }
  EXPECT_LE(most, 20 * 5000 * 3 / 2) << "20 regions of at most 5000 bytes never need much more";
  for (const auto& [region, data] : held) {
    std::vector<char> back(data.size());
    file.take(region, back.data());
    EXPECT_EQ(back, data);
  }
  EXPECT_EQ(file.size(), 0);
}

class tmpdir {
 public:
  explicit tmpdir(const std::string& folder) : before_(std::getenv("TMPDIR") == nullptr ? "" : std::getenv("TMPDIR")) {
    ::setenv("TMPDIR", folder.c_str(), 1);
  }
  ~tmpdir() {
    if (before_.empty())
      ::unsetenv("TMPDIR");
    else
      ::setenv("TMPDIR", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST(spill_file, leaves_no_name_in_its_folder) {
  const temporary_folder folder;
  const tmpdir set(folder.path().string());
  spill_file file;
  file.put("abc", 3);
  EXPECT_EQ(folder.entries(), 0);
}

TEST(spill_file, a_folder_that_cannot_be_written_is_named) {
  const temporary_folder folder;
  const tmpdir set((folder / "absent").string());
  spill_file file;
  const std::string line = error_text<failure>([&] { file.put("abc", 3); });
  SIRFP_EXPECT_HAS(line, (folder / "absent").string());
  SIRFP_EXPECT_HAS(line, "No such file or directory");
  SIRFP_EXPECT_HAS(line, "TMPDIR");
}

}  // namespace
}  // namespace sirfp::test
