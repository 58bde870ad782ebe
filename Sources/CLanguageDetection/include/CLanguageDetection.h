// Lets Swift call libcld2, which is C++: which languages a text is in. No logic, no exception leaves.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One of the up to three languages of a text: its code ("fr", "zh-Hant"), a string that stays, and how many of the
/// text's bytes are in it, in percent.
typedef struct {
  const char *code;
  int32_t percent;
} mt_detected_language;

/// Finds the languages of UTF-8; with `guesses` also where there is too little to tell. `expected` are codes joined by
/// commas to which it is to incline, or null. Returns how many of the three were found; none where the text is not UTF-8.
/// Any number of threads.
int32_t mt_detect_languages(
    const char *text, int32_t length, const char *expected, bool guesses, mt_detected_language found[3]);

#ifdef __cplusplus
}
#endif
