// A TOML text as a tree of plain values, each with its place in the original text.
//
// The parser behind it (toml++) is known to toml_document.cc alone: its header costs seconds of
// compile time, and its positions mean the rewritten text until they are mapped back here.
// Members stand in the order of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"

namespace sluice::config {

enum class TomlKind : uint8_t { table, array, text, integer, boolean, fraction, time };

struct TomlMember;

struct TomlNode {
    TomlKind kind = TomlKind::table;
    Position position;
    bool boolean = false;
    int64_t integer = 0;
    double fraction = 0;
    std::string text;             // Of a string; of a fraction, the shortest that means the same.
    std::vector<TomlNode> items;  // Of an array.
    std::vector<TomlMember> members;  // Of a table.

    TomlNode* find(std::string_view key);
};

struct TomlMember {
    std::string key;    // The canonical spelling.
    std::string shown;  // As written; differs from `key` where another form was mapped.
    Position position;  // Of the key.
    TomlNode value;
};

// "a table", "a string" ... for error texts.
std::string_view describe(TomlKind kind);

// False after a mistake in the syntax, which then stands in `diagnostics`. The parser gives up at
// the first one.
bool parse_toml(std::string_view text, TomlNode& root, Diagnostics& diagnostics);

}  // namespace sluice::config
