#include "update.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>

#include "gradient_statistics.h"
#include "step.h"

namespace kerasched {
namespace {

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

// Returns how each tensor's gradient is clipped, from its sum of squares.
std::vector<Clipping> ClippingOf(const Step& step,
                                 const std::vector<double>& of_tensors) {
  const Options& options = step.options;
  const bool clips = options.clipnorm > 0 || options.global_clipnorm > 0;
  if (!step.plan.updates || !clips) return {};
  double of_all = 0;
  for (const double squares : of_tensors) of_all += squares;
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

Status CheckTensor(const std::vector<Field>& fields, Tensor t, std::size_t place) {
  Status status = CheckArray(t, place, "gradient", t.gradient);
  for (const Field& field : fields) {
    if (status.ok()) status = CheckArray(t, place, field.name, field.of(t));
  }
  return status;
}

Status Overlap() { return {"Arrays of an update must not share memory"}; }

template <std::size_t i>
void*& SlotOf(Tensor& t) {
  return t.slots[i];
}

constexpr Field kSlots[] = {
    {"slot", SlotOf<0>}, {"second slot", SlotOf<1>}, {"third slot", SlotOf<2>}};
static_assert(std::size(kSlots) == kMaxSlots);

}  // namespace

const std::vector<RuleInfo>& Rules() {
  static const std::vector<RuleInfo> rules = RuleTable(AllRules());
  return rules;
}

std::size_t RuleNamed(std::string_view name) {
  const std::vector<RuleInfo>& rules = Rules();
  std::size_t i = 0;
  while (i < rules.size() && rules[i].name != name) ++i;
  return i;
}

std::vector<Field> WrittenFields(const Options& options) {
  std::vector<Field> fields = {
      {"weight", [](Tensor& t) -> void*& { return t.weight; }}};
  fields.insert(fields.end(), kSlots, kSlots + Rules()[options.rule].slots);
  if (options.gradient_accumulation_steps > 1) {
    fields.push_back({"sum", [](Tensor& t) -> void*& { return t.sum; }});
  }
  if (options.use_ema) {
    fields.push_back({"average", [](Tensor& t) -> void*& { return t.average; }});
  }
  return fields;
}

WrittenBytes::Bytes WrittenBytes::At(const void* data, const Tensor& t) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  return {begin, begin + static_cast<std::uintptr_t>(t.size * BytesOf(t.type))};
}

Status WrittenBytes::Set(const std::vector<Tensor>& tensors) {
  ranges_.clear();
  for (const Tensor& t : tensors) {
    if (t.size == 0) continue;
    const auto add = [&](const void* data) {
      if (data != nullptr) ranges_.push_back(At(data, t));
    };
    add(t.weight);
    for (const void* slot : t.slots) add(slot);
    add(t.sum);
    add(t.average);
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
              const std::vector<Tensor>& tensors, const Pool& pool,
              const GradientStatistics* given) {
  Status status;
  const std::vector<Field> fields = WrittenFields(options);
  for (std::size_t i = 0; status.ok() && i < tensors.size(); ++i) {
    status = CheckTensor(fields, tensors[i], i);
  }
  if (!status.ok()) return status;
  const auto step = MakeStep(options, scalars, tensors, pool, status);
  if (!step) return status;
  const GradientStatistics statistics = given ? *given : StatisticsOf(*step);
  status.skipped = options.skips_nonfinite && !statistics.finite;
  if (!status.skipped) UpdateChunks(*step, ClippingOf(*step, statistics.squares));
  return status;
}

std::string InstructionSet(std::string* error) {
  const Loops* loops = ChooseLoops(error);
  return loops == nullptr ? "" : loops->name;
}

}  // namespace kerasched
