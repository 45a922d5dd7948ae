// Moves through the object from leaf to leaf: closes what the next path has left, opens what it
// enters.
#include "providers/gemini_partial_arguments.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"

namespace sluice::providers {

namespace {

using json::Value;

// The inside of the brackets that `rest` begins with, without quotes; `rest` is advanced.
std::optional<std::string_view> take_brackets(std::string_view& rest, bool& is_quoted) {
    // A double quote is escaped, as the path itself is a JSON string.
    for (const std::string_view quote : {"'", "\\\""}) {
        if (rest.substr(1).starts_with(quote)) {
            const size_t begin = 1 + quote.size();
            const size_t end = rest.find(quote, begin);
            if (end == rest.npos || rest.substr(end + quote.size(), 1) != "]") {
                return std::nullopt;
            }
            const std::string_view inside = rest.substr(begin, end - begin);
            rest.remove_prefix(end + quote.size() + 1);
            is_quoted = true;
            return inside;
        }
    }
    const size_t end = rest.find(']');
    if (end == rest.npos) {
        return std::nullopt;
    }
    const std::string_view inside = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    is_quoted = false;
    return inside;
}

void append_leaf(const Value& item, json::TextOutput& to) {
    const Value& number = item["numberValue"];
    const Value& boolean = item["boolValue"];
    to.append(number.is_number() ? number.raw() : boolean.is_boolean() ? boolean.raw() : "null");
}

}  // namespace

// "$.name.list[0]['other name']"
bool GeminiPartialArguments::parse(std::string_view text, Path& path) {
    if (!text.starts_with('$')) {
        return false;
    }
    text.remove_prefix(1);
    while (!text.empty()) {
        if (path.size == kDepthMax) {
            return false;
        }
        Step& step = path.steps[path.size++];
        if (text.starts_with('.')) {
            const size_t end = std::min(text.find_first_of(".[", 1), text.size());
            step = {.name = text.substr(1, end - 1)};
            text.remove_prefix(end);
            continue;
        }
        bool is_quoted = false;
        const std::optional<std::string_view> inside =
            text.starts_with('[') ? take_brackets(text, is_quoted) : std::nullopt;
        if (!inside) {
            return false;
        }
        if (is_quoted) {
            step = {.name = *inside};
        } else if (const std::optional<uint64_t> index = parse_decimal(*inside)) {
            step = {.index = static_cast<uint32_t>(*index), .is_index = true};
        } else {
            return false;
        }
    }
    return path.size > 0 && !path.steps[0].is_index;
}

void GeminiPartialArguments::close_down_to(size_t kept, json::TextOutput& to) {
    if (in_string_) {
        to.append('"');
        in_string_ = false;
    }
    // Step i leads into an array when the one after it is an index.
    for (size_t i = open_.size; i-- > kept + 1;) {
        to.append(open_.steps[i].is_index ? ']' : '}');
    }
}

void GeminiPartialArguments::move_to(const Path& path, json::TextOutput& to) {
    size_t common = 0;
    const size_t common_max = std::min(path.size, open_.size);
    while (common + 1 < common_max && path.steps[common] == open_.steps[common]) {
        ++common;
    }
    if (open_.size == 0) {
        to.append('{');
    } else {
        close_down_to(common, to);
        to.append(',');
    }
    for (size_t i = common; i < path.size; ++i) {
        Step step = path.steps[i];
        step.name = arena_->copy(step.name);
        open_.steps[i] = step;
        if (!step.is_index) {
            to.append('"');
            to.append(step.name);
            to.append("\":");
        }
        if (i + 1 < path.size) {
            to.append(path.steps[i + 1].is_index ? '[' : '{');
        }
    }
    open_.size = path.size;
}

void GeminiPartialArguments::add(const Value& item, json::TextOutput& to) {
    Path path;
    if (!parse(item["jsonPath"].text().raw, path)) {
        return;
    }
    const Value& text = item["stringValue"];
    if (in_string_ && text.is_string() && std::ranges::equal(path.view(), open_.view())) {
        to.append(text.text().raw);
    } else {
        move_to(path, to);
        if (!text.is_string()) {
            append_leaf(item, to);
            return;
        }
        to.append('"');
        to.append(text.text().raw);
    }
    in_string_ = item["willContinue"].is_true();
    if (!in_string_) {
        to.append('"');
    }
}

void GeminiPartialArguments::finish(json::TextOutput& to) {
    if (open_.size > 0) {
        close_down_to(0, to);
        to.append('}');
        open_.size = 0;
    }
}

}  // namespace sluice::providers
