// Strings are passed over as they are; the rest loses its white space.
#include "json/compact.h"

#include <cstddef>
#include <string_view>

#include "base/arena.h"
#include "json/characters.h"
#include "json/tree.h"
#include "json/writer.h"

namespace sluice::json {

namespace {

// Where the string that begins at `at` ends: behind its closing quote.
size_t string_end(std::string_view json, size_t at) {
    for (++at; at < json.size() && json[at] != '"'; ++at) {
        at += json[at] == '\\' ? 1 : 0;
    }
    return at < json.size() ? at + 1 : json.size();
}

// The first white space outside of strings from `at` on, or the end.
size_t find_space(std::string_view json, size_t at) {
    while (at < json.size() && !is_space(json[at])) {
        at = json[at] == '"' ? string_end(json, at) : at + 1;
    }
    return at;
}

}  // namespace

std::string_view compact(std::string_view json, Arena& arena) {
    size_t space = find_space(json, 0);
    if (space == json.size()) {
        return json;
    }
    ArenaText text(arena, json.size());
    for (size_t at = 0; at < json.size(); space = find_space(json, at)) {
        text.append(json.substr(at, space - at));
        at = space;
        while (at < json.size() && is_space(json[at])) {
            ++at;
        }
    }
    return text.view();
}

Text compact_text(std::string_view json, Arena& arena) {
    const size_t most_bytes = 2 * json.size();
    auto* const begin = static_cast<char*>(arena.allocate(most_bytes, 1));
    char* to = begin;
    bool in_string = false;
    for (size_t at = 0; at < json.size(); ++at) {
        const char c = json[at];
        if (c == '"') {
            in_string = !in_string;
            *to++ = '\\';
        } else if (c == '\\') {
            // An escape stays one: its backslash is escaped, and what follows it, if it must.
            *to++ = '\\';
            *to++ = '\\';
            const char escaped = json[++at];
            if (escaped == '"' || escaped == '\\') {
                *to++ = '\\';
            }
            *to++ = escaped;
            continue;
        } else if (!in_string && is_space(c)) {
            continue;
        }
        *to++ = c;
    }
    const auto used_bytes = static_cast<size_t>(to - begin);
    arena.shrink_latest(begin, most_bytes, used_bytes);
    return {{begin, used_bytes}};
}

}  // namespace sluice::json
