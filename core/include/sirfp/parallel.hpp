// The one pool of threads: core brings a small one, an embedding program may bring its own (the LibTorch adapter brings ATen's).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace sirfp {

class executor {
 public:
  virtual ~executor() = default;
  virtual int threads() const noexcept = 0;
  // Calls body(0) ... body(count - 1), each once, on any thread; returns when all are done. An exception thrown by a body is
  // rethrown here (the one of the lowest index). Not re-entrant: a body must not call parallel_for.
  virtual void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body) = 0;
};

// `threads` >= 1 worker threads in all, the caller's included; 1 runs everything on the caller's thread.
std::shared_ptr<executor> make_thread_pool(int threads);

}  // namespace sirfp
