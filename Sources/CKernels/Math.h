// What the loops share: one build for each instruction set, vectorisable exponentials, a counter-based random hash.
#pragma once
#include "CKernels.h"
#include <math.h>
#include <string.h>

// The loader picks the best of these once; elsewhere, and under the thread sanitizer, which is not up when the loader asks, the
// compiler's default target serves.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer)
#define MT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MT_CLONES
#endif
#define MT_INLINE static inline __attribute__((always_inline))
// Sums may be regrouped, so that they vectorise; one machine always regroups them alike.
#define MT_REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")

/// e^x to about 2 ulp, branch-free (Cephes' range reduction and polynomial); 0 below −87.3, finite above 88.
MT_INLINE float mt_exp(float x) {
  x = x > 88.0f ? 88.0f : x;
  float keep = x < -87.3f ? 0.0f : 1.0f;
  x = x < -87.3f ? -87.3f : x;
  float n = __builtin_rintf(x * 1.44269504088896341f);
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  memcpy(&power, &bits, 4);
  return keep * p * power;
}

MT_INLINE float mt_sigmoid_of(float x) { return 1.0f / (1.0f + mt_exp(-x)); }

/// tanh: a polynomial near 0, where the quotient of exponentials would lose digits.
MT_INLINE float mt_tanh_of(float x) {
  float a = __builtin_fabsf(x);
  float x2 = x * x;
  float p = -5.70498872745e-3f;
  p = p * x2 + 2.06390887954e-2f;
  p = p * x2 - 5.37397155531e-2f;
  p = p * x2 + 1.33314422036e-1f;
  p = p * x2 - 3.33332819422e-1f;
  float near = p * x2 * x + x;
  float far = 1.0f - 2.0f / (mt_exp(2.0f * a) + 1.0f);
  far = x < 0 ? -far : far;
  return a < 0.625f ? near : far;
}

/// 32 random bits for (seed, index): two rounds of a multiply–xorshift mix, 32-bit so that it vectorises.
MT_INLINE uint32_t mt_hash(uint32_t seed_low, uint32_t seed_high, uint32_t index) {
  uint32_t h = index * 0x9E3779B1u ^ seed_low;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h += seed_high;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  h *= 0x27D4EB2Fu;
  h ^= h >> 15;
  return h;
}

/// 0 or 1/(1−p): the factor of element `index` under dropout.
MT_INLINE float mt_keep(uint32_t threshold, float factor, uint32_t low, uint32_t high, uint32_t index) {
  return mt_hash(low, high, index) >= threshold ? factor : 0.0f;
}

MT_INLINE uint32_t mt_drop_threshold(float p) { return (uint32_t)((double)p * 4294967296.0); }

/// y += factor·x, two rows that never overlap.
MT_INLINE void mt_add_scaled_of(float *restrict y, const float *restrict x, float factor, int64_t count) {
  for (int64_t c = 0; c < count; c++) y[c] += factor * x[c];
}

/// out = softmax(scale·x); out may be x.
MT_INLINE void mt_softmax_of(float *out, const float *x, int64_t count, float scale) {
  MT_REASSOCIATE
  float most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < count; j++) most = x[j] > most ? x[j] : most;
  for (int64_t j = 0; j < count; j++) {
    float e = mt_exp((x[j] - most) * scale);
    out[j] = e;
    sum += e;
  }
  float factor = 1.0f / sum;
  for (int64_t j = 0; j < count; j++) out[j] *= factor;
}
