// Sixteen numbers at a time.
#pragma once
#include "Math.h"
#pragma clang diagnostic ignored "-Wpsabi"

enum { lane = 16 };
typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t integers __attribute__((vector_size(64), aligned(4), may_alias));
#define LOAD(x) (*(const vector *)(x))

// Of two numbers the larger, the second where either is none: one instruction.
MT_INLINE vector larger(vector a, vector b) {
  integers mask = a > b;
  return (vector)(((integers)a & mask) | ((integers)b & ~mask));
}

// e^x for x ≤ 0, to 3e-7 of its value, at least 1.6e-38: shorter than `mt_exp`, since softmax over a vocabulary is nothing
// else. 2^f for |f| ≤ ½ by a polynomial of least largest relative error, 7.5e-8; adding 1.5·2²³ rounds to an integer and
// leaves it in the low bits.
MT_INLINE vector exponential(vector x) {
#pragma clang fp contract(fast)
  const vector low = (vector){0} - 87.0f;
  x = larger(x, low);
  vector shifted = x * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
  vector f = x * 1.44269504088896341f - n;
  vector p = f * 0.001327641075477004f + 0.009675541892647743f;
  p = p * f + 0.05550713464617729f;
  p = p * f + 0.24022120237350464f;
  p = p * f + 0.6931469440460205f;
  p = p * f + 1.0000001192092896f;
  return (vector)((integers)p + ((integers)shifted << 23));
}
