#include "CLanguageDetection.h"

#include <cstdio>

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

int32_t mt_detect_languages(
    const char *text, int32_t length, const char *expected, bool guesses, mt_detected_language found[3]) {
  const CLD2::CLDHints hints = {expected, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language languages[3];
  int percents[3];
  double scores[3];
  int text_bytes = 0, valid_bytes = 0;
  bool is_reliable = false;
  try {
    CLD2::ExtDetectLanguageSummaryCheckUTF8(
        text, length, true, &hints, guesses ? CLD2::kCLDFlagBestEffort : 0, languages, percents, scores, nullptr,
        &text_bytes, &is_reliable, &valid_bytes);
  } catch (...) {
    return 0;
  }
  if (valid_bytes < length) return 0;
  int32_t count = 0;
  for (int i = 0; i < 3; i++) {
    if (languages[i] == CLD2::UNKNOWN_LANGUAGE) continue;
    found[count++] = {CLD2::LanguageCode(languages[i]), percents[i]};
  }
  return count;
}
