#include "sirfp/safetensors.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "sirfp/expects.hpp"
#include "sirfp/files.hpp"
#include "support/error_text.hpp"
#include "support/temporary_folder.hpp"

namespace sirfp {
namespace {

using test::error_text;
using test::temporary_folder;

safetensors_file sample() {
  safetensors_file file;
  file.metadata = {{"format", "sample"}, {"quoted", "a \"b\"\n\xc3\xa9"}};
  file.tensors["b"] = f64_tensor(std::vector<double>{1.5, -2.25, 1e300}, {3});
  file.tensors["a"] = f32_tensor(std::vector<float>{0.5F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, {2, 3});
  file.tensors["odd"] = {"U8", {3}, {std::byte{1}, std::byte{2}, std::byte{255}}};
  file.tensors["empty"] = {"F64", {0, 4}, {}};
  file.tensors["scalar"] = f64_tensor(std::vector<double>{7}, {});
  return file;
}

// A file from parts, however wrong they are.
std::string raw(const std::string& header, const std::string& data, std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(length >> (8 * i)));
  return bytes + header + data;
}
std::string raw(const std::string& header, const std::string& data) { return raw(header, data, header.size()); }

TEST(safetensors, round_trip) {
  const temporary_folder folder;
  const safetensors_file file = sample();
  write_safetensors(folder / "a", file);
  const safetensors_file back = read_safetensors(folder / "a");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    SCOPED_TRACE(name);
    EXPECT_EQ(back.tensors.at(name).dtype, tensor.dtype);
    EXPECT_EQ(back.tensors.at(name).shape, tensor.shape);
    EXPECT_EQ(back.tensors.at(name).bytes, tensor.bytes);
  }
  EXPECT_EQ(f64_values(back.tensors.at("b")), (std::vector<double>{1.5, -2.25, 1e300}));
  EXPECT_EQ(f32_values(back.tensors.at("a")).back(), 6.0F);
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { f32_values(back.tensors.at("b")); }), "F64: expected F32");
}

TEST(safetensors, same_content_same_bytes_and_aligned) {
  const temporary_folder folder;
  write_safetensors(folder / "a", sample());
  write_safetensors(folder / "b", sample());
  EXPECT_EQ(read_text(folder / "a"), read_text(folder / "b"));
  safetensors_reader reader(folder / "a");
  EXPECT_EQ(reader.tensors().at("a").begin % 4, 0u);
  EXPECT_EQ(reader.tensors().at("b").begin % 8, 0u);
  EXPECT_EQ(static_cast<unsigned char>(read_text(folder / "a")[0]) % 8, 0);  // the header's length
}

TEST(safetensors, no_tensors_at_all) {
  const temporary_folder folder;
  write_safetensors(folder / "a", {});
  EXPECT_TRUE(read_safetensors(folder / "a").tensors.empty());
}

struct broken {
  const char* name;
  std::string bytes;
  const char* says;
};

TEST(safetensors, refuses_broken_files) {
  const std::string good = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string eight(8, 'd');
  const std::vector<broken> cases = {
      {"empty file", "", "0 bytes, expected at least 8"},
      {"short file", "abc", "3 bytes, expected at least 8"},
      {"huge header", raw(good, eight, 1ULL << 40), "not a safetensors file: header of"},
      {"header beyond the end", raw(good, eight, 500), "truncated: header of 500 bytes"},
      {"a zip", "PK\3\4\0\0\0\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "not a safetensors file"},
      {"not an object", raw("[1,2]", ""), "its header is not a JSON object"},
      {"not JSON", raw("{\"x\":", ""), "header is not JSON"},
      {"truncated data", raw(good, "dddd"), "out of range: truncated file? its data has 4 bytes"},
      {"data left over", raw(good, eight + "d"), "1 bytes after the last tensor"},
      {"no dtype", raw(R"({"x":{"shape":[2],"data_offsets":[0,8]}})", eight), "tensor x: expected dtype, shape and data_offsets"},
      {"unknown dtype", raw(R"({"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", eight), "tensor x: unknown dtype \"F31\""},
      {"negative extent", raw(R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", eight), "shape [-2]"},
      {"fraction", raw(R"({"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", eight), "shape [2.0]"},
      {"overflow", raw(R"({"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", eight), "more than 2^64"},
      {"shape and bytes disagree", raw(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", eight),
       "expect 12 bytes, data_offsets span 8"},
      {"offsets backwards", raw(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", eight), "data_offsets [8,0] out of range"},
      {"one offset", raw(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8]}})", eight), "expected two non-negative integers"},
      {"overlap",
       raw(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight),
       "tensor y starts at byte 4, inside the one before that ends at 8"},
      {"hole", raw(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight), "tensor x starts at byte 4, after a hole"},
      {"a name twice",
       raw(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight),
       "names x twice"},
      {"metadata not text", raw(R"({"__metadata__":{"n":1}})", ""), "metadata n: expected a string, found number"},
  };
  const temporary_folder folder;
  for (const broken& c : cases) {
    SCOPED_TRACE(c.name);
    write_text(folder / "broken", c.bytes);
    const std::string what = error_text<invalid_argument>([&] { read_safetensors(folder / "broken"); });
    SIRFP_EXPECT_HAS(what, (folder / "broken").string());
    SIRFP_EXPECT_HAS(what, c.says);
  }
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { read_safetensors(folder / "none"); }), "none: no such file");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { read_safetensors(folder.path()); }), "is a directory");
}

// Every prefix of a good file is refused, and none crashes.
TEST(safetensors, refuses_every_truncation) {
  const temporary_folder folder;
  write_safetensors(folder / "a", sample());
  const std::string whole = read_text(folder / "a");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(folder / "b", std::ios::binary) << whole.substr(0, length);
    EXPECT_THROW(read_safetensors(folder / "b"), invalid_argument) << "prefix of " << length << " bytes";
  }
}

TEST(safetensors, refuses_to_write_nonsense) {
  const temporary_folder folder;
  safetensors_file file;
  file.tensors["x"] = {"F32", {3}, std::vector<std::byte>(8)};
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { write_safetensors(folder / "a", file); }),
                   "tensor x: 8 bytes given, its shape expects 12");
  file.tensors = {{"x", {"F99", {1}, std::vector<std::byte>(8)}}};
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { write_safetensors(folder / "a", file); }), "F99");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { write_safetensors(folder / "a", {{{"k", "\xff\xfe"}}, {}}); }), "must be UTF-8");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] {
                     f64_tensor(std::vector<double>{1, 2}, {3});
                   }),
                   "tensor of 2 values: its shape expects 3");
  EXPECT_EQ(folder.entries(), 0);
}

}  // namespace
}  // namespace sirfp
