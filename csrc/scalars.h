// The values of one step, and what an update rule computes from them once.
#ifndef KERASCHED_SCALARS_H_
#define KERASCHED_SCALARS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace kerasched {

// Room for the hyperparameters and the numbers of any rule.
constexpr std::size_t kMaxHyperparameters = 5;
constexpr std::size_t kMaxNumbers = 4;

// The values that may change at each step. `iterations` counts micro-batches, as in
// Keras. Each rule says what its hyperparameters are.
struct Scalars {
  double learning_rate = 0;
  double weight_decay = 0;
  double loss_scale = 1;
  std::int64_t iterations = 0;
  std::array<double, kMaxHyperparameters> hyperparameters = {};
};

// What a rule uses for every element of a step. `Real` is the type in which Keras
// computes these numbers for the weights: float or double.
template <typename Real>
using Numbers = std::array<Real, kMaxNumbers>;

// The base of rules that use the learning rate and their hyperparameters as they are.
struct GivenNumbers {
  template <typename Real>
  static Numbers<Real> Prepare(const Scalars& s, std::int64_t) {
    Numbers<Real> numbers = {static_cast<Real>(s.learning_rate)};
    for (std::size_t i = 1; i < kMaxNumbers; ++i) {
      numbers[i] = static_cast<Real>(s.hyperparameters[i - 1]);
    }
    return numbers;
  }
};

}  // namespace kerasched

#endif  // KERASCHED_SCALARS_H_
