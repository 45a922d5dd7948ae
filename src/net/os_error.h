// errno to Error, in one place that names every errno we expect.
#pragma once

#include "base/error.h"

namespace sluice::net {

// `os_errno` is positive. `where` is a static text naming the operation.
Error os_error(int os_errno, ErrorSource source, const char* where);

}  // namespace sluice::net
