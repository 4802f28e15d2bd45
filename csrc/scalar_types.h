// The types that weights may have.
#ifndef KERASCHED_SCALAR_TYPES_H_
#define KERASCHED_SCALAR_TYPES_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "inlining.h"

namespace kerasched {

enum class ScalarType { kFloat32, kFloat64, kBFloat16 };

// A bfloat16 in computations: a float32 whose lower half is zero. Each operation is
// done in float32 and rounded to nearest, ties to even, as in NumPy, TensorFlow and
// JAX; the rounding uses integers, so that the compiler vectorizes it.
class RoundedFloat {
 public:
  RoundedFloat() = default;
  KERASCHED_INLINE explicit RoundedFloat(double value)
      : value_(Rounded(static_cast<float>(value))) {
    if (value != value) value_ = std::numeric_limits<float>::quiet_NaN();
  }
  KERASCHED_INLINE explicit operator float() const { return value_; }

  // Rounds the result of an operation on rounded numbers. NaN needs no special case: a
  // processor's NaN from such operands has a lower half of zero, too.
  static KERASCHED_INLINE RoundedFloat Of(float result) {
    RoundedFloat rounded;
    rounded.value_ = Rounded(result);
    return rounded;
  }

  // Converts from and to the upper half.
  static KERASCHED_INLINE RoundedFloat FromHalf(std::uint16_t half) {
    const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
    RoundedFloat rounded;
    std::memcpy(&rounded.value_, &bits, sizeof bits);
    return rounded;
  }
  KERASCHED_INLINE std::uint16_t half() const {
    std::uint32_t bits;
    std::memcpy(&bits, &value_, sizeof bits);
    return static_cast<std::uint16_t>(bits >> 16);
  }
  KERASCHED_INLINE RoundedFloat operator-() const {
    RoundedFloat negative;
    negative.value_ = -value_;
    return negative;
  }

 private:
  static KERASCHED_INLINE float Rounded(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
    std::memcpy(&value, &bits, sizeof bits);
    return value;
  }

  float value_;
};

KERASCHED_INLINE RoundedFloat operator+(RoundedFloat a, RoundedFloat b) {
  return RoundedFloat::Of(static_cast<float>(a) + static_cast<float>(b));
}
KERASCHED_INLINE RoundedFloat operator-(RoundedFloat a, RoundedFloat b) {
  return RoundedFloat::Of(static_cast<float>(a) - static_cast<float>(b));
}
KERASCHED_INLINE RoundedFloat operator*(RoundedFloat a, RoundedFloat b) {
  return RoundedFloat::Of(static_cast<float>(a) * static_cast<float>(b));
}
KERASCHED_INLINE RoundedFloat operator/(RoundedFloat a, RoundedFloat b) {
  return RoundedFloat::Of(static_cast<float>(a) / static_cast<float>(b));
}
KERASCHED_INLINE bool operator<(RoundedFloat a, RoundedFloat b) {
  return static_cast<float>(a) < static_cast<float>(b);
}
KERASCHED_INLINE bool operator>(RoundedFloat a, RoundedFloat b) { return b < a; }
KERASCHED_INLINE bool operator!=(RoundedFloat a, RoundedFloat b) {
  return static_cast<float>(a) != static_cast<float>(b);
}

KERASCHED_INLINE float SquareRoot(float value) { return std::sqrt(value); }
KERASCHED_INLINE double SquareRoot(double value) { return std::sqrt(value); }
KERASCHED_INLINE RoundedFloat SquareRoot(RoundedFloat value) {
  return RoundedFloat::Of(std::sqrt(static_cast<float>(value)));
}

// The larger value; NaN if either is.
template <typename T>
KERASCHED_INLINE T Larger(T a, T b) {
  return a > b || a != a ? a : b;
}

// -1, 0 or 1; NaN stays NaN. Compilers vectorize comparisons that are all made.
template <typename T>
KERASCHED_INLINE T Sign(T value) {
  const T zero(0.0), one(1.0);
  const T above = value > zero ? one : value;
  return value < zero ? -one : above;
}

// A bfloat16 in memory.
class BFloat16 {
 public:
  BFloat16() = default;
  KERASCHED_INLINE BFloat16(RoundedFloat value) : half_(value.half()) {}
  KERASCHED_INLINE operator RoundedFloat() const {
    return RoundedFloat::FromHalf(half_);
  }

 private:
  std::uint16_t half_;
};

// The type in which one computes with T.
template <typename T>
struct ValueOf {
  using Type = T;
};
template <>
struct ValueOf<BFloat16> {
  using Type = RoundedFloat;
};
template <typename T>
using Value = typename ValueOf<T>::Type;

// The type in which squares of T are added up within a block.
template <typename T>
struct SumOf {
  using Type = float;
};
template <>
struct SumOf<double> {
  using Type = double;
};

// The bits of T in memory, and those of its exponent.
template <typename T>
struct BitsOf {
  using Type = std::uint32_t;
  static constexpr Type kExponent = 0x7f800000u;
};
template <>
struct BitsOf<double> {
  using Type = std::uint64_t;
  static constexpr Type kExponent = 0x7ff0000000000000u;
};
template <>
struct BitsOf<BFloat16> {
  using Type = std::uint16_t;
  static constexpr Type kExponent = 0x7f80u;
};

inline std::int64_t BytesOf(ScalarType type) {
  return type == ScalarType::kFloat64 ? 8 : type == ScalarType::kFloat32 ? 4 : 2;
}

inline const char* NameOf(ScalarType type) {
  return type == ScalarType::kFloat64   ? "float64"
         : type == ScalarType::kFloat32 ? "float32"
                                        : "bfloat16";
}

}  // namespace kerasched

#endif  // KERASCHED_SCALAR_TYPES_H_
