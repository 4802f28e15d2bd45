// A first pass over the gradients, for what must be known before any weight changes. It
// does not depend on the update rule.
#ifndef KERASCHED_GRADIENT_STATISTICS_H_
#define KERASCHED_GRADIENT_STATISTICS_H_

#include <vector>

#include "update.h"

namespace kerasched {

struct Step;

// The statistics of the gradients of a step. Those of the shards of a tensor add up:
// the sums of squares do, and all are finite if each shard is.
struct GradientStatistics {
  std::vector<double> squares;  // One sum for each tensor; empty if no norm is clipped.
  bool finite = true;           // Computed only if the options skip steps.
};

// Sets the statistics of these gradients, which are divided by the loss scale and
// averaged over the micro-batches first, as the options say. Reads the gradients and
// sums alone; the other pointers may be null. Thread-safe.
Status ReadGradients(const Options& options, const Scalars& scalars,
                     const std::vector<Tensor>& tensors, const Pool& pool,
                     GradientStatistics& statistics);

// Returns the same for a step whose arrays are valid.
GradientStatistics StatisticsOf(const Step& step);

}  // namespace kerasched

#endif  // KERASCHED_GRADIENT_STATISTICS_H_
