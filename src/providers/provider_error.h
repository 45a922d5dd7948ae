// ProviderError: what a provider said when it refused or failed, and what follows from it.
//
// Dialects only read the body (`ErrorWords`); what it means is decided here for all of them, by
// the one table of docs/ERRORS.md: the status and the words that the client gets, whether another
// try can help, and whose fault it counts as. Texts are views into the body or an arena.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/time.h"
#include "http/header_map.h"
#include "json/tree.h"

namespace sluice::providers {

// Whose fault an error is, for whoever decides where the next request goes.
enum class Blame : uint8_t {
    none,        // The request's.
    failure,     // The target's: counts for its breaker.
    throttle,    // The target is healthy and asks for rest.
    credential,  // This key is bad or out of money.
    config,      // This model does not exist there.
};

enum class RetryAdvice : uint8_t {
    never,
    same_target,  // After a pause.
    after_pause,  // After `retry_after`, if there is one.
};

// What an error body says, whatever its form. Plain texts, unescaped.
struct ErrorWords {
    std::string_view type = {};  // The provider's own name for it: "overloaded_error", "INTERNAL".
    std::string_view code = {};
    std::string_view param = {};
    std::string_view message = {};
    bool is_recognised = false;  // The body had the form of an error at all.
};

// Two reasons to refuse that routes may treat in their own way.
enum class Refusal : uint8_t { none, context_length, content_filter };

struct ProviderError {
    uint16_t status = 502;         // For the client.
    uint16_t upstream_status = 0;  // As received; 0 inside a stream.
    std::string_view type = {};    // OpenAI's vocabulary, for the client.
    std::string_view code = {};    // Empty is null.
    std::string_view param = {};   // Empty is null.
    std::string_view message = {};
    std::string_view upstream_type = {};
    RetryAdvice retry = RetryAdvice::never;
    bool may_fall_back = false;
    Blame blame = Blame::none;
    Refusal refusal = Refusal::none;
    // How long the provider asks to be left alone; negative when it does not say.
    Duration retry_after = Duration::milliseconds(-1);

    bool is_truncation() const { return code == "stream_truncated"; }
};

// Reads any of the error bodies that providers send; see protocols of OpenAI-compatible servers.
// Never fails: what has no known form is recognised as none. `body` may be anything, HTML included.
ErrorWords read_error_words(std::string_view body, Arena& arena);
// The same for a body that is parsed already: the object that holds `error`, or an event of it.
ErrorWords read_error_words(const json::Value& body, Arena& arena);

// The failure that a frame of an AWS event stream brings, as aws_event_stream.h names it; empty
// when it is none.
std::optional<ErrorWords> read_aws_failure(std::string_view name,
                                           std::string_view data,
                                           Arena& arena);

// What an error response says in its headers rather than in its body, where the body has not said
// it: the type, of AWS.
void add_error_headers(const http::HeaderMap& headers, ErrorWords& words);

// What a refusal or failure means. `status` is that of the response, 0 for an error inside a
// stream; then the provider's type decides alone.
ProviderError classify_error(uint16_t status, const ErrorWords& words, Arena& arena);

// The wait that the headers of an error ask for (milliseconds, seconds, an HTTP date), else the one
// that the body of a Google error names. Negative when there is none. `now_s`: seconds since 1970.
Duration read_retry_after(const http::HeaderMap& headers, std::string_view body, int64_t now_s);

// The stream ended before its provider said that it was complete.
ProviderError truncated_stream();
// The provider sent what its protocol does not allow.
ProviderError invalid_reply(std::string_view message);

}  // namespace sluice::providers
