#include "sgd.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "dispatch.h"
#include "partition.h"
#include "sgd_loop.h"

namespace kerasched {
namespace {

template <typename T>
Range<T> RangeOf(const Tensor& t, const Chunk& chunk) {
  const Range<T> all = {static_cast<T*>(t.weight),   static_cast<const T*>(t.gradient),
                        static_cast<T*>(t.velocity), static_cast<T*>(t.sum),
                        static_cast<T*>(t.average),  t.size};
  return all.Part(chunk.start, chunk.count);
}

// Calls function(range) with the chunk's range in the type of its tensor.
template <typename Function>
auto DispatchType(const Tensor& tensor, const Chunk& chunk, Function function) {
  switch (tensor.type) {
    case ScalarType::kFloat64:
      return function(RangeOf<double>(tensor, chunk));
    case ScalarType::kBFloat16:
      return function(RangeOf<BFloat16>(tensor, chunk));
    default:
      return function(RangeOf<float>(tensor, chunk));
  }
}

void SetAverage(const Options& options, std::int64_t updates, Plan& plan) {
  if (!options.use_ema) return;
  plan.averages = true;
  plan.average_momentum = updates == 0 ? 0.0 : options.ema_momentum;
  const std::int64_t frequency = options.ema_overwrite_frequency;
  plan.overwrites = frequency > 0 && (updates + 1) % frequency == 0;
}

// Returns the plan for all tensors, without clipping by a norm.
Plan PlanOf(const Options& options, const Scalars& scalars) {
  Plan plan;
  const std::int64_t steps =
      std::max<std::int64_t>(options.gradient_accumulation_steps, 1);
  if (options.momentum) {
    plan.momentum_kind = options.nesterov ? Momentum::kNesterov : Momentum::kPlain;
  }
  plan.learning_rate = scalars.learning_rate;
  plan.momentum = scalars.momentum;
  plan.decays = options.weight_decay;
  plan.decay = scalars.weight_decay;
  plan.decay_rate = options.independent_weight_decay ? 1.0 : scalars.learning_rate;
  plan.accumulates = steps > 1;
  plan.steps = static_cast<double>(steps);
  plan.updates = (scalars.iterations + 1) % steps == 0;
  plan.unscales = options.unscales;
  plan.loss_scale = scalars.loss_scale;
  plan.clamps = options.clipvalue > 0;
  plan.bound = options.clipvalue;
  SetAverage(options, scalars.iterations / steps, plan);
  return plan;
}

// How a gradient is multiplied and divided to clip its norm.
struct Clipping {
  bool multiplies = false;
  bool divides = false;
  double factor = 1;
  double divisor = 1;
};

// Keras: clip * min(1 / norm, 1 / clip), or NaN if the norm is not finite.
template <typename T>
Clipping ClipAllTo(double clip, double squares) {
  const T c = static_cast<T>(clip), norm = static_cast<T>(std::sqrt(squares));
  const T factor = c * std::min(1 / norm, 1 / c) + (norm - norm);
  return {true, false, static_cast<double>(factor), 1};
}

// Keras: gradient * clip / max(norm, clip).
template <typename T>
Clipping ClipOneTo(double clip, double squares) {
  const T c = static_cast<T>(clip), norm = static_cast<T>(std::sqrt(squares));
  const T divisor = norm <= c ? c : norm;  // NaN stays NaN.
  return {true, true, clip, static_cast<double>(divisor)};
}

// One step, as the functions below share it.
struct Step {
  const Options& options;
  const std::vector<Tensor>& tensors;
  const Loops& loops;
  Pool pool;
  Plan plan;
  std::vector<Chunk> chunks;

  const Tensor& TensorOf(const Chunk& chunk) const {
    return tensors[static_cast<std::size_t>(chunk.tensor)];
  }
};

// Returns function(range) for each chunk.
template <typename Result, typename Function>
std::vector<Result> MapChunks(const Step& step, Function function) {
  std::vector<Result> results(step.chunks.size());
  ForEach(step.pool, static_cast<std::int64_t>(results.size()), [&](std::int64_t i) {
    const Chunk& chunk = step.chunks[static_cast<std::size_t>(i)];
    results[static_cast<std::size_t>(i)] =
        DispatchType(step.TensorOf(chunk), chunk, function);
  });
  return results;
}

// Returns the sum of squares of each chunk, or nothing if no norm is clipped.
std::vector<double> SquaresOfChunks(const Step& step) {
  const bool clips = step.options.clipnorm > 0 || step.options.global_clipnorm > 0;
  if (!step.plan.updates || !clips) return {};
  return MapChunks<double>(
      step, [&](auto range) { return step.loops.Squares(step.plan, range); });
}

// Returns whether all gradients are finite. They are if the sums of their squares are
// finite; the square of a large finite value may overflow.
bool AllFinite(const Step& step, const std::vector<double>& squares) {
  const auto finite = [](double sum) { return std::isfinite(sum); };
  if (!squares.empty() && std::all_of(squares.begin(), squares.end(), finite)) {
    return true;
  }
  // Not bool: its vector packs several into a byte, which threads would share.
  const std::vector<char> found = MapChunks<char>(
      step, [&](auto range) { return static_cast<char>(step.loops.Finite(range)); });
  return std::all_of(found.begin(), found.end(), [](char one) { return one != 0; });
}

// Returns how each tensor's gradient is clipped, from the sums of squares of the
// chunks.
std::vector<Clipping> ClippingOf(const Step& step,
                                 const std::vector<double>& of_chunks) {
  if (of_chunks.empty()) return {};
  const Options& options = step.options;
  std::vector<double> of_tensors(step.tensors.size());
  double of_all = 0;
  for (std::size_t i = 0; i < of_chunks.size(); ++i) {
    of_tensors[static_cast<std::size_t>(step.chunks[i].tensor)] += of_chunks[i];
    of_all += of_chunks[i];
  }
  std::vector<Clipping> result;
  result.reserve(of_tensors.size());
  for (std::size_t i = 0; i < of_tensors.size(); ++i) {
    const bool wide = step.tensors[i].type == ScalarType::kFloat64;
    if (options.clipnorm > 0) {
      result.push_back(wide ? ClipOneTo<double>(options.clipnorm, of_tensors[i])
                            : ClipOneTo<float>(options.clipnorm, of_tensors[i]));
    } else {
      result.push_back(wide ? ClipAllTo<double>(options.global_clipnorm, of_all)
                            : ClipAllTo<float>(options.global_clipnorm, of_all));
    }
  }
  return result;
}

// Returns the plan for a chunk whose tensor is clipped or excluded from decay.
Plan PlanFor(const Step& step, const Chunk& chunk,
             const std::vector<Clipping>& clipping) {
  Plan plan = step.plan;
  plan.decays = plan.decays && step.TensorOf(chunk).decays;
  if (!clipping.empty()) {
    const Clipping& clip = clipping[static_cast<std::size_t>(chunk.tensor)];
    plan.multiplies = clip.multiplies;
    plan.divides = clip.divides;
    plan.factor = clip.factor;
    plan.divisor = clip.divisor;
  }
  return plan;
}

void UpdateChunks(const Step& step, const std::vector<Clipping>& clipping) {
  const auto count = static_cast<std::int64_t>(step.chunks.size());
  const bool reads_twice = !clipping.empty() || step.options.skips_nonfinite;
  ForEach(step.pool, count, [&](std::int64_t i) {
    // After a first pass the last chunks are still in the cache.
    const std::int64_t place = reads_twice ? count - 1 - i : i;
    const Chunk& chunk = step.chunks[static_cast<std::size_t>(place)];
    const Tensor& tensor = step.TensorOf(chunk);
    if (clipping.empty() && tensor.decays) {
      DispatchType(tensor, chunk,
                   [&](auto range) { step.loops.Update(step.plan, range); });
      return;
    }
    const Plan plan = PlanFor(step, chunk, clipping);
    DispatchType(tensor, chunk, [&](auto range) { step.loops.Update(plan, range); });
  });
}

Status CheckOptions(const Options& options) {
  const int clips =
      (options.clipvalue > 0) + (options.clipnorm > 0) + (options.global_clipnorm > 0);
  if (clips > 1) {
    return {"Only one of `clipvalue`, `clipnorm` and `global_clipnorm` can be set"};
  }
  if (options.gradient_accumulation_steps < 0) {
    return {"Argument `gradient_accumulation_steps` must not be negative. Received: " +
            std::to_string(options.gradient_accumulation_steps)};
  }
  return {};
}

// Called only for errors: to build a name takes longer than to update a small tensor.
std::string NameOf(const char* what, std::size_t place) {
  return std::string("The ") + what + " of tensor " + std::to_string(place);
}

Status CheckTensor(const Options& options, const Tensor& t, std::size_t place) {
  if (t.size < 0) return {NameOf("size", place) + " must not be negative"};
  if (t.size == 0) return {};
  const struct {
    const char* name;
    const void* data;
    bool needed;
  } arrays[] = {{"weight", t.weight, true},
                {"gradient", t.gradient, true},
                {"velocity", t.velocity, options.momentum},
                {"sum", t.sum, options.gradient_accumulation_steps > 1},
                {"average", t.average, options.use_ema}};
  const auto width = static_cast<std::uintptr_t>(BytesOf(t.type));
  for (const auto& array : arrays) {
    if (!array.needed) continue;
    if (array.data == nullptr) return {NameOf(array.name, place) + " is missing"};
    if (reinterpret_cast<std::uintptr_t>(array.data) % width != 0) {
      return {NameOf(array.name, place) + " must be aligned for " + NameOf(t.type)};
    }
  }
  return {};
}

Status Overlap() { return {"Arrays of an update must not share memory"}; }

}  // namespace

WrittenBytes::Bytes WrittenBytes::At(const void* data, const Tensor& t) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  return {begin, begin + static_cast<std::uintptr_t>(t.size * BytesOf(t.type))};
}

Status WrittenBytes::Set(const std::vector<Tensor>& tensors) {
  ranges_.clear();
  for (const Tensor& t : tensors) {
    for (const void* data : {t.weight, t.velocity, t.sum, t.average}) {
      if (data != nullptr && t.size > 0) ranges_.push_back(At(data, t));
    }
  }
  std::sort(ranges_.begin(), ranges_.end());
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].first < ranges_[i - 1].second) return Overlap();
  }
  return {};
}

Status WrittenBytes::CheckGradients(const std::vector<Tensor>& tensors) const {
  for (const Tensor& t : tensors) {
    if (t.size == 0) continue;
    const Bytes read = At(t.gradient, t);
    // The first written range that ends after the gradient begins.
    const auto found = std::upper_bound(
        ranges_.begin(), ranges_.end(), read.first,
        [](std::uintptr_t begin, const Bytes& bytes) { return begin < bytes.second; });
    if (found != ranges_.end() && found->first < read.second) return Overlap();
  }
  return {};
}

Status Update(const Options& options, const Scalars& scalars,
              const std::vector<Tensor>& tensors, const Pool& pool) {
  Status status = CheckOptions(options);
  for (std::size_t i = 0; status.ok() && i < tensors.size(); ++i) {
    status = CheckTensor(options, tensors[i], i);
  }
  if (!status.ok()) return status;
  const Loops* loops = ChooseLoops(&status.error);
  if (loops == nullptr) return status;
  const std::int64_t threads = ThreadLimit(pool.threads, &status.error);
  if (threads == 0) return status;

  std::vector<std::int64_t> sizes;
  std::int64_t total = 0;
  for (const Tensor& t : tensors) {
    sizes.push_back(t.size);
    total += t.size;
  }
  const bool alone = total < kParallelElements;
  const Step step = {options,
                     tensors,
                     *loops,
                     {pool.schedule, alone ? 1 : threads},
                     PlanOf(options, scalars),
                     Partition(sizes)};
  const std::vector<double> squares = SquaresOfChunks(step);
  status.skipped = options.skips_nonfinite && !AllFinite(step, squares);
  if (!status.skipped) UpdateChunks(step, ClippingOf(step, squares));
  return status;
}

std::string InstructionSet(std::string* error) {
  const Loops* loops = ChooseLoops(error);
  return loops == nullptr ? "" : loops->name;
}

}  // namespace kerasched
