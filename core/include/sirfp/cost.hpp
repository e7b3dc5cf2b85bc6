// The exact cost model: FLOPs, parameters and activations as functions of the kept channels.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
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
  network_cost evaluate(const channel_mask& mask) const;        // O(sum of distinct layouts)
  std::vector<op_cost> per_op(const channel_mask& mask) const;  // live operators with a cost, in execution order

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
    std::vector<std::int64_t> widths_;   // per distinct layout
    std::vector<std::int64_t> visited_;  // per term: the change that last touched it
    std::int64_t changes_ = 0;
    network_cost cost_;
  };

 private:
  // cost += coefficient * (product of the kept widths) / divisor; dividing last keeps whole numbers exact.
  struct term {
    std::int32_t op = -1;
    std::vector<std::int32_t> layouts;  // 0 to 2, in rare cases more
    network_cost coefficient;
    double divisor = 1;
  };
  struct occurrence {
    std::int32_t layout = 0;
    std::int64_t times = 0;
  };
  // A tensor's or a parameter's size in one factor: a layout that can change, or nothing.
  std::int32_t layout_id(const channel_graph& graph, const channel_layout& layout);
  void add(const channel_graph& graph, std::int32_t op, const network_cost& dense, const std::vector<const channel_layout*>& factors);
  void add_products(const op_list& network, const channel_graph& graph, std::int32_t op);
  void add_parameters(const op_list& network, const channel_graph& graph);
  void index_occurrences(const channel_graph& graph);
  network_cost value_of(const term& t, const std::vector<std::int64_t>& widths) const;
  std::vector<std::int64_t> widths_of(const channel_mask& mask) const;
  std::vector<term> terms_;
  std::vector<channel_layout> layouts_;  // distinct, those that can change
  std::map<std::vector<std::pair<std::int32_t, std::int32_t>>, std::int32_t> layout_ids_;
  std::vector<std::vector<std::vector<occurrence>>> occurrences_;  // [group][channel]
  std::vector<std::vector<std::int32_t>> terms_of_layout_;
};

}  // namespace sirfp
