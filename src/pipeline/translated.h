// What an exchange keeps while its request speaks another dialect than its upstream.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "pipeline/signature_cache.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

// What the longest wrapping around a request's own bytes takes.
inline constexpr size_t kWrappingBytes = 1024;

struct Translated {
    Translated(Arena& arena, providers::UnsupportedPolicy policy, const TenantSignatures& of_calls)
        : translation(arena, policy), signatures(of_calls) {}

    providers::Translation translation;
    const providers::ClientDialect* client = nullptr;
    const providers::UpstreamDialect* upstream = nullptr;
    providers::Target target;
    providers::ReplyContext context;
    TenantSignatures signatures;
    std::span<const providers::HeaderLine> response_fields;  // That go on to the client.
    std::string_view path;                                   // Below the base URL, with its query.
};

}  // namespace sluice::pipeline
