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

// Calls function(range) with the chunk's range in its type.
template <typename Function>
auto InType(const Tensor& tensor, const Chunk& chunk, Function function) {
  switch (tensor.type) {
    case ScalarType::kFloat64:
      return function(RangeOf<double>(tensor, chunk));
    case ScalarType::kBFloat16:
      return function(RangeOf<BFloat16>(tensor, chunk));
    default:
      return function(RangeOf<float>(tensor, chunk));
  }
}

void SetAverage(const Options& options, std::int64_t updates, Work& work) {
  if (!options.use_ema) return;
  work.averages = true;
  work.average_momentum = updates == 0 ? 0.0 : options.ema_momentum;
  const std::int64_t frequency = options.ema_overwrite_frequency;
  work.overwrites = frequency > 0 && (updates + 1) % frequency == 0;
}

// Returns the work that is the same for all tensors, all but clipping by a norm.
Work WorkOf(const Options& options, const Scalars& scalars) {
  Work work;
  const std::int64_t steps =
      std::max<std::int64_t>(options.gradient_accumulation_steps, 1);
  if (options.momentum) {
    work.momentum_kind = options.nesterov ? Momentum::kNesterov : Momentum::kPlain;
  }
  work.learning_rate = scalars.learning_rate;
  work.momentum = scalars.momentum;
  work.decays = options.weight_decay;
  work.decay = scalars.weight_decay;
  work.decay_rate = options.independent_weight_decay ? 1.0 : scalars.learning_rate;
  work.accumulates = steps > 1;
  work.steps = static_cast<double>(steps);
  work.updates = (scalars.iterations + 1) % steps == 0;
  work.unscales = options.unscales;
  work.loss_scale = scalars.loss_scale;
  work.clamps = options.clipvalue > 0;
  work.bound = options.clipvalue;
  SetAverage(options, scalars.iterations / steps, work);
  return work;
}

// What becomes of the gradient's numbers where its norm is clipped.
struct Clipping {
  bool multiplies = false;
  bool divides = false;
  double factor = 1;
  double divisor = 1;
};

// Keras: clip * min(1 / norm, 1 / clip), or not-a-number where the norm is not finite.
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
  const T divisor = norm <= c ? c : norm;  // A norm that is no number stays so.
  return {true, true, clip, static_cast<double>(divisor)};
}

// One step under way: what the functions below share.
struct Step {
  const Options& options;
  const std::vector<Tensor>& tensors;
  const Loops& loops;
  Pool pool;
  Work work;
  std::vector<Chunk> chunks;

  const Tensor& TensorOf(const Chunk& chunk) const {
    return tensors[static_cast<std::size_t>(chunk.tensor)];
  }
};

// Returns what function(range) gives for each chunk.
template <typename Result, typename Function>
std::vector<Result> OfChunks(const Step& step, Function function) {
  std::vector<Result> results(step.chunks.size());
  ForEach(step.pool, static_cast<std::int64_t>(results.size()), [&](std::int64_t i) {
    const Chunk& chunk = step.chunks[static_cast<std::size_t>(i)];
    results[static_cast<std::size_t>(i)] =
        InType(step.TensorOf(chunk), chunk, function);
  });
  return results;
}

// Returns the sum of squares of each chunk; nothing where no norm is clipped.
std::vector<double> SquaresOfChunks(const Step& step) {
  const bool clips = step.options.clipnorm > 0 || step.options.global_clipnorm > 0;
  if (!step.work.updates || !clips) return {};
  return OfChunks<double>(
      step, [&](auto range) { return step.loops.Squares(step.work, range); });
}

// Returns whether all gradients are finite. Where their squares have a finite sum, they
// are; a sum that is not may come of large ones.
bool AllFinite(const Step& step, const std::vector<double>& squares) {
  const auto finite = [](double sum) { return std::isfinite(sum); };
  if (!squares.empty() && std::all_of(squares.begin(), squares.end(), finite)) {
    return true;
  }
  // Not bool, whose vector packs several into a byte that threads would share.
  const std::vector<char> found = OfChunks<char>(
      step, [&](auto range) { return static_cast<char>(step.loops.Finite(range)); });
  return std::all_of(found.begin(), found.end(), [](char one) { return one != 0; });
}

// Returns how each tensor's gradient is clipped, by the sums of squares of all chunks.
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

// Returns the work on a chunk whose tensor is clipped or does not decay.
Work WorkOn(const Step& step, const Chunk& chunk,
            const std::vector<Clipping>& clipping) {
  Work work = step.work;
  work.decays = work.decays && step.TensorOf(chunk).decays;
  if (!clipping.empty()) {
    const Clipping& clip = clipping[static_cast<std::size_t>(chunk.tensor)];
    work.multiplies = clip.multiplies;
    work.divides = clip.divides;
    work.factor = clip.factor;
    work.divisor = clip.divisor;
  }
  return work;
}

void UpdateChunks(const Step& step, const std::vector<Clipping>& clipping) {
  const auto count = static_cast<std::int64_t>(step.chunks.size());
  const bool reads_twice = !clipping.empty() || step.options.skips_nonfinite;
  ForEach(step.pool, count, [&](std::int64_t i) {
    // After a first pass the last chunks are those still in the cache.
    const std::int64_t place = reads_twice ? count - 1 - i : i;
    const Chunk& chunk = step.chunks[static_cast<std::size_t>(place)];
    const Tensor& tensor = step.TensorOf(chunk);
    if (clipping.empty() && tensor.decays) {
      InType(tensor, chunk, [&](auto range) { step.loops.Update(step.work, range); });
      return;
    }
    const Work work = WorkOn(step, chunk, clipping);
    InType(tensor, chunk, [&](auto range) { step.loops.Update(work, range); });
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

// Names are put together only where there is something to say: they would take longer
// than updating a small tensor.
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

Status Shared() { return {"Arrays of an update must not share memory"}; }

}  // namespace

WrittenBytes::Bytes WrittenBytes::At(const void* data, const Tensor& t) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  return {begin, begin + static_cast<std::uintptr_t>(t.size * BytesOf(t.type))};
}

Status WrittenBytes::Set(const std::vector<Tensor>& tensors) {
  places_.clear();
  for (const Tensor& t : tensors) {
    for (const void* data : {t.weight, t.velocity, t.sum, t.average}) {
      if (data != nullptr && t.size > 0) places_.push_back(At(data, t));
    }
  }
  std::sort(places_.begin(), places_.end());
  for (std::size_t i = 1; i < places_.size(); ++i) {
    if (places_[i].first < places_[i - 1].second) return Shared();
  }
  return {};
}

Status WrittenBytes::CheckGradients(const std::vector<Tensor>& tensors) const {
  for (const Tensor& t : tensors) {
    if (t.size == 0) continue;
    const Bytes read = At(t.gradient, t);
    // The first written place that ends behind the gradient's begin.
    const auto found = std::upper_bound(
        places_.begin(), places_.end(), read.first,
        [](std::uintptr_t begin, const Bytes& bytes) { return begin < bytes.second; });
    if (found != places_.end() && found->first < read.second) return Shared();
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
                     WorkOf(options, scalars),
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
