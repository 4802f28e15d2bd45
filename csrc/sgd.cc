#include "sgd.h"

#include <cstdint>

#include "sgd_loop.h"

namespace kerasched {
namespace {

std::int64_t BytesOf(const Array& array) {
  return array.size * (array.type == ScalarType::kFloat64 ? 8 : 4);
}

bool Overlap(const Array& a, const Array& b) {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a.data);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b.data);
  return a_begin < b_begin + static_cast<std::uintptr_t>(BytesOf(b)) &&
         b_begin < a_begin + static_cast<std::uintptr_t>(BytesOf(a));
}

bool SameKind(const Array& a, const Array& b) {
  return a.type == b.type && a.size == b.size;
}

template <typename T>
void Run(const Array& weight, const Array& gradient, const Array& velocity,
         double learning_rate, double momentum) {
  UpdateRange(static_cast<T*>(weight.data), static_cast<const T*>(gradient.data),
              static_cast<T*>(velocity.data), weight.size,
              static_cast<T>(learning_rate), static_cast<T>(momentum));
}

}  // namespace

Status UpdateMomentum(const Array& weight, const Array& gradient, const Array& velocity,
                      double learning_rate, double momentum) {
  if (!SameKind(weight, gradient)) {
    return {
        "Argument `gradient` of momentum_update must have the type and size of "
        "`weight`"};
  }
  if (!SameKind(weight, velocity)) {
    return {
        "Argument `velocity` of momentum_update must have the type and size of "
        "`weight`"};
  }
  if (Overlap(weight, gradient) || Overlap(weight, velocity) ||
      Overlap(gradient, velocity)) {
    return {"Arguments of momentum_update must not share memory"};
  }
  if (weight.type == ScalarType::kFloat64) {
    Run<double>(weight, gradient, velocity, learning_rate, momentum);
  } else {
    Run<float>(weight, gradient, velocity, learning_rate, momentum);
  }
  return {};
}

}  // namespace kerasched
