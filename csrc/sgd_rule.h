// The update rule for one element: the only place where it is written.
//
// Each function is one line of keras.optimizers.SGD, in its order of operations. T
// rounds after each of them (see scalar_types.h, and -ffp-contract=off in setup.py), so
// that results equal Keras's outside of XLA to the last bit.
#ifndef KERASCHED_SGD_RULE_H_
#define KERASCHED_SGD_RULE_H_

#include "inlining.h"

namespace kerasched {

// Which velocity the weight moves by.
enum class Momentum { kNone, kPlain, kNesterov };

// The gradient of a loss that had been multiplied by `scale`.
template <typename T>
KERASCHED_INLINE T Unscaled(T gradient, T scale) {
  return gradient / scale;
}

// The mean gradient of `steps` micro-batches, of which `sum` holds all but the last.
template <typename T>
KERASCHED_INLINE T Mean(T gradient, T sum, T steps) {
  return (gradient + sum) / steps;
}

// The gradient between -bound and bound; not-a-number stays what it is.
template <typename T>
KERASCHED_INLINE T Clamped(T gradient, T bound) {
  const T above = gradient > bound ? bound : gradient;
  return above < -bound ? -bound : above;
}

// The weight after its decay by a part of itself.
template <typename T>
KERASCHED_INLINE T Decayed(T weight, T decay, T learning_rate) {
  return weight - weight * decay * learning_rate;
}

// Moves the weight by its velocity, and the velocity by the gradient.
template <Momentum kind, typename T>
KERASCHED_INLINE void Move(T& weight, T& velocity, T gradient, T learning_rate,
                           T momentum) {
  const T step = gradient * learning_rate;
  velocity = velocity * momentum - step;
  weight =
      weight + (kind == Momentum::kNesterov ? velocity * momentum - step : velocity);
}

// Moves the weight down the gradient.
template <typename T>
KERASCHED_INLINE void Descend(T& weight, T gradient, T learning_rate) {
  weight = weight - gradient * learning_rate;
}

// The moving average with the weight in it, which counts for `rest` = 1 - momentum.
template <typename T>
KERASCHED_INLINE T Averaged(T average, T weight, T momentum, T rest) {
  return momentum * average + rest * weight;
}

}  // namespace kerasched

#endif  // KERASCHED_SGD_RULE_H_
