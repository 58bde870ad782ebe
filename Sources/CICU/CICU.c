#include "CICU.h"
#include <unicode/unum.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>

_Static_assert(MT_ICU_BUFFER_OVERFLOW == U_BUFFER_OVERFLOW_ERROR, "ICU's error codes have moved");

// ICU's status comes and goes as an int of ours.
#define CALL(type, call)                       \
  UErrorCode code = (UErrorCode)*status;       \
  type result_ = (call);                       \
  *status = (mt_icu_status)code;               \
  return result_

const char *mt_icu_error_name(mt_icu_status status) { return u_errorName((UErrorCode)status); }

int32_t mt_icu_normalize(bool compatibility, const uint16_t *text, int32_t length, uint16_t *result, int32_t capacity,
                         mt_icu_status *status) {
  UErrorCode opened = U_ZERO_ERROR;
  const UNormalizer2 *form = compatibility ? unorm2_getNFKCInstance(&opened) : unorm2_getNFCInstance(&opened);
  if (U_FAILURE(opened)) {
    *status = (mt_icu_status)opened;
    return 0;
  }
  CALL(int32_t, unorm2_normalize(form, (const UChar *)text, length, (UChar *)result, capacity, &code));
}

int32_t mt_icu_lowercase(const uint16_t *text, int32_t length, uint16_t *result, int32_t capacity, mt_icu_status *status) {
  CALL(int32_t, u_strToLower((UChar *)result, capacity, (const UChar *)text, length, "", &code));
}

bool mt_icu_is_plain(int32_t scalar, bool compatibility) {
  UProperty property = compatibility ? UCHAR_NFKC_QUICK_CHECK : UCHAR_NFC_QUICK_CHECK;
  return u_getIntPropertyValue(scalar, property) == UNORM_YES && u_getCombiningClass(scalar) == 0;
}

mt_icu_breaks *mt_icu_open_words(mt_icu_status *status) {
  CALL(mt_icu_breaks *, (mt_icu_breaks *)ubrk_open(UBRK_WORD, "", NULL, 0, &code));
}

mt_icu_breaks *mt_icu_open_sentences(mt_icu_status *status) {
  CALL(mt_icu_breaks *, (mt_icu_breaks *)ubrk_open(UBRK_SENTENCE, "", NULL, 0, &code));
}

void mt_icu_close_breaks(mt_icu_breaks *breaks) { ubrk_close((UBreakIterator *)breaks); }

mt_icu_text *mt_icu_open_utf8(mt_icu_text *text, const char *bytes, int64_t length, mt_icu_status *status) {
  CALL(mt_icu_text *, (mt_icu_text *)utext_openUTF8((UText *)text, bytes, length, &code));
}

void mt_icu_close_text(mt_icu_text *text) { utext_close((UText *)text); }

void mt_icu_set_text(mt_icu_breaks *breaks, mt_icu_text *text, mt_icu_status *status) {
  UErrorCode code = (UErrorCode)*status;
  ubrk_setUText((UBreakIterator *)breaks, (UText *)text, &code);
  *status = (mt_icu_status)code;
}

int32_t mt_icu_next_break(mt_icu_breaks *breaks) { return ubrk_next((UBreakIterator *)breaks); }
int32_t mt_icu_break_status(mt_icu_breaks *breaks) { return ubrk_getRuleStatus((UBreakIterator *)breaks); }

int32_t mt_icu_script(int32_t scalar) {
  UErrorCode code = U_ZERO_ERROR;
  return (int32_t)uscript_getScript(scalar, &code);
}

const char *mt_icu_script_name(int32_t script) { return uscript_getShortName((UScriptCode)script); }

void mt_icu_number_separators(const char *locale, uint16_t *decimal, uint16_t *grouping, mt_icu_status *status) {
  UErrorCode error = U_ZERO_ERROR;
  UNumberFormat *format = unum_open(UNUM_DECIMAL, NULL, 0, locale, NULL, &error);
  UChar symbol[8];
  *decimal = *grouping = 0;
  if (U_SUCCESS(error) && unum_getSymbol(format, UNUM_DECIMAL_SEPARATOR_SYMBOL, symbol, 8, &error) == 1) *decimal = symbol[0];
  if (U_SUCCESS(error) && unum_getSymbol(format, UNUM_GROUPING_SEPARATOR_SYMBOL, symbol, 8, &error) == 1) *grouping = symbol[0];
  unum_close(format);
  *status = U_SUCCESS(error) ? 0 : error;
}

int32_t mt_icu_spell_numbers(const char *locale, int32_t count, uint16_t *result, int32_t capacity,
                             mt_icu_status *status) {
  UErrorCode error = U_ZERO_ERROR;
  UNumberFormat *format = unum_open(UNUM_SPELLOUT, NULL, 0, locale, NULL, &error);
  int32_t written = 0;
  for (int32_t number = 0; number < count && U_SUCCESS(error); number++) {
    written += unum_format(format, number, result + written, capacity - written, NULL, &error);
    if (U_SUCCESS(error) && written < capacity) result[written] = '\n';
    written++;
    if (written > capacity) error = U_BUFFER_OVERFLOW_ERROR;
  }
  unum_close(format);
  *status = U_SUCCESS(error) ? 0 : (mt_icu_status)error;
  return written;
}
