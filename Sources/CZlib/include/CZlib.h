// Lets Swift read and write gzip files and zip members with zlib: the initialisers are macros. No logic.
#pragma once
#include <zlib.h>

/// Prepares to inflate gzip members.
static inline int mt_zlib_open_inflate(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
/// Prepares to deflate into one gzip member.
static inline int mt_zlib_open_deflate(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
/// Prepares to inflate bare deflate data, as zip files hold it.
static inline int mt_zlib_open_raw_inflate(z_stream *stream) { return inflateInit2(stream, -15); }
