// BLAS runs single-threaded inside our threads: one pool, and products whose bits do not depend on the number of threads.
#pragma once

namespace sirfp {

// While one lives, OpenBLAS uses the calling thread only; the last one to go restores the number that the first one found. Another BLAS
// is left as it is.
class single_threaded_blas {
 public:
  single_threaded_blas();
  ~single_threaded_blas();
  single_threaded_blas(const single_threaded_blas&) = delete;
  single_threaded_blas& operator=(const single_threaded_blas&) = delete;
};

}  // namespace sirfp
