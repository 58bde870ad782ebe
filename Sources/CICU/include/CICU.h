// Lets Swift call ICU: ICU renames its symbols by macros, which Swift cannot see through, so every call needs one wrapper
// here. No logic. ICU's own headers stay out of sight: Foundation on Linux carries another ICU as a module, and the
// compiler takes types of the same name for the same.
#pragma once
#include <stdbool.h>
#include <stdint.h>

/// ICU's error code: 0 and below mean success.
typedef int32_t mt_icu_status;
enum { MT_ICU_BUFFER_OVERFLOW = 15 };
const char *mt_icu_error_name(mt_icu_status status);

// Normal forms. Both write at most `capacity` units and return how many there are.

int32_t mt_icu_normalize(bool compatibility, const uint16_t *text, int32_t length, uint16_t *result, int32_t capacity,
                         mt_icu_status *status);
int32_t mt_icu_lowercase(const uint16_t *text, int32_t length, uint16_t *result, int32_t capacity, mt_icu_status *status);
/// True where a text made of such characters alone is in the form: quick check "yes", combining class 0 (UAX #15 §9).
bool mt_icu_is_plain(int32_t scalar, bool compatibility);

// Boundaries. Positions are offsets into UTF-8 text.

typedef struct mt_icu_breaks mt_icu_breaks;
typedef struct mt_icu_text mt_icu_text;
mt_icu_breaks *mt_icu_open_words(mt_icu_status *status);
mt_icu_breaks *mt_icu_open_sentences(mt_icu_status *status);
void mt_icu_close_breaks(mt_icu_breaks *breaks);
/// Opens, or reopens where `text` is not null, a view of bytes that stay the caller's.
mt_icu_text *mt_icu_open_utf8(mt_icu_text *text, const char *bytes, int64_t length, mt_icu_status *status);
void mt_icu_close_text(mt_icu_text *text);
void mt_icu_set_text(mt_icu_breaks *breaks, mt_icu_text *text, mt_icu_status *status);
/// The next boundary, or -1 after the last.
int32_t mt_icu_next_break(mt_icu_breaks *breaks);
/// What ICU's rules say of the text before the boundary.
int32_t mt_icu_break_status(mt_icu_breaks *breaks);

// Properties.

int32_t mt_icu_script(int32_t scalar);
const char *mt_icu_script_name(int32_t script);

// Numbers.

/// The decimal and the grouping separator with which a locale writes numbers, one unit each; 0 where it is longer.
void mt_icu_number_separators(const char *locale, uint16_t *decimal, uint16_t *grouping, mt_icu_status *status);

/// Writes the numbers 0, 1, …, `count` - 1 out in words, as a locale spells them, with U+000A after each. Writes at most
/// `capacity` units and returns how many there are.
int32_t mt_icu_spell_numbers(const char *locale, int32_t count, uint16_t *result, int32_t capacity,
                             mt_icu_status *status);
