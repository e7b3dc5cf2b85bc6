// The exact cost model: FLOPs, parameters and activations as functions of the kept channels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sirfp/channel_graph.hpp"

namespace sirfp {

// flops = 2 * multiply-adds of conv, transposed conv, linear and matmul; parameters = trained ones (buffers not counted);
// activations = elements of all operator outputs. For the example input's size, per batch as captured.
struct network_cost {
  double flops = 0;
  double parameters = 0;
  double activations = 0;
};

struct op_cost {
  std::int32_t op = -1;
  network_cost cost;
};

class cost_model {
 public:
  cost_model(const op_list& network, const channel_graph& graph);
  network_cost evaluate(const channel_mask& mask) const;            // O(sum of distinct layouts)
  std::vector<op_cost> per_op(const channel_mask& mask) const;      // live operators with a cost, in execution order

  // Incremental form for allocators: start from a mask, remove channels one at a time, in O(operators that see the channel).
  class cursor {
   public:
    cursor(const cost_model& model, channel_mask mask);
    const network_cost& cost() const noexcept { return cost_; }
    const channel_mask& mask() const noexcept { return mask_; }
    void remove(std::int32_t group, std::int32_t channel);
    void restore(std::int32_t group, std::int32_t channel);

   private:
    void change(std::int32_t group, std::int32_t channel, std::int64_t sign);
    const cost_model* model_;
    channel_mask mask_;
    std::vector<std::int64_t> widths_;  // per distinct layout
    network_cost cost_;
  };

 private:
  struct term {  // cost += coefficient * width[a] * width[b] * width[c] ...; index -1 = factor 1
    std::int32_t op = -1;
    std::int32_t a = -1;
    std::int32_t b = -1;
    network_cost coefficient;
  };
  struct occurrence {
    std::int32_t layout = 0;
    std::int32_t times = 0;
  };
  network_cost value_of(const term& t, const std::vector<std::int64_t>& widths) const;
  std::vector<std::int64_t> widths_of(const channel_mask& mask) const;
  std::vector<term> terms_;
  std::vector<channel_layout> layouts_;                          // distinct
  std::vector<std::vector<std::vector<occurrence>>> occurrences_;  // [group][channel]
  std::vector<std::vector<std::int32_t>> terms_of_layout_;
};

}  // namespace sirfp
