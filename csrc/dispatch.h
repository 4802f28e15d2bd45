// The loops, compiled once for each type and instruction set.
#ifndef KERASCHED_DISPATCH_H_
#define KERASCHED_DISPATCH_H_

#include <string>

#include "update_loop.h"

namespace kerasched {

// The loops for one instruction set. `name` is what KERASCHED_ISA calls it.
struct Loops {
  const char* name;
  bool (*supported)();
  void (*update_float)(const Plan&, const Range<float>&);
  void (*update_double)(const Plan&, const Range<double>&);
  void (*update_bfloat16)(const Plan&, const Range<BFloat16>&);
  double (*squares_float)(const Plan&, const Range<float>&);
  double (*squares_double)(const Plan&, const Range<double>&);
  double (*squares_bfloat16)(const Plan&, const Range<BFloat16>&);
  bool (*finite_float)(const Range<float>&);
  bool (*finite_double)(const Range<double>&);
  bool (*finite_bfloat16)(const Range<BFloat16>&);

  void Update(const Plan& plan, const Range<float>& r) const { update_float(plan, r); }
  void Update(const Plan& plan, const Range<double>& r) const {
    update_double(plan, r);
  }
  void Update(const Plan& plan, const Range<BFloat16>& r) const {
    update_bfloat16(plan, r);
  }
  double Squares(const Plan& plan, const Range<float>& r) const {
    return squares_float(plan, r);
  }
  double Squares(const Plan& plan, const Range<double>& r) const {
    return squares_double(plan, r);
  }
  double Squares(const Plan& plan, const Range<BFloat16>& r) const {
    return squares_bfloat16(plan, r);
  }
  bool Finite(const Range<float>& r) const { return finite_float(r); }
  bool Finite(const Range<double>& r) const { return finite_double(r); }
  bool Finite(const Range<BFloat16>& r) const { return finite_bfloat16(r); }
};

// Returns the loops of the best instruction set that this processor supports, or those
// that the environment variable KERASCHED_ISA names; null and a text in `error` if the
// processor does not support it. All give the same results to the last bit.
const Loops* ChooseLoops(std::string* error);

}  // namespace kerasched

#endif  // KERASCHED_DISPATCH_H_
