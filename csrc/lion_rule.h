// The update rule of keras.optimizers.Lion, for one element.
#ifndef KERASCHED_LION_RULE_H_
#define KERASCHED_LION_RULE_H_

#include <cstddef>

#include "inlining.h"
#include "scalar_types.h"
#include "scalars.h"

namespace kerasched {

// Slot: the momentum. Hyperparameters: beta_1, beta_2.
struct Lion : GivenNumbers {
  static constexpr char kName[] = "lion";
  static constexpr std::size_t kSlots = 1, kHyperparameters = 2;

  template <typename T>
  static KERASCHED_INLINE void Move(const T (&numbers)[kMaxNumbers], T gradient,
                                    T& weight, T* slots) {
    const T learning_rate = numbers[0], beta_1 = numbers[1], beta_2 = numbers[2];
    const T one(1.0);
    T& momentum = slots[0];
    const T direction = Sign(momentum * beta_1 + gradient * (one - beta_1));
    weight = weight - learning_rate * direction;
    momentum = momentum * beta_2 + gradient * (one - beta_2);
  }
};

}  // namespace kerasched

#endif  // KERASCHED_LION_RULE_H_
