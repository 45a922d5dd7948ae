// The one place that ends the process on a broken invariant.
#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace sluice {

void assertion_failed(const char* file, int line, const char* text) noexcept {
    char message[512];
    const int length = std::snprintf(message, sizeof message,
                                     "sluice: %s:%d: assertion failed: %s\n", file, line, text);
    if (length > 0) {
        // Standard error may be closed; there is nothing left to do about it here.
        [[maybe_unused]] const auto written =
            ::write(STDERR_FILENO, message,
                    static_cast<size_t>(length) < sizeof message ? static_cast<size_t>(length)
                                                                 : sizeof message - 1);
    }
    std::abort();
}

}  // namespace sluice
