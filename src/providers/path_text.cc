// Percent-encoding, with the upper-case digits that signatures are computed over.
#include "providers/path_text.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "json/writer.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

}  // namespace

void append_path_segment(json::TextOutput& to, std::string_view text) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_unreserved(c)) {
            to.append(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        to.append('%');
        to.append(kDigits[byte >> 4U]);
        to.append(kDigits[byte & 15U]);
    }
}

void expand_base_url(json::TextOutput& to, std::string_view base_url, const PathContext& context) {
    struct Variable {
        std::string_view name;
        std::string_view value;
    };
    const Variable variables[] = {
        {"{location}-", context.location == "global" ? "" : "{location}-"},
        {"{location}", context.location},
        {"{region}", context.location},
        {"{project}", context.project},
    };
    while (!base_url.empty()) {
        const Variable* const found =
            std::ranges::find_if(variables, [&](const Variable& variable) {
                return base_url.starts_with(variable.name) && variable.name != variable.value;
            });
        if (found == std::end(variables)) {
            to.append(base_url.front());
            base_url.remove_prefix(1);
            continue;
        }
        to.append(found->value);
        base_url.remove_prefix(found->name.size());
    }
}

}  // namespace sluice::providers
