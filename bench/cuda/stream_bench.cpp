// What a site costs the host and the device where the work is small: a call a site on a stream, the same as a graph, and as many sites in a
// call as share launches. Only with the CUDA runtime: a graph is its business.
#include <cuda_runtime_api.h>

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "cold_row.hpp"
#include "device/cuda_error.hpp"
#include "gram_row.hpp"
#include "gram_tuning.hpp"
#include "sirfp/cuda_context.hpp"
#include "sirfp/similarity.hpp"

namespace sirfp::bench {
namespace {

constexpr int calls = 300;

// The work of one call, of `count` sites, on a stream of its own, and the graph of it.
class small_sites {
 public:
  small_sites(std::int64_t channels, std::int64_t pixels, std::int64_t count) : states_(static_cast<std::size_t>(count)) {
    SIRFP_CHECK_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    ctx_ = cuda_context(0, stream_);
    for (similarity_state& state : states_) {
      maps_.emplace_back(dtype::f16, 1, channels, 1, pixels);
      readings_.push_back({maps_.back().view, {}, &state});
    }
    device::wait_sync(nullptr);  // the map is there
    call();                      // makes the state
    SIRFP_CHECK_CUDA(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    call();
    cudaGraph_t graph = nullptr;
    SIRFP_CHECK_CUDA(cudaStreamEndCapture(stream_, &graph));
    SIRFP_CHECK_CUDA(cudaGraphInstantiate(&graph_, graph, 0));
    SIRFP_CHECK_CUDA(cudaGraphDestroy(graph));
  }
  ~small_sites() {
    states_.clear();
    cudaStreamSynchronize(stream_);
    cudaGraphExecDestroy(graph_);
    cudaStreamDestroy(stream_);
  }
  small_sites(const small_sites&) = delete;
  small_sites& operator=(const small_sites&) = delete;

  void call() { accumulate_similarity(ctx_, readings_, {}); }
  void replay() { SIRFP_CHECK_CUDA(cudaGraphLaunch(graph_, stream_)); }
  void wait_sync() { device::wait_sync(stream_); }

 private:
  std::deque<random_map> maps_;
  cudaStream_t stream_ = nullptr;
  cudaGraphExec_t graph_ = nullptr;
  context ctx_;
  std::vector<similarity_state> states_;
  std::vector<similarity_reading> readings_;
};

double microseconds_now() { return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// `host_us`: until the calls are on the stream; `device_us`: until they are done; of one site.
void add(std::int64_t channels, std::int64_t pixels, std::int64_t count, const char* how, void (small_sites::*one)()) {
  add_row(text("stream/", how, "/C:", channels, "/P:", pixels), [=] {
    const auto site = std::make_shared<small_sites>(channels, pixels, count);
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
    const auto sites = static_cast<double>(calls * count);
    return cold_row{run, 0, 0, {{"host_us", (issued - begin) / sites}, {"device_us", (done - begin) / sites}}};
  });
}

}  // namespace

void add_rows() {
  for (const auto& [channels, pixels] : {std::pair{64, 1024}, std::pair{64, 9408}, std::pair{256, 2048}}) {
    add(channels, pixels, 1, "calls", &small_sites::call);
    add(channels, pixels, 1, "graph", &small_sites::replay);
    add(channels, pixels, gram_tuning::sites_at_once, "together", &small_sites::call);
    add(channels, pixels, gram_tuning::sites_at_once, "together_graph", &small_sites::replay);
  }
}

}  // namespace sirfp::bench
