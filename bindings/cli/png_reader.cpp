#include "png_reader.hpp"

#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

namespace sirfp::cli {
namespace {

struct png_errors {
  std::jmp_buf back;
  char text[256];
};

[[noreturn]] void give_up(png_structp png, png_const_charp message) {
  auto* errors = static_cast<png_errors*>(png_get_error_ptr(png));
  std::strncpy(errors->text, message, sizeof errors->text - 1);
  std::longjmp(errors->back, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

void ask_for_rgb(png_structp png, int colour, int depth) {
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if ((colour & PNG_COLOR_MASK_COLOR) == 0) {
    if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    png_set_gray_to_rgb(png);
  }
  if (depth == 16) png_set_scale_16(png);
  png_set_strip_alpha(png);  // a transparent palette entry counts as alpha too
}

// No object with a destructor lives in here: longjmp passes through.
bool decode(png_structp png, png_infop info, png_errors& errors, std::FILE* file, picture_content content, picture& result,
            std::vector<png_bytep>& rows) {
  if (setjmp(errors.back) != 0) return false;
  png_init_io(png, file);
  png_read_info(png, info);
  result.size = {static_cast<std::int64_t>(png_get_image_height(png, info)), static_cast<std::int64_t>(png_get_image_width(png, info))};
  if (content == picture_content::size) return true;
  const int colour = png_get_color_type(png, info);
  const int depth = png_get_bit_depth(png, info);
  if (content == picture_content::labels) {
    if (depth > 8 || (colour != PNG_COLOR_TYPE_GRAY && colour != PNG_COLOR_TYPE_PALETTE)) png_error(png, "not a label map");
    png_set_packing(png);  // less than 8 bits: one byte a pixel, values kept
  } else {
    ask_for_rgb(png, colour, depth);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const std::size_t row_bytes = png_get_rowbytes(png, info);
  const std::size_t channels = content == picture_content::labels ? 1 : 3;
  if (row_bytes != static_cast<std::size_t>(result.size.width) * channels) png_error(png, "unexpected row length");
  result.pixels.resize(row_bytes * static_cast<std::size_t>(result.size.height));
  rows.resize(static_cast<std::size_t>(result.size.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = result.pixels.data() + y * row_bytes;
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

std::string read_png(std::FILE* file, picture_content content, picture& result) {
  png_errors errors = {};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &errors, give_up, ignore_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr) return "no memory to read a PNG";
  std::vector<png_bytep> rows;
  const bool good = decode(png, info, errors, file, content, result, rows);
  png_destroy_read_struct(&png, &info, nullptr);
  if (good) return {};
  if (std::strcmp(errors.text, "not a label map") == 0) return "expected an 8-bit grey or palette PNG with one class number a pixel";
  return std::string("damaged PNG: ") + errors.text;
}

}  // namespace sirfp::cli
