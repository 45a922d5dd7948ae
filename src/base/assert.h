// Assertions for what only our own bugs can break.
//
// SLUICE_ASSERT stays on in release builds: a gateway that goes on after a broken invariant sends
// wrong bytes to somebody. SLUICE_DCHECK is for costly checks and is compiled out of release
// builds. Neither is ever used on input from outside; that is what Result is for.
#pragma once

namespace sluice {

// Prints the place and the text to standard error and aborts.
[[noreturn]] void assertion_failed(const char* file, int line, const char* text) noexcept;

}  // namespace sluice

#define SLUICE_ASSERT(condition)                                        \
    do {                                                                \
        if (!(condition)) [[unlikely]] {                                \
            ::sluice::assertion_failed(__FILE__, __LINE__, #condition); \
        }                                                               \
    } while (false)

#if defined(SLUICE_DEBUG_CHECKS)
#define SLUICE_DCHECK(condition) SLUICE_ASSERT(condition)
#else
#define SLUICE_DCHECK(condition) \
    do {                         \
        (void)sizeof(condition); \
    } while (false)
#endif

#define SLUICE_UNREACHABLE() ::sluice::assertion_failed(__FILE__, __LINE__, "unreachable")
