// What the language has no word for.
#ifndef KERASCHED_INLINING_H_
#define KERASCHED_INLINING_H_

// A function that becomes part of its caller, so that it is compiled for the caller's
// instruction set.
#if defined(_MSC_VER)
#define KERASCHED_INLINE __forceinline
#else
#define KERASCHED_INLINE inline __attribute__((always_inline))
#endif

// A pointer to memory that no other pointer of the same function writes.
#define KERASCHED_RESTRICT __restrict

#endif  // KERASCHED_INLINING_H_
