// Refusals keep their words beside the Error, which has room for none.
#include "providers/translation.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "json/writer.h"

namespace sluice::providers {

Status Translation::drop(std::string_view param) {
    if (policy_ == UnsupportedPolicy::strict) {
        return refuse(param,
                      arena_->join({"'", param, "' is not supported by the model's provider."}));
    }
    if (dropped_.size() < kDroppedMax &&
        std::ranges::find(dropped_.view(), param) == dropped_.view().end()) {
        dropped_.push_back(arena_->copy(param));
    }
    return {};
}

std::unexpected<Error> Translation::refuse(std::string_view param,
                                           std::string_view message,
                                           std::string_view code) {
    param_ = arena_->copy(param);
    message_ = arena_->copy(message);
    code_ = code;
    return fail({.kind = ErrorKind::invalid_field,
                 .source = ErrorSource::client,
                 .where = "the request cannot be translated"});
}

// Every '#' of the format gives way to the next number.
std::string_view Translation::path(std::string_view format, size_t first, size_t second) {
    json::ArenaText text(*arena_, format.size() + 16);
    size_t next = first;
    for (const char c : format) {
        if (c != '#') {
            text.append(c);
            continue;
        }
        constexpr size_t kDigitsMax = 20;
        text.commit(write_decimal(next, text.room(kDigitsMax)));
        next = second;
    }
    return text.view();
}

}  // namespace sluice::providers
