// Keys and replies for tests of the cache, by number.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "cache/cache_key.h"
#include "cache/reply.h"
#include "crypto/digest.h"
#include "json/tree.h"

namespace sluice::cache {

inline KeyRef made_key(const KeyMaker& maker,
                       size_t number,
                       std::string_view tenant = "t",
                       std::string_view model = "m") {
    Arena arena;
    const std::string body = "{\"n\":" + std::to_string(number) + "}";
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    return maker.make(
        {.operation = "chat", .target = "x", .tenant = tenant, .model = model, .variant = ""},
        **tree);
}

inline ReplyRef made_reply(std::string_view body) {
    return Reply::make({.content_type = "text/plain", .note = ""}, {&body, 1}, {});
}

// All keys have one digest.
inline KeyMaker colliding_maker() {
    return KeyMaker([](std::string_view) { return crypto::Sha256{}; });
}

}  // namespace sluice::cache
