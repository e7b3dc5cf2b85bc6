// Two BLAS libraries live in one process: ATen's own, and the CBLAS that core links.
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "sirfp/adapter/network.hpp"

namespace sirfp {
namespace {

TEST(blas, aten_keeps_its_own) {
  const std::string torch = [] {
    Dl_info found{};
    dladdr(reinterpret_cast<void*>(&at::get_num_threads), &found);
    return std::string(found.dli_fname);
  }();
  void* library = dlopen(torch.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  ASSERT_NE(library, nullptr) << torch;
  void* own = dlsym(library, "sgemm_");
  Dl_info owner{};
  if (own == nullptr || dladdr(own, &owner) == 0 || torch != owner.dli_fname) GTEST_SKIP() << torch << " exports no BLAS";
  EXPECT_EQ(dlsym(RTLD_DEFAULT, "sgemm_"), own) << "ATen's matrix products run in another library, which does not obey at::set_num_threads";
}

}  // namespace
}  // namespace sirfp
