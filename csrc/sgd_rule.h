// The update rule of keras.optimizers.SGD, for one element.
#ifndef KERASCHED_SGD_RULE_H_
#define KERASCHED_SGD_RULE_H_

#include <cstddef>

#include "inlining.h"
#include "scalars.h"

namespace kerasched {

// The weight moves down the gradient.
struct Sgd : GivenNumbers {
  static constexpr char kName[] = "sgd";
  static constexpr std::size_t kSlots = 0, kHyperparameters = 0;

  template <typename T>
  static KERASCHED_INLINE void Move(const T (&numbers)[kMaxNumbers], T gradient,
                                    T& weight, T*) {
    weight = weight - gradient * numbers[0];
  }
};

// The weight moves by its velocity, the only slot. Hyperparameter: the momentum.
template <bool nesterov>
struct SgdMomentum : GivenNumbers {
  static constexpr const char* kName = nesterov ? "sgd_nesterov" : "sgd_momentum";
  static constexpr std::size_t kSlots = 1, kHyperparameters = 1;

  template <typename T>
  static KERASCHED_INLINE void Move(const T (&numbers)[kMaxNumbers], T gradient,
                                    T& weight, T* slots) {
    const T learning_rate = numbers[0], momentum = numbers[1];
    T& velocity = slots[0];
    const T step = gradient * learning_rate;
    velocity = velocity * momentum - step;
    weight = weight + (nesterov ? velocity * momentum - step : velocity);
  }
};

}  // namespace kerasched

#endif  // KERASCHED_SGD_RULE_H_
