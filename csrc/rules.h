// The update rules: a further one is a header and an entry in AllRules.
//
// A rule is a class with these members:
//   kName             its name in the options
//   kSlots            arrays of the weight's shape that it changes beside the weight
//   kHyperparameters  values that it takes beside those that all rules share
//   Prepare           computes what is the same for all elements, once a step
//   Move              changes the weight and the slots of one element
#ifndef KERASCHED_RULES_H_
#define KERASCHED_RULES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "adam_rule.h"
#include "lion_rule.h"
#include "scalars.h"
#include "sgd_rule.h"

namespace kerasched {

template <typename... Rules>
struct RuleList {};

using AllRules =
    RuleList<Sgd, SgdMomentum<false>, SgdMomentum<true>, Adam<false>, Adam<true>, Lion>;

constexpr std::size_t kMaxSlots = 3;

// A rule, for code that does not depend on the types of weights.
struct RuleInfo {
  const char* name;
  std::size_t slots;
  std::size_t hyperparameters;
  Numbers<float> (*prepare_float)(const Scalars&, std::int64_t update);
  Numbers<double> (*prepare_double)(const Scalars&, std::int64_t update);
};

// Returns the information on the rules of a list, in its order.
template <typename... Rules>
std::vector<RuleInfo> RuleTable(RuleList<Rules...>) {
  static_assert(((Rules::kSlots <= kMaxSlots) && ...));
  static_assert(((Rules::kHyperparameters <= kMaxHyperparameters) && ...));
  return {{Rules::kName, Rules::kSlots, Rules::kHyperparameters,
           Rules::template Prepare<float>, Rules::template Prepare<double>}...};
}

}  // namespace kerasched

#endif  // KERASCHED_RULES_H_
