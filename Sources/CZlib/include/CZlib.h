// Lets Swift read gzip files with zlib; no logic.
#pragma once
#include <zlib.h>
