// AddressSanitizer's calls, or nothing.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SIRFP_ADDRESS_SANITIZER 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SIRFP_POISON(pointer, bytes) __asan_poison_memory_region(pointer, bytes)
#define SIRFP_UNPOISON(pointer, bytes) __asan_unpoison_memory_region(pointer, bytes)
#else
#define SIRFP_POISON(pointer, bytes) static_cast<void>(0)
#define SIRFP_UNPOISON(pointer, bytes) static_cast<void>(0)
#endif
