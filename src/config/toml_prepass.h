// Makes TOML 1.1's inline tables readable for a TOML 1.0 parser.
//
// TOML 1.1 allows newlines, comments and a comma after the last pair inside { }, and published
// configurations use them. Here these are turned into blanks, and a map is kept that leads each
// place of the rewritten text back to the line and column the user wrote. Nothing else changes.
//
// It also bounds what the parser behind it would follow by recursion, depth of brackets and parts
// of a dotted key, and refuses letters outside of ASCII where TOML has no place for them: most
// often a blank that only looks like one.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"

namespace sluice::config {

inline constexpr uint32_t kTomlDepthMax = 16;     // Brackets and braces around one value.
inline constexpr uint32_t kTomlKeyPartsMax = 16;  // a.b.c has three.

class TomlPrepass {
public:
    struct Failure {
        Position position;
        std::string text;
    };

    // Fails only for the above and for a brace that is never closed; every other mistake is left in
    // the text for the parser to report.
    static std::expected<TomlPrepass, Failure> run(std::string_view text);

    const std::string& text() const { return text_; }
    // Where in the original the given place of text() stands.
    Position original(Position rewritten) const;

private:
    friend class TomlRewriter;

    // From `rewritten` on, to the next anchor, columns run in step with those of the original.
    struct Anchor {
        Position rewritten;
        Position original;
    };

    std::string text_;
    std::vector<Anchor> anchors_;  // Ascending; the first is {1:1, 1:1}.
};

}  // namespace sluice::config
