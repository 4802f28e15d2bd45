// The loops of the update over a range of elements.
//
// A range is processed in blocks that stay in the first-level cache. Short loops, each
// of which the compiler vectorizes, prepare the gradient, update the weight and update
// the average of a block, so that memory is passed over once.
#ifndef KERASCHED_UPDATE_LOOP_H_
#define KERASCHED_UPDATE_LOOP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gradient_rule.h"
#include "inlining.h"
#include "rules.h"
#include "scalar_types.h"
#include "scalars.h"

namespace kerasched {

// Elements of a block: with a buffer and four arrays of float32 they take 20 kB.
constexpr std::int64_t kBlock = 1024;
// Squares are added up in this many lanes, whatever the instruction set, so that the
// result does not depend on it. After each kSquares their sum is added in float64.
constexpr std::int64_t kLanes = 64;
constexpr std::int64_t kSquares = 4096;
// A pass that only reads uses this many streams. A processor prefetches within a page
// of memory and waits at the next one: 102 MB took two threads 6.2 ms with one
// stream, 5.1 with two, 4.7 with four, 5.0 with eight. An update gains nothing by it.
constexpr std::int64_t kStreams = 4;
constexpr std::int64_t kRun = kSquares / kStreams;

// The operations of the loops and their operands, the same for all elements of a
// tensor.
struct Plan {
  std::size_t rule = 0;      // Index in AllRules.
  bool decays = false;       // Apply weight decay.
  bool accumulates = false;  // Use the mean gradient of several micro-batches.
  bool updates = true;       // If false, only add the gradient to the sum.
  bool averages = false;     // Update the moving average of the weight ...
  bool overwrites = false;   // ... and then overwrite the weight by it.
  bool unscales = false;     // Divide the gradient by loss_scale.
  bool clamps = false;       // Clamp it to -bound .. bound.
  bool multiplies = false;   // Multiply it by factor, and then
  bool divides = false;      // divide it by divisor.
  double decay = 0, decay_rate = 0;
  double loss_scale = 1, steps = 1, bound = 0, factor = 1, divisor = 1;
  double average_momentum = 0;
  Numbers<float> numbers_float = {};    // The rule's numbers for float and BFloat16 ...
  Numbers<double> numbers_double = {};  // ... and for double.

  template <typename T>
  const auto& NumbersFor() const {
    if constexpr (std::is_same_v<T, double>) {
      return numbers_double;
    } else {
      return numbers_float;
    }
  }
};

// A part of a weight and of its slots; pointers that are not needed are null. All but
// `gradient` are written. No two overlap: update.cc checks the arrays of direct calls,
// and XLA guarantees it for its buffers.
template <typename T>
struct Range {
  T* weight;
  const T* gradient;
  T* slots[kMaxSlots];
  T* sum;
  T* average;
  std::int64_t size;

  Range Part(std::int64_t start, std::int64_t count) const {
    const auto at = [start](auto* p) { return p == nullptr ? p : p + start; };
    Range part = {at(weight), at(gradient), {}, at(sum), at(average), count};
    for (std::size_t i = 0; i < kMaxSlots; ++i) part.slots[i] = at(slots[i]);
    return part;
  }
};

// Moves all weights by a rule. Slots that the rule lacks are null.
template <typename Rule, bool decays, typename T>
KERASCHED_INLINE void MoveAll(const Plan& plan, T* KERASCHED_RESTRICT weight,
                              const T* KERASCHED_RESTRICT gradient,
                              T* KERASCHED_RESTRICT first, T* KERASCHED_RESTRICT second,
                              T* KERASCHED_RESTRICT third, std::int64_t size) {
  static_assert(kMaxSlots == 3);
  const Value<T> decay(plan.decay), decay_rate(plan.decay_rate);
  Value<T> numbers[kMaxNumbers];
  for (std::size_t i = 0; i < kMaxNumbers; ++i) {
    numbers[i] = Value<T>(static_cast<double>(plan.NumbersFor<T>()[i]));
  }
  for (std::int64_t i = 0; i < size; ++i) {
    Value<T> w = weight[i];
    Value<T> slots[kMaxSlots];
    if constexpr (Rule::kSlots > 0) slots[0] = first[i];
    if constexpr (Rule::kSlots > 1) slots[1] = second[i];
    if constexpr (Rule::kSlots > 2) slots[2] = third[i];
    if (decays) w = Decayed(w, decay, decay_rate);
    Rule::Move(numbers, Value<T>(gradient[i]), w, slots);
    weight[i] = w;
    if constexpr (Rule::kSlots > 0) first[i] = slots[0];
    if constexpr (Rule::kSlots > 1) second[i] = slots[1];
    if constexpr (Rule::kSlots > 2) third[i] = slots[2];
  }
}

// Moves all weights by the rule with an index.
template <bool decays, typename T, typename Rule, typename... Others>
KERASCHED_INLINE void MoveBy(RuleList<Rule, Others...>, std::size_t index,
                             const Plan& plan, const Range<T>& r) {
  if (index == 0) {
    return MoveAll<Rule, decays>(plan, r.weight, r.gradient, r.slots[0], r.slots[1],
                                 r.slots[2], r.size);
  }
  if constexpr (sizeof...(Others) > 0) {
    MoveBy<decays>(RuleList<Others...>(), index - 1, plan, r);
  }
}

// Writes function(from[i]) to out[i]; the two may be the same array.
template <typename T, typename Function>
KERASCHED_INLINE void Transform(T* out, const T* from, std::int64_t size,
                                Function function) {
  for (std::int64_t i = 0; i < size; ++i) out[i] = function(Value<T>(from[i]));
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

// Prepares the gradient of one block for clipping, and returns where it is: in
// `buffer`, or where it was if there is nothing to do.
template <typename T>
KERASCHED_INLINE const T* Prepare(const Plan& plan, const Range<T>& r, T* buffer) {
  const Value<T> scale(plan.loss_scale);
  const T* ready = r.gradient;
  if (plan.unscales) {
    Transform(buffer, ready, r.size, [=](Value<T> g) { return Unscaled(g, scale); });
    ready = buffer;
  }
  if (plan.accumulates) {
    MeanOf(buffer, ready, r.sum, Value<T>(plan.steps), r.size);
    ready = buffer;
  }
  return ready;
}

// Clips a prepared gradient, and returns where it is then.
template <typename T>
KERASCHED_INLINE const T* Clip(const Plan& plan, const T* ready, T* buffer,
                               std::int64_t size) {
  const Value<T> bound(plan.bound), factor(plan.factor), divisor(plan.divisor);
  if (plan.clamps) {
    Transform(buffer, ready, size, [=](Value<T> g) { return Clamped(g, bound); });
    ready = buffer;
  }
  if (plan.multiplies) {
    Transform(buffer, ready, size, [=](Value<T> g) { return g * factor; });
    ready = buffer;
  }
  if (plan.divides) {
    Transform(buffer, ready, size, [=](Value<T> g) { return g / divisor; });
    ready = buffer;
  }
  return ready;
}

template <typename T>
KERASCHED_INLINE void AverageAll(const Plan& plan, T* KERASCHED_RESTRICT average,
                                 T* KERASCHED_RESTRICT weight, std::int64_t size) {
  const Value<T> momentum(plan.average_momentum), rest = Value<T>(1.0) - momentum;
  for (std::int64_t i = 0; i < size; ++i) {
    average[i] = Averaged(Value<T>(average[i]), Value<T>(weight[i]), momentum, rest);
  }
  if (plan.overwrites) std::copy(average, average + size, weight);
}

// Updates a block, and clears the sum that the gradient included.
template <typename T>
KERASCHED_INLINE void UpdateBlock(const Plan& plan, Range<T> r, T* buffer) {
  r.gradient = Clip(plan, Prepare(plan, r, buffer), buffer, r.size);
  if (plan.accumulates) std::fill(r.sum, r.sum + r.size, T(Value<T>(0.0)));
  if (plan.decays) {
    MoveBy<true>(AllRules(), plan.rule, plan, r);
  } else {
    MoveBy<false>(AllRules(), plan.rule, plan, r);
  }
}

// Adds the gradient of a block to the sum of the micro-batches before it.
template <typename T>
KERASCHED_INLINE void AccumulateBlock(const Plan& plan, const Range<T>& r, T* buffer) {
  if (!plan.unscales) return AddTo(r.sum, r.gradient, r.size);
  const Value<T> scale(plan.loss_scale);
  Transform(buffer, r.gradient, r.size, [=](Value<T> g) { return Unscaled(g, scale); });
  AddTo(r.sum, buffer, r.size);
}

// Runs a plan on a range. Bytes moved for each float32: 8 read and 4 written, 4 and 4
// more for each slot, for an average and for a sum. Thread-safe on ranges that do not
// overlap.
template <typename T>
KERASCHED_INLINE void UpdateRange(const Plan& plan, const Range<T>& range) {
  T buffer[kBlock];
  for (std::int64_t start = 0; start < range.size; start += kBlock) {
    const Range<T> r = range.Part(start, std::min(kBlock, range.size - start));
    if (!plan.updates) {
      AccumulateBlock(plan, r, buffer);
    } else {
      UpdateBlock(plan, r, buffer);
    }
    if (plan.averages) AverageAll(plan, r.average, r.weight, r.size);
  }
}

template <typename Sum>
KERASCHED_INLINE double Total(const Sum (&sums)[kLanes]) {
  double total = 0;
  for (const Sum sum : sums) total += static_cast<double>(sum);
  return total;
}

// Returns the sum of the squares of some values, added up in kLanes lanes.
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

// Returns the same for kSquares values: kStreams runs of kRun, `apart` from each other.
template <typename T>
KERASCHED_INLINE double SumOfSquaresOfRuns(const T* values, std::int64_t apart) {
  using Sum = typename SumOf<T>::Type;
  constexpr std::int64_t kEach = kLanes / kStreams;
  Sum sums[kLanes] = {};
  for (std::int64_t i = 0; i < kRun; i += kEach) {
    for (std::int64_t stream = 0; stream < kStreams; ++stream) {
      for (std::int64_t lane = 0; lane < kEach; ++lane) {
        const Sum value = static_cast<Sum>(Value<T>(values[stream * apart + i + lane]));
        sums[stream * kEach + lane] += value * value;
      }
    }
  }
  return Total(sums);
}

// Returns the sum of the squares of a range's prepared gradient, and writes nothing.
// Bytes moved for each float32: 4 read, or 8 with a sum.
template <typename T>
KERASCHED_INLINE double SquaresOfRange(const Plan& plan, const Range<T>& range) {
  double total = 0;
  if (plan.unscales || plan.accumulates) {
    T buffer[kSquares];
    for (std::int64_t start = 0; start < range.size; start += kSquares) {
      const Range<T> r = range.Part(start, std::min(kSquares, range.size - start));
      total += SumOfSquares(Prepare(plan, r, buffer), r.size);
    }
    return total;
  }
  const std::int64_t apart = range.size / kSquares * kRun;
  for (std::int64_t start = 0; start < apart; start += kRun) {
    total += SumOfSquaresOfRuns(range.gradient + start, apart);
  }
  const std::int64_t done = apart * kStreams;
  return total + SumOfSquares(range.gradient + done, range.size - done);
}

// Returns whether any value in some runs, `apart` from each other, is not finite: all
// bits of its exponent are set.
template <typename T>
KERASCHED_INLINE bool AnyNotFinite(const T* values, std::int64_t apart,
                                   std::int64_t run, std::int64_t streams) {
  using Bits = typename BitsOf<T>::Type;
  constexpr Bits kExponent = BitsOf<T>::kExponent;
  Bits found = 0;
  for (std::int64_t stream = 0; stream < streams; ++stream) {
    for (std::int64_t i = 0; i < run; ++i) {
      Bits bits;
      std::memcpy(&bits, values + stream * apart + i, sizeof bits);
      found |= static_cast<Bits>((bits & kExponent) == kExponent);
    }
  }
  return found != 0;
}

// Returns whether all values of a range's gradient are finite. Bytes moved for each
// float32: 4 read.
template <typename T>
KERASCHED_INLINE bool FiniteRange(const Range<T>& range) {
  constexpr std::int64_t kShort = 64;
  const std::int64_t apart = range.size / kSquares * kRun;
  for (std::int64_t start = 0; start < apart; start += kShort) {
    if (AnyNotFinite(range.gradient + start, apart, kShort, kStreams)) return false;
  }
  const std::int64_t done = apart * kStreams;
  return !AnyNotFinite(range.gradient + done, 0, range.size - done, 1);
}

}  // namespace kerasched

#endif  // KERASCHED_UPDATE_LOOP_H_
