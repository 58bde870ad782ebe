// How often a thread has asked for memory, for tests that bound it.
#pragma once
#include <stdint.h>

/// Allocations and reallocations of the calling thread so far; −1 where the system does not let us count.
int64_t mt_allocations_of_this_thread(void);
