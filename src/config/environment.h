// The environment as a function, so that tests and the loader see the same kind of thing: the value
// of a variable, or nothing when it is not set.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace sluice::config {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// That of the process. Call it before other threads start: getenv is not safe beside setenv.
Environment process_environment();

}  // namespace sluice::config
