// The loop of the update over a range of elements.
#ifndef KERASCHED_SGD_LOOP_H_
#define KERASCHED_SGD_LOOP_H_

#include <cstdint>

#include "sgd_rule.h"

namespace kerasched {

// Updates `size` elements in place: reads 12 and writes 8 bytes for each float32.
// The ranges do not overlap, which the caller has checked (see sgd.cc). Thread-safe on
// ranges that do not meet.
template <typename T>
void UpdateRange(T* __restrict weight, const T* __restrict gradient,
                 T* __restrict velocity, std::int64_t size, T learning_rate,
                 T momentum) {
  for (std::int64_t i = 0; i < size; ++i) {
    UpdateElement(weight[i], velocity[i], gradient[i], learning_rate, momentum);
  }
}

}  // namespace kerasched

#endif  // KERASCHED_SGD_LOOP_H_
