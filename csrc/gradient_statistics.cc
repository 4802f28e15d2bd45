#include "gradient_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "step.h"

namespace kerasched {
namespace {

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

}  // namespace

GradientStatistics StatisticsOf(const Step& step) {
  GradientStatistics statistics;
  const std::vector<double> of_chunks = SquaresOfChunks(step);
  if (step.options.skips_nonfinite) statistics.finite = AllFinite(step, of_chunks);
  if (of_chunks.empty()) return statistics;
  statistics.squares.resize(step.tensors.size());
  for (std::size_t i = 0; i < of_chunks.size(); ++i) {
    const auto tensor = static_cast<std::size_t>(step.chunks[i].tensor);
    statistics.squares[tensor] += of_chunks[i];
  }
  return statistics;
}

Status ReadGradients(const Options& options, const Scalars& scalars,
                     const std::vector<Tensor>& tensors, const Pool& pool,
                     GradientStatistics& statistics) {
  Status status;
  const bool accumulates = options.gradient_accumulation_steps > 1;
  for (std::size_t i = 0; status.ok() && i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    status = CheckArray(t, i, "gradient", t.gradient);
    if (status.ok() && accumulates) status = CheckArray(t, i, "sum", t.sum);
  }
  if (!status.ok()) return status;
  const auto step = MakeStep(options, scalars, tensors, pool, status);
  if (step) statistics = StatisticsOf(*step);
  return status;
}

}  // namespace kerasched
