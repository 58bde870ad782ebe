// Lets Swift call ICU: ICU renames its symbols by macros, which Swift cannot see through, so every
// call needs one inline wrapper here. No logic.
#pragma once
#include <unicode/utypes.h>
