// The update rule of keras.optimizers.Adam and AdamW, for one element.
#ifndef KERASCHED_ADAM_RULE_H_
#define KERASCHED_ADAM_RULE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "inlining.h"
#include "scalar_types.h"
#include "scalars.h"

namespace kerasched {

// Slots: the momentum, the velocity, and with amsgrad the largest velocity so far.
// Hyperparameters: beta_1, beta_2, 1 - beta_1, 1 - beta_2, epsilon. The differences are
// given, as Keras rounds them after the subtraction.
template <bool amsgrad>
struct Adam {
  static constexpr const char* kName = amsgrad ? "adam_amsgrad" : "adam";
  static constexpr std::size_t kSlots = amsgrad ? 3 : 2, kHyperparameters = 5;

  // The learning rate contains the bias corrections of this update, counted from 1.
  template <typename Real>
  static Numbers<Real> Prepare(const Scalars& s, std::int64_t update) {
    const auto& given = s.hyperparameters;
    const auto power = [update](double beta) {
      const auto rounded = static_cast<double>(static_cast<Real>(beta));
      return static_cast<Real>(std::pow(rounded, static_cast<double>(update)));
    };
    const Real learning_rate = static_cast<Real>(s.learning_rate) *
                               std::sqrt(1 - power(given[1])) / (1 - power(given[0]));
    return {learning_rate, static_cast<Real>(given[2]), static_cast<Real>(given[3]),
            static_cast<Real>(given[4])};
  }

  template <typename T>
  static KERASCHED_INLINE void Move(const T (&numbers)[kMaxNumbers], T gradient,
                                    T& weight, T* slots) {
    const T learning_rate = numbers[0], epsilon = numbers[3];
    T &momentum = slots[0], &velocity = slots[1];
    momentum = momentum + (gradient - momentum) * numbers[1];
    velocity = velocity + (gradient * gradient - velocity) * numbers[2];
    if (amsgrad) slots[2] = Larger(slots[2], velocity);
    weight = weight -
             momentum * learning_rate / (SquareRoot(slots[amsgrad ? 2 : 1]) + epsilon);
  }
};

}  // namespace kerasched

#endif  // KERASCHED_ADAM_RULE_H_
