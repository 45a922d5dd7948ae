// Errors towards clients, in the shape of OpenAI's API: the only place where an Error becomes text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "pipeline/stream_watch.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

struct ErrorAnswer {
    uint16_t status;
    std::string_view type;   // "invalid_request_error", "server_error", ...
    std::string_view code;   // Empty is null.
    std::string_view param;  // Empty is null.
};

// Status, type and code for an error (the table of errors in docs/ERRORS.md).
ErrorAnswer answer_for(const Error& error);

// A sentence for a person. `detail` names what was asked for (a model, a path); may be empty.
std::string error_message(const Error& error, std::string_view detail);

// All of it as a provider's error would be told. `detail` as above; texts in the arena.
providers::ProviderError provider_error_for(const Error& error,
                                            std::string_view detail,
                                            Arena& arena);
// Who writes errors for clients of a dialect: Anthropic's have a form of their own.
const providers::ClientDialect& error_dialect(providers::Dialect dialect);

// {"error":{"message":…,"type":…,"param":…,"code":…}}
std::string error_body(const ErrorAnswer& answer, std::string_view message);

// The event that ends a stream which cannot be completed, in the form of its protocol. So many came
// before it: Responses number theirs from 0.
std::string error_event(const ErrorAnswer& answer,
                        std::string_view message,
                        Terminator protocol,
                        uint64_t events_before = 0);

// In the chunk that says that a stream began anew, see Exchange::mark_restart(). No text of a model
// looks like it, where quotes are escaped.
inline constexpr std::string_view kRestartMark = R"("sluice":{"restarted":true})";

}  // namespace sluice::pipeline
