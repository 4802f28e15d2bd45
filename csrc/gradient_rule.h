// What every update rule shares, for one element: how its gradient is prepared, and
// what happens to the weight before and after the rule moves it.
//
// Each function is one line of keras.optimizers.Optimizer, in its order of operations.
// T rounds after each of them (see scalar_types.h, and -ffp-contract=off in setup.py),
// so that results equal Keras's outside of XLA to the last bit. The same holds for the
// headers of the rules, which rules.h lists.
#ifndef KERASCHED_GRADIENT_RULE_H_
#define KERASCHED_GRADIENT_RULE_H_

#include "inlining.h"

namespace kerasched {

// The gradient of the loss, from that of the loss times `scale`.
template <typename T>
KERASCHED_INLINE T Unscaled(T gradient, T scale) {
  return gradient / scale;
}

// The mean gradient of `steps` micro-batches, of which `sum` holds all but the last.
template <typename T>
KERASCHED_INLINE T Mean(T gradient, T sum, T steps) {
  return (gradient + sum) / steps;
}

// The gradient, clamped to -bound .. bound; NaN stays NaN.
template <typename T>
KERASCHED_INLINE T Clamped(T gradient, T bound) {
  const T above = gradient > bound ? bound : gradient;
  return above < -bound ? -bound : above;
}

// The weight after weight decay.
template <typename T>
KERASCHED_INLINE T Decayed(T weight, T decay, T learning_rate) {
  return weight - weight * decay * learning_rate;
}

// The next moving average; the weight has the factor `rest` = 1 - momentum.
template <typename T>
KERASCHED_INLINE T Averaged(T average, T weight, T momentum, T rest) {
  return momentum * average + rest * weight;
}

}  // namespace kerasched

#endif  // KERASCHED_GRADIENT_RULE_H_
