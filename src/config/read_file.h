// Reads a small file whole. For configuration and keys, on the thread that loads them.
#pragma once

#include <cstddef>
#include <expected>
#include <string>

namespace sluice::config {

// The error is a phrase such as "cannot be read: No such file or directory". `bytes_max` also
// bounds the only buffer that the content ever is in.
std::expected<std::string, std::string> read_file(const std::string& path, size_t bytes_max);

// What keeps the process from opening it for reading, in the same words; "" when nothing does.
std::string unreadable(const std::string& path);

}  // namespace sluice::config
