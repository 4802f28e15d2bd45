// The loops of the update over a range of elements.
//
// A range is walked in blocks that stay in the first-level cache: the gradient is made
// ready, the weight moved and the average taken one after the other in short loops,
// each of which the compiler makes vectors of, while memory is passed over once.
#ifndef KERASCHED_SGD_LOOP_H_
#define KERASCHED_SGD_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "inlining.h"
#include "scalar_types.h"
#include "sgd_rule.h"

namespace kerasched {

// Elements of a block: with a buffer and four arrays of float32 they take 20 kB.
constexpr std::int64_t kBlock = 1024;
// Squares are added up in this many sums, whatever the instruction set, so that the
// result does not depend on it; their sum goes on in float64 after each kSquares.
constexpr std::int64_t kLanes = 64;
constexpr std::int64_t kSquares = 4096;

// What the loops do, and with which numbers: the same for all elements of a tensor.
struct Work {
  Momentum momentum_kind = Momentum::kNone;
  bool decays = false;       // The weight decays.
  bool accumulates = false;  // The gradient is the mean of several micro-batches.
  bool updates = true;       // False between: the gradient is only added to the sum.
  bool averages = false;     // A moving average follows the weight ...
  bool overwrites = false;   // ... and takes its place after this step.
  bool unscales = false;     // The gradient is divided by loss_scale.
  bool clamps = false;       // It is kept between -bound and bound.
  bool multiplies = false;   // It is multiplied by factor, and
  bool divides = false;      // divided by divisor.
  double learning_rate = 0, momentum = 0, decay = 0, decay_rate = 0;
  double loss_scale = 1, steps = 1, bound = 0, factor = 1, divisor = 1;
  double average_momentum = 0;

  bool prepares() const {
    return unscales || accumulates || clamps || multiplies || divides;
  }
};

// A piece of a tensor and of what belongs to it; a pointer not needed is null. No two
// ranges overlap, and but for `gradient` each is written (sgd.cc checks direct calls,
// XLA's buffers are its own).
template <typename T>
struct Range {
  T* weight;
  const T* gradient;
  T* velocity;
  T* sum;
  T* average;
  std::int64_t size;

  Range Part(std::int64_t start, std::int64_t count) const {
    const auto at = [start](auto* p) { return p == nullptr ? p : p + start; };
    return {at(weight), at(gradient), at(velocity), at(sum), at(average), count};
  }
};

template <Momentum kind, bool decays, typename T>
KERASCHED_INLINE void MoveAll(const Work& work, T* KERASCHED_RESTRICT weight,
                              const T* KERASCHED_RESTRICT gradient,
                              T* KERASCHED_RESTRICT velocity, std::int64_t size) {
  const Value<T> rate(work.learning_rate), momentum(work.momentum);
  const Value<T> decay(work.decay), decay_rate(work.decay_rate);
  for (std::int64_t i = 0; i < size; ++i) {
    Value<T> w = weight[i];
    const Value<T> g = gradient[i];
    if (decays) w = Decayed(w, decay, decay_rate);
    if (kind == Momentum::kNone) {
      Descend(w, g, rate);
    } else {
      Value<T> v = velocity[i];
      Move<kind>(w, v, g, rate, momentum);
      velocity[i] = v;
    }
    weight[i] = w;
  }
}

template <bool decays, typename T>
KERASCHED_INLINE void MoveKind(const Work& work, const Range<T>& r) {
  switch (work.momentum_kind) {
    case Momentum::kNone:
      return MoveAll<Momentum::kNone, decays>(work, r.weight, r.gradient, r.velocity,
                                              r.size);
    case Momentum::kPlain:
      return MoveAll<Momentum::kPlain, decays>(work, r.weight, r.gradient, r.velocity,
                                               r.size);
    case Momentum::kNesterov:
      return MoveAll<Momentum::kNesterov, decays>(work, r.weight, r.gradient,
                                                  r.velocity, r.size);
  }
}

// Writes rule(from[i]) to out[i]; the two may be the same array.
template <typename T, typename Rule>
KERASCHED_INLINE void Each(T* out, const T* from, std::int64_t size, Rule rule) {
  for (std::int64_t i = 0; i < size; ++i) out[i] = rule(Value<T>(from[i]));
}

template <typename T>
KERASCHED_INLINE void AddTo(T* KERASCHED_RESTRICT sum,
                            const T* KERASCHED_RESTRICT values, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) {
    sum[i] = Value<T>(values[i]) + Value<T>(sum[i]);
  }
}

template <typename T>
KERASCHED_INLINE void MeanOf(T* KERASCHED_RESTRICT gradient,
                             const T* KERASCHED_RESTRICT sum, Value<T> steps,
                             std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) {
    gradient[i] = Mean(Value<T>(gradient[i]), Value<T>(sum[i]), steps);
  }
}

// Makes the gradient of one block ready in `buffer`, up to its clipping by a norm.
template <typename T>
KERASCHED_INLINE void Prepare(const Work& work, const Range<T>& r, T* buffer) {
  const Value<T> scale(work.loss_scale);
  if (work.unscales) {
    Each(buffer, r.gradient, r.size, [=](Value<T> g) { return Unscaled(g, scale); });
  } else {
    std::copy(r.gradient, r.gradient + r.size, buffer);
  }
  if (work.accumulates) MeanOf(buffer, r.sum, Value<T>(work.steps), r.size);
}

template <typename T>
KERASCHED_INLINE void Clip(const Work& work, T* buffer, std::int64_t size) {
  const Value<T> bound(work.bound), factor(work.factor), divisor(work.divisor);
  if (work.clamps)
    Each(buffer, buffer, size, [=](Value<T> g) { return Clamped(g, bound); });
  if (work.multiplies)
    Each(buffer, buffer, size, [=](Value<T> g) { return g * factor; });
  if (work.divides) Each(buffer, buffer, size, [=](Value<T> g) { return g / divisor; });
}

template <typename T>
KERASCHED_INLINE void AverageAll(const Work& work, T* KERASCHED_RESTRICT average,
                                 T* KERASCHED_RESTRICT weight, std::int64_t size) {
  const Value<T> momentum(work.average_momentum), rest = Value<T>(1.0) - momentum;
  for (std::int64_t i = 0; i < size; ++i) {
    average[i] = Averaged(Value<T>(average[i]), Value<T>(weight[i]), momentum, rest);
  }
  if (work.overwrites) std::copy(average, average + size, weight);
}

// Updates a block from a gradient that is ready, and clears the sum that went into it.
template <typename T>
KERASCHED_INLINE void UpdateBlock(const Work& work, Range<T> r, T* buffer) {
  if (work.prepares()) {
    Prepare(work, r, buffer);
    Clip(work, buffer, r.size);
    if (work.accumulates) std::fill(r.sum, r.sum + r.size, T(Value<T>(0.0)));
    r.gradient = buffer;
  }
  if (work.decays) {
    MoveKind<true>(work, r);
  } else {
    MoveKind<false>(work, r);
  }
}

// Adds the gradient of a block to the sum of those before it.
template <typename T>
KERASCHED_INLINE void AccumulateBlock(const Work& work, const Range<T>& r, T* buffer) {
  if (!work.unscales) return AddTo(r.sum, r.gradient, r.size);
  const Value<T> scale(work.loss_scale);
  Each(buffer, r.gradient, r.size, [=](Value<T> g) { return Unscaled(g, scale); });
  AddTo(r.sum, buffer, r.size);
}

// Does the work on a range. Bytes moved for each float32: 12 read and 8 written with
// momentum, 4 and 4 more for an average as for a sum. Thread-safe on ranges that do not
// meet.
template <typename T>
KERASCHED_INLINE void UpdateRange(const Work& work, const Range<T>& range) {
  T buffer[kBlock];
  for (std::int64_t start = 0; start < range.size; start += kBlock) {
    const Range<T> r = range.Part(start, std::min(kBlock, range.size - start));
    if (!work.updates) {
      AccumulateBlock(work, r, buffer);
    } else {
      UpdateBlock(work, r, buffer);
    }
    if (work.averages) AverageAll(work, r.average, r.weight, r.size);
  }
}

// The sum of the squares of at most kLanes * n values, in kLanes sums.
template <typename T>
KERASCHED_INLINE double SumOfSquares(const T* values, std::int64_t size) {
  using Sum = typename SumOf<T>::Type;
  Sum sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const Sum value = static_cast<Sum>(Value<T>(values[i + lane]));
      sums[lane] += value * value;
    }
  }
  for (std::int64_t lane = 0; i < size; ++i, ++lane) {
    const Sum value = static_cast<Sum>(Value<T>(values[i]));
    sums[lane] += value * value;
  }
  double total = 0;
  for (const Sum sum : sums) total += static_cast<double>(sum);
  return total;
}

// The sum of the squares of a range's gradient once it is ready, of which nothing is
// written. Bytes moved for each float32: 4 read, or 8 with a sum.
template <typename T>
KERASCHED_INLINE double SquaresOfRange(const Work& work, const Range<T>& range) {
  T buffer[kSquares];
  double total = 0;
  for (std::int64_t start = 0; start < range.size; start += kSquares) {
    const Range<T> r = range.Part(start, std::min(kSquares, range.size - start));
    if (work.unscales || work.accumulates) {
      Prepare(work, r, buffer);
      total += SumOfSquares(static_cast<const T*>(buffer), r.size);
    } else {
      total += SumOfSquares(r.gradient, r.size);
    }
  }
  return total;
}

// Returns whether all numbers of a range's gradient are finite: one that is not has all
// bits of its exponent set. Bytes moved for each float32: 4 read.
template <typename T>
KERASCHED_INLINE bool FiniteRange(const Range<T>& range) {
  using Bits = typename BitsOf<T>::Type;
  constexpr Bits kExponent = BitsOf<T>::kExponent;
  for (std::int64_t start = 0; start < range.size; start += kSquares) {
    const Range<T> r = range.Part(start, std::min(kSquares, range.size - start));
    Bits found = 0;
    for (std::int64_t i = 0; i < r.size; ++i) {
      Bits bits;
      std::memcpy(&bits, r.gradient + i, sizeof bits);
      found |= static_cast<Bits>((bits & kExponent) == kExponent);
    }
    if (found != 0) return false;
  }
  return true;
}

}  // namespace kerasched

#endif  // KERASCHED_SGD_LOOP_H_
