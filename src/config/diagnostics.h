// What is wrong with a configuration: a list that loading fills, in place of stopping at the first.
//
// Each entry says where (file, line, column; or the flag or environment variable), which key, what
// is wrong and what was expected. Values are quoted only where they cannot be secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// Both count from 1; columns count code points, as editors do. 0: there is no place in a file.
struct Position {
    uint32_t line = 0;
    uint32_t column = 0;

    auto operator<=>(const Position&) const = default;
};

enum class Severity : uint8_t { warning, error };

struct Diagnostic {
    Severity severity = Severity::error;
    std::string origin;  // The file, or "--port", or "SLUICE_PORT".
    Position position;   // In the file.
    std::string key;     // As the user wrote it, with its tables: "provider.openai.timeout".
    std::string text;

    // "sluice.toml:4:8: server.port: 70000 is out of range; expected ..."
    std::string to_string() const;
};

class Diagnostics {
public:
    explicit Diagnostics(std::string_view file_name) : file_name_(file_name) {}

    void add(Diagnostic diagnostic);
    // At a place in the file.
    void error(Position position, std::string_view key, std::string text);
    void warning(Position position, std::string_view key, std::string text);

    const std::string& file_name() const { return file_name_; }
    uint32_t error_count() const { return error_count_; }
    // Whether something was found wrong with exactly this key.
    bool has_error(std::string_view key) const;
    std::vector<Diagnostic> take();

private:
    std::string file_name_;
    std::vector<Diagnostic> list_;  // By place, so that a report reads like the file.
    uint32_t error_count_ = 0;
};

}  // namespace sluice::config
