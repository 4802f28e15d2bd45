// The update rule for one element. Nothing else implements it in C++.
//
// Each function is one line of keras.optimizers.SGD, in its order of operations. T
// rounds after each of them (see scalar_types.h, and -ffp-contract=off in setup.py), so
// that results equal Keras's outside of XLA to the last bit.
#ifndef KERASCHED_SGD_RULE_H_
#define KERASCHED_SGD_RULE_H_

#include "inlining.h"

namespace kerasched {

// How the velocity moves the weight.
enum class Momentum { kNone, kPlain, kNesterov };

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

// The next moving average; the weight has the factor `rest` = 1 - momentum.
template <typename T>
KERASCHED_INLINE T Averaged(T average, T weight, T momentum, T rest) {
  return momentum * average + rest * weight;
}

}  // namespace kerasched

#endif  // KERASCHED_SGD_RULE_H_
