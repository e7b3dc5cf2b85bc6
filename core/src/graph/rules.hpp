// One row a rule: how channels flow through an operator.
#pragma once

#include <string_view>

#include "graph/analysis.hpp"

namespace sirfp::graph {

using rule = void (*)(analysis&, const op_view&);

// nullptr: no rule; the caller locks. `name` without the in-place underscore.
rule find_rule(std::string_view name);

// Producers and consumers (rules_dense.cpp)
void convolution_rule(analysis& a, const op_view& o);
void linear_rule(analysis& a, const op_view& o);
void matmul_rule(analysis& a, const op_view& o);
void addmm_rule(analysis& a, const op_view& o);

// Normalisation and other operators with per-channel parameters (rules_norm.cpp)
void batch_norm_rule(analysis& a, const op_view& o);
void layer_norm_rule(analysis& a, const op_view& o);
void group_norm_rule(analysis& a, const op_view& o);
void prelu_rule(analysis& a, const op_view& o);

// Position by position (rules_elementwise.cpp)
void unary_rule(analysis& a, const op_view& o);        // reads argument 0 only, whatever else it is given
void elementwise_rule(analysis& a, const op_view& o);  // all tensor arguments, broadcast
void dropout_rule(analysis& a, const op_view& o);
void max_min_rule(analysis& a, const op_view& o);  // binary, or a reduction
void source_rule(analysis& a, const op_view& o);   // makes a tensor of fixed extents from none

// Over some axes (rules_axes.cpp)
void spatial_1d_rule(analysis& a, const op_view& o);  // mixes along the last k axes
void spatial_2d_rule(analysis& a, const op_view& o);
void spatial_3d_rule(analysis& a, const op_view& o);
void grid_sample_rule(analysis& a, const op_view& o);
void pad_rule(analysis& a, const op_view& o);
void reduction_rule(analysis& a, const op_view& o);       // dim list at argument 1
void norm_reduction_rule(analysis& a, const op_view& o);  // dim list at argument 2
void along_axis_rule(analysis& a, const op_view& o);      // dim at argument 1, shape unchanged: softmax, cumsum
void flip_rule(analysis& a, const op_view& o);
void roll_rule(analysis& a, const op_view& o);

// Joining and cutting (rules_join.cpp)
void cat_rule(analysis& a, const op_view& o);
void stack_rule(analysis& a, const op_view& o);
void chunk_rule(analysis& a, const op_view& o);
void split_rule(analysis& a, const op_view& o);
void split_with_sizes_rule(analysis& a, const op_view& o);
void slice_rule(analysis& a, const op_view& o);
void narrow_rule(analysis& a, const op_view& o);
void select_rule(analysis& a, const op_view& o);
void unbind_rule(analysis& a, const op_view& o);
void glu_rule(analysis& a, const op_view& o);

// Shape (rules_shape.cpp, rules_reshape.cpp)
void permute_rule(analysis& a, const op_view& o);
void transpose_rule(analysis& a, const op_view& o);
void squeeze_rule(analysis& a, const op_view& o);
void unsqueeze_rule(analysis& a, const op_view& o);
void expand_rule(analysis& a, const op_view& o);
void expand_as_rule(analysis& a, const op_view& o);
void repeat_rule(analysis& a, const op_view& o);
void pixel_shuffle_rule(analysis& a, const op_view& o);
void pixel_unshuffle_rule(analysis& a, const op_view& o);
void channel_shuffle_rule(analysis& a, const op_view& o);
void view_rule(analysis& a, const op_view& o);     // sizes at argument 1, one per output axis
void flatten_rule(analysis& a, const op_view& o);  // reshapes without sizes
void unflatten_rule(analysis& a, const op_view& o);

}  // namespace sirfp::graph
