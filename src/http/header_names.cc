// The table of known names and its lookup.
//
// The hash looks at four bytes of a name and its length. The multiplier is searched by the
// compiler, so that no two names share a slot: a lookup is one probe and one comparison.
#include "http/header_names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

namespace sluice::http {

namespace {

struct KnownName {
    HeaderId id;
    std::string_view text;
};

constexpr KnownName kNames[] = {
    {HeaderId::other, ""},
    {HeaderId::accept, "accept"},
    {HeaderId::accept_charset, "accept-charset"},
    {HeaderId::accept_encoding, "accept-encoding"},
    {HeaderId::accept_language, "accept-language"},
    {HeaderId::accept_ranges, "accept-ranges"},
    {HeaderId::access_control_allow_credentials, "access-control-allow-credentials"},
    {HeaderId::access_control_allow_headers, "access-control-allow-headers"},
    {HeaderId::access_control_allow_methods, "access-control-allow-methods"},
    {HeaderId::access_control_allow_origin, "access-control-allow-origin"},
    {HeaderId::access_control_expose_headers, "access-control-expose-headers"},
    {HeaderId::access_control_max_age, "access-control-max-age"},
    {HeaderId::access_control_request_headers, "access-control-request-headers"},
    {HeaderId::access_control_request_method, "access-control-request-method"},
    {HeaderId::age, "age"},
    {HeaderId::allow, "allow"},
    {HeaderId::alt_svc, "alt-svc"},
    {HeaderId::anthropic_beta, "anthropic-beta"},
    {HeaderId::anthropic_version, "anthropic-version"},
    {HeaderId::api_key, "api-key"},
    {HeaderId::authorization, "authorization"},
    {HeaderId::baggage, "baggage"},
    {HeaderId::cache_control, "cache-control"},
    {HeaderId::cf_ray, "cf-ray"},
    {HeaderId::connection, "connection"},
    {HeaderId::content_disposition, "content-disposition"},
    {HeaderId::content_encoding, "content-encoding"},
    {HeaderId::content_language, "content-language"},
    {HeaderId::content_length, "content-length"},
    {HeaderId::content_range, "content-range"},
    {HeaderId::content_type, "content-type"},
    {HeaderId::cookie, "cookie"},
    {HeaderId::date, "date"},
    {HeaderId::etag, "etag"},
    {HeaderId::expect, "expect"},
    {HeaderId::expires, "expires"},
    {HeaderId::forwarded, "forwarded"},
    {HeaderId::host, "host"},
    {HeaderId::http2_settings, "http2-settings"},
    {HeaderId::idempotency_key, "idempotency-key"},
    {HeaderId::if_modified_since, "if-modified-since"},
    {HeaderId::if_none_match, "if-none-match"},
    {HeaderId::keep_alive, "keep-alive"},
    {HeaderId::last_modified, "last-modified"},
    {HeaderId::link, "link"},
    {HeaderId::location, "location"},
    {HeaderId::openai_beta, "openai-beta"},
    {HeaderId::openai_organization, "openai-organization"},
    {HeaderId::openai_processing_ms, "openai-processing-ms"},
    {HeaderId::openai_project, "openai-project"},
    {HeaderId::openai_version, "openai-version"},
    {HeaderId::origin, "origin"},
    {HeaderId::pragma, "pragma"},
    {HeaderId::priority, "priority"},
    {HeaderId::proxy_authenticate, "proxy-authenticate"},
    {HeaderId::proxy_authentication_info, "proxy-authentication-info"},
    {HeaderId::proxy_authorization, "proxy-authorization"},
    {HeaderId::proxy_connection, "proxy-connection"},
    {HeaderId::range, "range"},
    {HeaderId::referer, "referer"},
    {HeaderId::retry_after, "retry-after"},
    {HeaderId::retry_after_ms, "retry-after-ms"},
    {HeaderId::server, "server"},
    {HeaderId::server_timing, "server-timing"},
    {HeaderId::set_cookie, "set-cookie"},
    {HeaderId::strict_transport_security, "strict-transport-security"},
    {HeaderId::te, "te"},
    {HeaderId::traceparent, "traceparent"},
    {HeaderId::tracestate, "tracestate"},
    {HeaderId::trailer, "trailer"},
    {HeaderId::transfer_encoding, "transfer-encoding"},
    {HeaderId::upgrade, "upgrade"},
    {HeaderId::user_agent, "user-agent"},
    {HeaderId::vary, "vary"},
    {HeaderId::via, "via"},
    {HeaderId::www_authenticate, "www-authenticate"},
    {HeaderId::x_accel_buffering, "x-accel-buffering"},
    {HeaderId::x_api_key, "x-api-key"},
    {HeaderId::x_content_type_options, "x-content-type-options"},
    {HeaderId::x_forwarded_for, "x-forwarded-for"},
    {HeaderId::x_forwarded_host, "x-forwarded-host"},
    {HeaderId::x_forwarded_port, "x-forwarded-port"},
    {HeaderId::x_forwarded_proto, "x-forwarded-proto"},
    {HeaderId::x_goog_api_key, "x-goog-api-key"},
    {HeaderId::x_ratelimit_limit_requests, "x-ratelimit-limit-requests"},
    {HeaderId::x_ratelimit_limit_tokens, "x-ratelimit-limit-tokens"},
    {HeaderId::x_ratelimit_remaining_requests, "x-ratelimit-remaining-requests"},
    {HeaderId::x_ratelimit_remaining_tokens, "x-ratelimit-remaining-tokens"},
    {HeaderId::x_ratelimit_reset_requests, "x-ratelimit-reset-requests"},
    {HeaderId::x_ratelimit_reset_tokens, "x-ratelimit-reset-tokens"},
    {HeaderId::x_real_ip, "x-real-ip"},
    {HeaderId::x_request_id, "x-request-id"},
    {HeaderId::x_should_retry, "x-should-retry"},
};
static_assert(std::size(kNames) == kHeaderIdCount);

constexpr bool names_are_in_order() {
    for (size_t i = 0; i < kHeaderIdCount; ++i) {
        if (kNames[i].id != static_cast<HeaderId>(i) ||
            (i > 0 && kNames[i].text <= kNames[i - 1].text)) {
            return false;
        }
    }
    return true;
}
static_assert(names_are_in_order());

constexpr size_t longest_name_bytes() {
    size_t longest = 0;
    for (const KnownName& name : kNames) {
        longest = std::max(longest, name.text.size());
    }
    return longest;
}

constexpr unsigned kSlotBits = 10;  // Eleven times as many slots as names: quick to search.
constexpr size_t kNameBytesMax = longest_name_bytes();

// Lower case for letters; no other byte becomes one that a known name holds.
constexpr uint64_t fold(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte | ((byte & 0x40U) >> 1U);
}

// `name` is not empty.
constexpr size_t slot_of(std::string_view name, uint64_t multiplier) {
    const size_t last = name.size() - 1;
    const uint64_t key = fold(name[0]) | fold(name[name.size() / 2]) << 8U |
                         fold(name[last - std::min<size_t>(last, 3)]) << 16U |
                         fold(name[last]) << 24U | uint64_t{name.size()} << 32U;
    return static_cast<size_t>((key * multiplier) >> (64U - kSlotBits));
}

struct SlotTable {
    uint64_t multiplier = 0;
    std::array<uint8_t, size_t{1} << kSlotBits> ids = {};  // 0 is `other`.
};

constexpr bool try_fill(SlotTable& table) {
    table.ids = {};
    for (size_t i = 1; i < kHeaderIdCount; ++i) {
        uint8_t& slot = table.ids[slot_of(kNames[i].text, table.multiplier)];
        if (slot != 0) {
            return false;
        }
        slot = static_cast<uint8_t>(i);
    }
    return true;
}

constexpr SlotTable make_slot_table() {
    SlotTable table;
    table.multiplier = 0x9e3779b97f4a7c15ULL;  // Any odd number to begin with.
    while (!try_fill(table)) {
        table.multiplier = table.multiplier * 6364136223846793005ULL + 1442695040888963408ULL;
    }
    return table;
}

constexpr SlotTable kSlots = make_slot_table();

uint64_t load_folded(const char* at) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    return word | ((word & 0x4040404040404040ULL) >> 1U);
}

// `known` is in lower case; both have `size` bytes.
bool equals_folded(const char* text, const char* known, size_t size) {
    constexpr size_t kWord = sizeof(uint64_t);
    if (size < kWord) {
        for (size_t i = 0; i < size; ++i) {
            if (fold(text[i]) != static_cast<unsigned char>(known[i])) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i + kWord < size; i += kWord) {
        if (load_folded(text + i) != load_folded(known + i)) {
            return false;
        }
    }
    return load_folded(text + size - kWord) == load_folded(known + size - kWord);
}

}  // namespace

HeaderId header_id(std::string_view name) {
    if (name.empty() || name.size() > kNameBytesMax) {
        return HeaderId::other;
    }
    const KnownName& candidate = kNames[kSlots.ids[slot_of(name, kSlots.multiplier)]];
    if (candidate.text.size() != name.size() ||
        !equals_folded(name.data(), candidate.text.data(), name.size())) {
        return HeaderId::other;
    }
    return candidate.id;
}

std::string_view header_name(HeaderId id) {
    return kNames[static_cast<size_t>(id)].text;
}

}  // namespace sluice::http
