#include "dispatch.h"

#include <cstdlib>
#include <cstring>

namespace kerasched {
namespace {

bool Always() { return true; }

// The loops are inlined into functions with a target attribute, and compiled for it.
#define KERASCHED_LOOPS(name, target)                                                  \
  namespace name {                                                                     \
  target void UpdateFloat(const Plan& p, const Range<float>& r) { UpdateRange(p, r); } \
  target void UpdateDouble(const Plan& p, const Range<double>& r) {                    \
    UpdateRange(p, r);                                                                 \
  }                                                                                    \
  target void UpdateBFloat16(const Plan& p, const Range<BFloat16>& r) {                \
    UpdateRange(p, r);                                                                 \
  }                                                                                    \
  target double SquaresFloat(const Plan& p, const Range<float>& r) {                   \
    return SquaresOfRange(p, r);                                                       \
  }                                                                                    \
  target double SquaresDouble(const Plan& p, const Range<double>& r) {                 \
    return SquaresOfRange(p, r);                                                       \
  }                                                                                    \
  target double SquaresBFloat16(const Plan& p, const Range<BFloat16>& r) {             \
    return SquaresOfRange(p, r);                                                       \
  }                                                                                    \
  target bool FiniteFloat(const Range<float>& r) { return FiniteRange(r); }            \
  target bool FiniteDouble(const Range<double>& r) { return FiniteRange(r); }          \
  target bool FiniteBFloat16(const Range<BFloat16>& r) { return FiniteRange(r); }      \
  }

#define KERASCHED_ROW(name, supported) \
  {#name,                              \
   supported,                          \
   name::UpdateFloat,                  \
   name::UpdateDouble,                 \
   name::UpdateBFloat16,               \
   name::SquaresFloat,                 \
   name::SquaresDouble,                \
   name::SquaresBFloat16,              \
   name::FiniteFloat,                  \
   name::FiniteDouble,                 \
   name::FiniteBFloat16}

KERASCHED_LOOPS(baseline, )

#if defined(__x86_64__) && !defined(_MSC_VER)
KERASCHED_LOOPS(avx2, __attribute__((target("avx2"))))
bool HasAvx2() { return __builtin_cpu_supports("avx2") != 0; }
#endif

// The best first.
const Loops kLoops[] = {
#if defined(__x86_64__) && !defined(_MSC_VER)
    KERASCHED_ROW(avx2, HasAvx2),
#endif
    KERASCHED_ROW(baseline, Always),
};

}  // namespace

const Loops* ChooseLoops(std::string* error) {
  const char* wanted = std::getenv("KERASCHED_ISA");
  std::string names;
  for (const Loops& loops : kLoops) {
    if (!loops.supported()) continue;
    if (wanted == nullptr || *wanted == '\0') return &loops;
    if (std::strcmp(wanted, loops.name) == 0) return &loops;
    names += names.empty() ? loops.name : std::string(", ") + loops.name;
  }
  *error = "Environment variable KERASCHED_ISA must be one of: " + names +
           ". Received: KERASCHED_ISA=" + wanted;
  return nullptr;
}

}  // namespace kerasched
