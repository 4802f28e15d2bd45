// Compiler keywords that C++ lacks.
#ifndef KERASCHED_INLINING_H_
#define KERASCHED_INLINING_H_

// Inlines a function, so that it is compiled for the instruction set of its caller.
#if defined(_MSC_VER)
#define KERASCHED_INLINE __forceinline
#else
#define KERASCHED_INLINE inline __attribute__((always_inline))
#endif

// No other pointer of the function writes this memory.
#define KERASCHED_RESTRICT __restrict

#endif  // KERASCHED_INLINING_H_
