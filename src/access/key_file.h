// The only I/O of this room: keys.json, read whole and replaced whole. Control thread; it blocks.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::access {

// Nothing when there is no such file. Errors are phrases: "is readable by others (mode 0644); make
// it 0600". Who can read or write the file besides its owner is refused, because hashes tell which
// keys exist, and who writes it makes keys.
std::expected<std::optional<std::string>, std::string> read_private_file(const std::string& path,
                                                                         size_t bytes_max);

// Either the old content or the new one is there, whole, also after a crash: a new file with mode
// 0600 beside it, synchronised, renamed, and the folder synchronised. One writer at a time.
std::expected<void, std::string> replace_private_file(const std::string& path,
                                                      std::string_view content);

}  // namespace sluice::access
