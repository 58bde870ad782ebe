#include "CKernels.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void mt_trim_heap(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

static const size_t large_page = (size_t)2 << 20;

static size_t whole_pages(int64_t bytes) {
  return ((size_t)(bytes > 0 ? bytes : 1) + large_page - 1) / large_page * large_page;
}

void *mt_map_large(int64_t bytes) {
  // One large page too many, so that a part of it begins where a large page does.
  size_t size = whole_pages(bytes), mapped = size + large_page;
  char *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  size_t before = (large_page - (size_t)start % large_page) % large_page, after = mapped - before - size;
  if (before > 0) munmap(start, before);
  if (after > 0) munmap(start + before + size, after);
#ifdef MADV_HUGEPAGE
  madvise(start + before, size, MADV_HUGEPAGE);
#endif
  return start + before;
}

void mt_unmap_large(void *memory, int64_t bytes) { munmap(memory, whole_pages(bytes)); }

void mt_discard(const void *start, int64_t bytes) {
  uintptr_t page = (uintptr_t)getpagesize();
  uintptr_t first = ((uintptr_t)start + page - 1) / page * page, end = ((uintptr_t)start + (uintptr_t)bytes) / page * page;
  if (end > first) madvise((void *)first, end - first, MADV_DONTNEED);
}
