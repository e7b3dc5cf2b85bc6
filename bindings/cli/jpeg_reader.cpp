#include "jpeg_reader.hpp"

#include <csetjmp>
#include <cstddef>
// jpeglib.h needs size_t and FILE before it.
#include <jerror.h>
#include <jpeglib.h>

namespace sirfp::cli {
namespace {

struct jpeg_errors {
  jpeg_error_mgr manager;  // first, so that libjpeg's pointer to it is a pointer to this
  std::jmp_buf back;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr info) {
  auto* errors = reinterpret_cast<jpeg_errors*>(info->err);
  info->err->format_message(info, errors->text);
  std::longjmp(errors->back, 1);
}

// libjpeg only warns of data that ends early or does not decode, and fills in grey: an image that must not be counted.
void judge_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
      give_up(info);
    default:
      return;
  }
}

// No object with a destructor lives in here: longjmp passes through.
bool decode(jpeg_decompress_struct& info, jpeg_errors& errors, std::FILE* file, picture_content content, picture& result) {
  if (setjmp(errors.back) != 0) return false;
  jpeg_create_decompress(&info);
  jpeg_stdio_src(&info, file);
  jpeg_read_header(&info, TRUE);
  result.size = {static_cast<std::int64_t>(info.image_height), static_cast<std::int64_t>(info.image_width)};
  if (content == picture_content::size) return true;
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  result.pixels.resize(static_cast<std::size_t>(result.size.height * result.size.width * 3));
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = result.pixels.data() + static_cast<std::size_t>(info.output_scanline) * info.output_width * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

}  // namespace

std::string read_jpeg(std::FILE* file, picture_content content, picture& result) {
  jpeg_decompress_struct info = {};
  jpeg_errors errors = {};
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = give_up;
  errors.manager.emit_message = judge_message;
  const bool good = decode(info, errors, file, content, result);
  jpeg_destroy_decompress(&info);
  return good ? std::string() : std::string("damaged JPEG: ") + errors.text;
}

}  // namespace sirfp::cli
