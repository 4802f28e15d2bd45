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
// What is only read is read at this many places at once. A processor reads ahead within
// a page of memory and waits at the next one: 102 MB took two threads 6.2 ms at one
// place, 5.1 at two, 4.7 at four, 5.0 at eight. An update gains nothing by it.
constexpr std::int64_t kPlaces = 4;
constexpr std::int64_t kRun = kSquares / kPlaces;

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

// Writes the mean of from[i] and the sum before it to out[i]; `out` and `from` may be
// the same array.
template <typename T>
KERASCHED_INLINE void MeanOf(T* out, const T* from, const T* KERASCHED_RESTRICT sum,
                             Value<T> steps, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) {
    out[i] = Mean(Value<T>(from[i]), Value<T>(sum[i]), steps);
  }
}

// Makes the gradient of one block ready, up to its clipping by a norm, and returns
// where it is: in `buffer`, or where it was if there is nothing to do.
template <typename T>
KERASCHED_INLINE const T* Prepare(const Work& work, const Range<T>& r, T* buffer) {
  const Value<T> scale(work.loss_scale);
  const T* ready = r.gradient;
  if (work.unscales) {
    Each(buffer, ready, r.size, [=](Value<T> g) { return Unscaled(g, scale); });
    ready = buffer;
  }
  if (work.accumulates) {
    MeanOf(buffer, ready, r.sum, Value<T>(work.steps), r.size);
    ready = buffer;
  }
  return ready;
}

// Clips a gradient that is ready, and returns where it is then.
template <typename T>
KERASCHED_INLINE const T* Clip(const Work& work, const T* ready, T* buffer,
                               std::int64_t size) {
  const Value<T> bound(work.bound), factor(work.factor), divisor(work.divisor);
  if (work.clamps) {
    Each(buffer, ready, size, [=](Value<T> g) { return Clamped(g, bound); });
    ready = buffer;
  }
  if (work.multiplies) {
    Each(buffer, ready, size, [=](Value<T> g) { return g * factor; });
    ready = buffer;
  }
  if (work.divides) {
    Each(buffer, ready, size, [=](Value<T> g) { return g / divisor; });
    ready = buffer;
  }
  return ready;
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
  r.gradient = Clip(work, Prepare(work, r, buffer), buffer, r.size);
  if (work.accumulates) std::fill(r.sum, r.sum + r.size, T(Value<T>(0.0)));
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

template <typename Sum>
KERASCHED_INLINE double Total(const Sum (&sums)[kLanes]) {
  double total = 0;
  for (const Sum sum : sums) total += static_cast<double>(sum);
  return total;
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
  return Total(sums);
}

// The same of kSquares values: kPlaces runs of kRun, `apart` from each other.
template <typename T>
KERASCHED_INLINE double SumOfSquaresOfRuns(const T* values, std::int64_t apart) {
  using Sum = typename SumOf<T>::Type;
  constexpr std::int64_t kEach = kLanes / kPlaces;
  Sum sums[kLanes] = {};
  for (std::int64_t i = 0; i < kRun; i += kEach) {
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      for (std::int64_t lane = 0; lane < kEach; ++lane) {
        const Sum value = static_cast<Sum>(Value<T>(values[place * apart + i + lane]));
        sums[place * kEach + lane] += value * value;
      }
    }
  }
  return Total(sums);
}

// The sum of the squares of a range's gradient once it is ready, of which nothing is
// written. Bytes moved for each float32: 4 read, or 8 with a sum.
template <typename T>
KERASCHED_INLINE double SquaresOfRange(const Work& work, const Range<T>& range) {
  double total = 0;
  if (work.unscales || work.accumulates) {
    T buffer[kSquares];
    for (std::int64_t start = 0; start < range.size; start += kSquares) {
      const Range<T> r = range.Part(start, std::min(kSquares, range.size - start));
      total += SumOfSquares(Prepare(work, r, buffer), r.size);
    }
    return total;
  }
  const std::int64_t apart = range.size / kSquares * kRun;
  for (std::int64_t start = 0; start < apart; start += kRun) {
    total += SumOfSquaresOfRuns(range.gradient + start, apart);
  }
  const std::int64_t done = apart * kPlaces;
  return total + SumOfSquares(range.gradient + done, range.size - done);
}

// Returns whether any number of some runs, `apart` from each other, is not finite: then
// all bits of its exponent are set.
template <typename T>
KERASCHED_INLINE bool AnyNotFinite(const T* values, std::int64_t apart,
                                   std::int64_t run, std::int64_t places) {
  using Bits = typename BitsOf<T>::Type;
  constexpr Bits kExponent = BitsOf<T>::kExponent;
  Bits found = 0;
  for (std::int64_t place = 0; place < places; ++place) {
    for (std::int64_t i = 0; i < run; ++i) {
      Bits bits;
      std::memcpy(&bits, values + place * apart + i, sizeof bits);
      found |= static_cast<Bits>((bits & kExponent) == kExponent);
    }
  }
  return found != 0;
}

// Returns whether all numbers of a range's gradient are finite. Bytes moved for each
// float32: 4 read.
template <typename T>
KERASCHED_INLINE bool FiniteRange(const Range<T>& range) {
  constexpr std::int64_t kShort = 64;
  const std::int64_t apart = range.size / kSquares * kRun;
  for (std::int64_t start = 0; start < apart; start += kShort) {
    if (AnyNotFinite(range.gradient + start, apart, kShort, kPlaces)) return false;
  }
  const std::int64_t done = apart * kPlaces;
  return !AnyNotFinite(range.gradient + done, 0, range.size - done, 1);
}

}  // namespace kerasched

#endif  // KERASCHED_SGD_LOOP_H_
