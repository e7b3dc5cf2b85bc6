// What a call costs the host and the device where the work is small: one site, call after call on a stream, and the same as a graph. Only
// with the CUDA runtime: a graph is its business.
#include <cuda_runtime_api.h>

#include <chrono>
#include <memory>

#include "cold_row.hpp"
#include "device/cuda_error.hpp"
#include "gram_row.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::bench {
namespace {

constexpr int calls = 300;

// One call's work on a stream of its own, and the graph of it.
class small_site {
 public:
  small_site(std::int64_t channels, std::int64_t pixels) : map_(dtype::f16, 1, channels, 1, pixels) {
    SIRFP_CHECK_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    ctx_ = cuda_context(0, stream_);
    device::wait_sync(nullptr);  // the map is there
    call();                      // makes the state
    SIRFP_CHECK_CUDA(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    call();
    cudaGraph_t graph = nullptr;
    SIRFP_CHECK_CUDA(cudaStreamEndCapture(stream_, &graph));
    SIRFP_CHECK_CUDA(cudaGraphInstantiate(&graph_, graph, 0));
    SIRFP_CHECK_CUDA(cudaGraphDestroy(graph));
  }
  ~small_site() {
    state_ = {};
    cudaStreamSynchronize(stream_);
    cudaGraphExecDestroy(graph_);
    cudaStreamDestroy(stream_);
  }
  small_site(const small_site&) = delete;
  small_site& operator=(const small_site&) = delete;

  void call() { accumulate_similarity(ctx_, map_.view, {}, {}, state_); }
  void replay() { SIRFP_CHECK_CUDA(cudaGraphLaunch(graph_, stream_)); }
  void wait_sync() { device::wait_sync(stream_); }

 private:
  random_map map_;
  cudaStream_t stream_ = nullptr;
  cudaGraphExec_t graph_ = nullptr;
  context ctx_;
  similarity_state state_;
};

double microseconds_now() { return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// `host_us`: until the calls are on the stream; `device_us`: until they are done; of one call.
void add(std::int64_t channels, std::int64_t pixels, const char* how, void (small_site::*one)()) {
  add_row(text("stream/", how, "/C:", channels, "/P:", pixels), [=] {
    const auto site = std::make_shared<small_site>(channels, pixels);
    (site.get()->*one)();
    site->wait_sync();
    const double begin = microseconds_now();
    for (int k = 0; k < calls; ++k) (site.get()->*one)();
    const double issued = microseconds_now();
    site->wait_sync();
    const double done = microseconds_now();
    const auto run = [=] {
      (site.get()->*one)();
      site->wait_sync();
    };
    return cold_row{run, 0, 0, {{"host_us", (issued - begin) / calls}, {"device_us", (done - begin) / calls}}};
  });
}

}  // namespace

void add_rows() {
  for (const auto& [channels, pixels] : {std::pair{64, 1024}, std::pair{64, 9408}, std::pair{256, 2048}}) {
    add(channels, pixels, "calls", &small_site::call);
    add(channels, pixels, "graph", &small_site::replay);
  }
}

}  // namespace sirfp::bench
