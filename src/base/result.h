// Result<T>: a value or an Error; and the two macros that pass an Error on.
//
// The macros are declarations, not expressions: `co_await` inside a statement expression crashes
// g++ 12.
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace sluice {

template <class T>
using Result = std::expected<T, Error>;

using Status = Result<void>;

inline std::unexpected<Error> fail(const Error& error) {
    return std::unexpected<Error>(error);
}

}  // namespace sluice

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

#define SLUICE_TRY_IMPL(declaration, expression, temporary, leave) \
    auto temporary = (expression);                                 \
    if (!temporary) [[unlikely]] {                                 \
        leave ::sluice::fail(temporary.error());                   \
    }                                                              \
    declaration = std::move(*temporary)

#define SLUICE_TRY_VOID_IMPL(expression, temporary, leave)        \
    if (auto temporary = (expression); !temporary) [[unlikely]] { \
        leave ::sluice::fail(temporary.error());                  \
    }

// TRY(auto head, parse(bytes));   in a function that returns a Result
#define TRY(declaration, ...) \
    SLUICE_TRY_IMPL(declaration, (__VA_ARGS__), SLUICE_CONCAT(try_result_, __LINE__), return)
#define TRY_VOID(...) \
    SLUICE_TRY_VOID_IMPL((__VA_ARGS__), SLUICE_CONCAT(try_result_, __LINE__), return)

// CO_TRY(auto head, co_await read_head());   in a coroutine that returns Task<Result<...>>
#define CO_TRY(declaration, ...) \
    SLUICE_TRY_IMPL(declaration, (__VA_ARGS__), SLUICE_CONCAT(try_result_, __LINE__), co_return)
#define CO_TRY_VOID(...) \
    SLUICE_TRY_VOID_IMPL((__VA_ARGS__), SLUICE_CONCAT(try_result_, __LINE__), co_return)
