#include "step.h"

#include <algorithm>
#include <string>

namespace kerasched {
namespace {

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
  const std::int64_t updates = scalars.iterations / steps;
  const RuleInfo& rule = Rules()[options.rule];
  plan.rule = options.rule;
  plan.numbers_float = rule.prepare_float(scalars, updates + 1);
  plan.numbers_double = rule.prepare_double(scalars, updates + 1);
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
  SetAverage(options, updates, plan);
  return plan;
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

}  // namespace

Status CheckArray(const Tensor& t, std::size_t place, const char* name,
                  const void* data) {
  if (t.size < 0) return {NameOf("size", place) + " must not be negative"};
  if (t.size == 0) return {};
  if (data == nullptr) return {NameOf(name, place) + " is missing"};
  const auto width = static_cast<std::uintptr_t>(BytesOf(t.type));
  if (reinterpret_cast<std::uintptr_t>(data) % width != 0) {
    return {NameOf(name, place) + " must be aligned for " + NameOf(t.type)};
  }
  return {};
}

std::optional<Step> MakeStep(const Options& options, const Scalars& scalars,
                             const std::vector<Tensor>& tensors, const Pool& pool,
                             Status& status) {
  status = CheckOptions(options);
  if (!status.ok()) return std::nullopt;
  const Loops* loops = ChooseLoops(&status.error);
  if (loops == nullptr) return std::nullopt;
  const std::int64_t threads = ThreadLimit(pool.threads, &status.error);
  if (threads == 0) return std::nullopt;
  std::vector<std::int64_t> sizes;
  std::int64_t total = 0;
  for (const Tensor& t : tensors) {
    sizes.push_back(t.size);
    total += t.size;
  }
  const bool alone = total < kParallelElements;
  return Step{options,
              tensors,
              *loops,
              {pool.schedule, alone ? 1 : threads},
              PlanOf(options, scalars),
              Partition(sizes)};
}

}  // namespace kerasched
