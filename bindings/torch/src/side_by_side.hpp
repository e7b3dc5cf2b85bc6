// Several passes at once, one thread each. Two passes on a thread each take three quarters of the time of one after the other on two
// threads (docs/decisions/0011): ATen's threads meet after every operator, passes do not.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>

namespace sirfp::adapter {

// How many bodies `side_by_side` runs at the same time: as many as ATen has threads; one on a device, which is busy with one.
std::int64_t most_side_by_side(c10::Device device);

// Calls body(0) ... body(count - 1), each once and in the caller's modes (inference, autocast). On a CPU every body has one thread, however
// many run beside it, so what it computes does not depend on their number. An exception thrown by a body is rethrown (that of the lowest
// index) after the others have ended.
void side_by_side(c10::Device device, std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace sirfp::adapter
