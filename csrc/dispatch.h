// The loops, compiled once for each type and instruction set.
#ifndef KERASCHED_DISPATCH_H_
#define KERASCHED_DISPATCH_H_

#include <string>

#include "sgd_loop.h"

namespace kerasched {

// The loops for one instruction set. `name` is what KERASCHED_ISA calls it.
struct Loops {
  const char* name;
  bool (*supported)();
  void (*update_float)(const Work&, const Range<float>&);
  void (*update_double)(const Work&, const Range<double>&);
  void (*update_bfloat16)(const Work&, const Range<BFloat16>&);
  double (*squares_float)(const Work&, const Range<float>&);
  double (*squares_double)(const Work&, const Range<double>&);
  double (*squares_bfloat16)(const Work&, const Range<BFloat16>&);
  bool (*finite_float)(const Range<float>&);
  bool (*finite_double)(const Range<double>&);
  bool (*finite_bfloat16)(const Range<BFloat16>&);

  void Update(const Work& work, const Range<float>& r) const { update_float(work, r); }
  void Update(const Work& work, const Range<double>& r) const {
    update_double(work, r);
  }
  void Update(const Work& work, const Range<BFloat16>& r) const {
    update_bfloat16(work, r);
  }
  double Squares(const Work& work, const Range<float>& r) const {
    return squares_float(work, r);
  }
  double Squares(const Work& work, const Range<double>& r) const {
    return squares_double(work, r);
  }
  double Squares(const Work& work, const Range<BFloat16>& r) const {
    return squares_bfloat16(work, r);
  }
  bool Finite(const Range<float>& r) const { return finite_float(r); }
  bool Finite(const Range<double>& r) const { return finite_double(r); }
  bool Finite(const Range<BFloat16>& r) const { return finite_bfloat16(r); }
};

// Returns the loops of the best instruction set that this processor has, or those that
// the environment variable KERASCHED_ISA names; null and a text in `error` where it
// names none that runs here. All give the same results to the last bit.
const Loops* ChooseLoops(std::string* error);

}  // namespace kerasched

#endif  // KERASCHED_DISPATCH_H_
