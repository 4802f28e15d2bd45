// The types that weights may have.
#ifndef KERASCHED_SCALAR_TYPES_H_
#define KERASCHED_SCALAR_TYPES_H_

#include <cstdint>
#include <cstring>

#include "inlining.h"

namespace kerasched {

enum class ScalarType { kFloat32, kFloat64, kBFloat16 };

// The upper half of a float32. Each operation is done in float32 and rounded to the
// nearest, ties to even, as NumPy, TensorFlow and JAX do; written in integers, so that
// the compiler makes vectors of it.
class BFloat16 {
 public:
  BFloat16() = default;
  KERASCHED_INLINE explicit BFloat16(double value)
      : BFloat16(static_cast<float>(value)) {}
  KERASCHED_INLINE explicit BFloat16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const std::uint32_t quiet = (bits >> 16) | 0x40u;
    const bool is_number = (bits & 0x7fffffffu) <= 0x7f800000u;
    bits_ = static_cast<std::uint16_t>(is_number ? rounded : quiet);
  }
  KERASCHED_INLINE explicit operator float() const {
    const std::uint32_t bits = static_cast<std::uint32_t>(bits_) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  KERASCHED_INLINE explicit operator double() const {
    return static_cast<float>(*this);
  }

 private:
  std::uint16_t bits_;
};

KERASCHED_INLINE BFloat16 operator-(BFloat16 a) {
  return BFloat16(-static_cast<float>(a));
}
KERASCHED_INLINE BFloat16 operator+(BFloat16 a, BFloat16 b) {
  return BFloat16(static_cast<float>(a) + static_cast<float>(b));
}
KERASCHED_INLINE BFloat16 operator-(BFloat16 a, BFloat16 b) {
  return BFloat16(static_cast<float>(a) - static_cast<float>(b));
}
KERASCHED_INLINE BFloat16 operator*(BFloat16 a, BFloat16 b) {
  return BFloat16(static_cast<float>(a) * static_cast<float>(b));
}
KERASCHED_INLINE BFloat16 operator/(BFloat16 a, BFloat16 b) {
  return BFloat16(static_cast<float>(a) / static_cast<float>(b));
}
KERASCHED_INLINE bool operator<(BFloat16 a, BFloat16 b) {
  return static_cast<float>(a) < static_cast<float>(b);
}
KERASCHED_INLINE bool operator>(BFloat16 a, BFloat16 b) { return b < a; }

// The type in which squares of T are added up within a block.
template <typename T>
struct SumOf {
  using Type = float;
};
template <>
struct SumOf<double> {
  using Type = double;
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
