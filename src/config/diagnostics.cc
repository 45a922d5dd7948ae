// Diagnostics: collecting, ordering and wording the place of each entry.
#include "config/diagnostics.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {

std::string Diagnostic::to_string() const {
    std::string line = origin;
    if (position.line != 0) {
        line += fmt::format(":{}:{}", position.line, position.column);
    }
    line += severity == Severity::warning ? ": warning: " : ": ";
    if (!key.empty()) {
        line += key;
        line += ": ";
    }
    return line + text;
}

void Diagnostics::add(Diagnostic diagnostic) {
    error_count_ += diagnostic.severity == Severity::error ? 1 : 0;
    const auto after = std::upper_bound(
        list_.begin(), list_.end(), diagnostic,
        [](const Diagnostic& a, const Diagnostic& b) { return a.position < b.position; });
    list_.insert(after, std::move(diagnostic));
}

void Diagnostics::error(Position position, std::string_view key, std::string text) {
    add({Severity::error, file_name_, position, std::string(key), std::move(text)});
}

void Diagnostics::warning(Position position, std::string_view key, std::string text) {
    add({Severity::warning, file_name_, position, std::string(key), std::move(text)});
}

bool Diagnostics::has_error(std::string_view key) const {
    return std::ranges::any_of(list_, [key](const Diagnostic& diagnostic) {
        return diagnostic.severity == Severity::error && diagnostic.key == key;
    });
}

std::vector<Diagnostic> Diagnostics::take() {
    error_count_ = 0;
    return std::exchange(list_, {});
}

}  // namespace sluice::config
