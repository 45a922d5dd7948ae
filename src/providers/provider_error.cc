// The table of docs/ERRORS.md: from a status and a provider's words to what follows from them.
#include "providers/provider_error.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "providers/error_message.h"

namespace sluice::providers {

namespace {

// One row: what the client gets and what follows.
struct Row {
    uint16_t status;
    std::string_view type;
    std::string_view code;
    RetryAdvice retry;
    bool may_fall_back;
    Blame blame;
};

constexpr std::string_view kInvalid = "invalid_request_error";
constexpr std::string_view kServer = "server_error";
constexpr std::string_view kTimeout = "timeout_error";
constexpr std::string_view kQuota = "insufficient_quota";

constexpr auto kNever = RetryAdvice::never;
constexpr auto kSame = RetryAdvice::same_target;

constexpr Row kGeneral = {400, kInvalid, {}, kNever, false, Blame::none};
constexpr Row kContext = {400, kInvalid, "context_length_exceeded", kNever, false, Blame::none};
constexpr Row kFiltered = {400, kInvalid, "content_filter", kNever, false, Blame::none};
constexpr Row kBadKey = {401,  "authentication_error", "invalid_api_key", kNever,
                         true, Blame::credential};
constexpr Row kNoMoney = {402, kQuota, kQuota, kNever, true, Blame::credential};
constexpr Row kQuotaGone = {429, kQuota, kQuota, kNever, true, Blame::credential};
constexpr Row kForbidden = {403,  "permission_error", "permission_denied", kNever,
                            true, Blame::credential};
constexpr Row kNoModel = {404, kInvalid, "model_not_found", kNever, true, Blame::config};
constexpr Row kNotFound = {404, kInvalid, "not_found", kNever, true, Blame::config};
constexpr Row kConflict = {409, "conflict_error", {}, kSame, true, Blame::none};
constexpr Row kTooLarge = {413, kInvalid, "request_too_large", kNever, false, Blame::none};
constexpr Row kThrottled = {
    429,  "rate_limit_error", "rate_limit_exceeded", RetryAdvice::after_pause,
    true, Blame::throttle};
constexpr Row kTimedOut = {504, kTimeout, "upstream_timeout", kSame, true, Blame::failure};
constexpr Row kModelFailed = {502, kServer, "upstream_model_error", kSame, true, Blame::failure};
constexpr Row kOverloaded = {503, kServer, "upstream_overloaded", kSame, true, Blame::failure};
constexpr Row kCancelled = {502, kServer, "upstream_cancelled", kSame, true, Blame::failure};
constexpr Row kFailed = {502, kServer, "upstream_error", kSame, true, Blame::failure};
constexpr Row kBadGateway = {502, kServer, "upstream_bad_gateway", kSame, true, Blame::failure};
constexpr Row kUnavailable = {503, kServer, "upstream_unavailable", kSame, true, Blame::failure};

char lower(char c) {
    return ascii_lower(c);
}

// Whether `text` holds `pattern` (in lower case), whatever the case of its letters.
bool mentions(std::string_view text, std::string_view pattern) {
    return !std::ranges::search(text, pattern, {}, lower).empty();
}

template <size_t N>
bool mentions_any(std::string_view text, const std::array<std::string_view, N>& patterns) {
    return std::ranges::any_of(patterns, [&](std::string_view p) { return mentions(text, p); });
}

bool is_about_context(const ErrorWords& words) {
    static constexpr std::array<std::string_view, 15> kPatterns = {
        "maximum context length",
        "context_length_exceeded",
        "prompt is too long",
        "input is too long",
        "too many input tokens",
        "exceeds the maximum number of tokens",
        "input tokens exceeded",
        "exceeds maximum length",
        "exceed_context_size",
        "exceeds the available context size",
        "context window",
        "context limit",
        "longer than the model's context length",
        "maximum prompt length",
        "model's context length"};
    const bool is_tgi =
        mentions(words.message, "max_new_tokens") && mentions(words.message, "must be <=");
    return is_tgi || words.code == "context_length_exceeded" ||
           mentions_any(words.message, kPatterns) || mentions(words.type, "exceed_context_size");
}

bool is_about_model(const ErrorWords& words) {
    static constexpr std::array<std::string_view, 4> kPatterns = {
        "model identifier is invalid", "invalid model", "is not found for api version",
        "was not found"};
    if (words.code == "model_not_found" || words.code == "DeploymentNotFound" ||
        words.message.starts_with("model: ") || mentions_any(words.message, kPatterns)) {
        return true;
    }
    static constexpr std::array<std::string_view, 3> kAbsence = {"not found", "does not exist",
                                                                 "is invalid"};
    return (mentions(words.message, "model ") || mentions(words.message, "deployment ") ||
            mentions(words.message, "model '") || mentions(words.message, "models/")) &&
           mentions_any(words.message, kAbsence);
}

bool is_about_credentials(const ErrorWords& words) {
    static constexpr std::array<std::string_view, 3> kPatterns = {
        "api_key_invalid", "api key not valid", "incorrect api key"};
    return mentions_any(words.message, kPatterns) || mentions(words.code, "api_key_invalid");
}

bool is_bad_signature(std::string_view type) {
    static constexpr std::array<std::string_view, 5> kTypes = {
        "unrecognizedclient", "invalidsignature", "expiredtoken", "missingauthenticationtoken",
        "incompletesignature"};
    return mentions_any(type, kTypes);
}

bool is_out_of_money(const ErrorWords& words) {
    return words.type == "billing_error" || words.code == kQuota || words.type == kQuota ||
           mentions(words.message, "credit balance is too low");
}

bool is_filtered(const ErrorWords& words) {
    return words.code == "content_filter" || words.code == "content_policy_violation";
}

// The status that a provider's own name for an error stands for; 0 when it has none.
uint16_t status_of_type(std::string_view type) {
    struct Named {
        std::string_view type;
        uint16_t status;
    };
    static constexpr Named kTypes[] = {
        // Anthropic.
        {"invalid_request_error", 400},
        {"authentication_error", 401},
        {"billing_error", 402},
        {"permission_error", 403},
        {"not_found_error", 404},
        {"request_too_large", 413},
        {"rate_limit_error", 429},
        {"api_error", 500},
        {"timeout_error", 504},
        {"overloaded_error", 529},
        // Google.
        {"INVALID_ARGUMENT", 400},
        {"FAILED_PRECONDITION", 400},
        {"OUT_OF_RANGE", 400},
        {"UNAUTHENTICATED", 401},
        {"PERMISSION_DENIED", 403},
        {"NOT_FOUND", 404},
        {"ALREADY_EXISTS", 409},
        {"ABORTED", 409},
        {"RESOURCE_EXHAUSTED", 429},
        {"CANCELLED", 499},
        {"INTERNAL", 500},
        {"UNKNOWN", 500},
        {"DATA_LOSS", 500},
        {"UNIMPLEMENTED", 501},  // tidy:allow(word) Google's name for it
        {"UNAVAILABLE", 503},
        {"DEADLINE_EXCEEDED", 504},
        // Bedrock.
        {"ThrottlingException", 429},
        {"ServiceQuotaExceededException", 429},
        {"ValidationException", 400},
        {"AccessDeniedException", 403},
        {"ResourceNotFoundException", 404},
        {"ModelErrorException", 424},
        {"ModelStreamErrorException", 424},
        {"ModelTimeoutException", 408},
        {"ModelNotReadyException", 429},
        {"InternalServerException", 500},
        {"InternalFailure", 500},
        {"ServiceUnavailableException", 503},
    };
    for (const Named& named : kTypes) {
        if (equals_ignoring_case(named.type, type)) {
            return named.status;
        }
    }
    return 0;
}

Row row_for_status(uint16_t status) {
    switch (status) {
        case 401:
            return kBadKey;
        case 402:
            return kNoMoney;
        case 403:
            return kForbidden;
        case 404:
            return kNotFound;
        case 408:
        case 504:
        case 524:
            return kTimedOut;
        case 409:
            return kConflict;
        case 413:
            return kTooLarge;
        case 424:
            return kModelFailed;
        case 429:
            return kThrottled;
        case 498:
        case 529:
            return kOverloaded;
        case 499:
            return kCancelled;
        case 502:
            return kBadGateway;
        case 503:
            return kUnavailable;
        default:
            break;
    }
    if (status >= 520 && status <= 526) {
        return kBadGateway;
    }
    return status >= 500 ? kFailed : kGeneral;
}

bool may_hide_refusal(uint16_t status) {
    return status == 400 || status == 413 || status == 422 || status == 500;
}

Row choose_row(uint16_t status, const ErrorWords& words) {
    if (may_hide_refusal(status) && is_about_context(words)) {
        return kContext;
    }
    if (status == 400 && is_filtered(words)) {
        return kFiltered;
    }
    if ((status == 400 && is_about_credentials(words)) ||
        (status == 403 && is_bad_signature(words.type))) {
        return kBadKey;
    }
    if (status == 402 || (status < 500 && status != 429 && is_out_of_money(words))) {
        return kNoMoney;
    }
    if (status == 429 && is_out_of_money(words)) {
        return kQuotaGone;
    }
    if ((status == 404 || status == 400) && is_about_model(words)) {
        return kNoModel;
    }
    return row_for_status(status);
}

// Codes that are nothing but the status again say nothing to a client.
bool is_telling(std::string_view code) {
    return !code.empty() && !parse_decimal(code);
}

}  // namespace

ProviderError classify_error(uint16_t status, const ErrorWords& words, Arena& arena) {
    uint16_t effective = status;
    if (const uint16_t named = status_of_type(words.type); named != 0 && status == 0) {
        effective = named;
    }
    if (effective == 0) {
        const std::optional<uint64_t> code = parse_decimal(words.code);
        effective = code && *code >= 400 && *code < 600 ? static_cast<uint16_t>(*code) : 500;
    }
    const Row row = choose_row(effective, words);
    ProviderError error = {
        .status = row.status,
        .upstream_status = status,
        .type = row.type,
        .code = row.code,
        .param = arena.copy(words.param),
        .message = message_for_clients(words.message, words.is_recognised, arena),
        .upstream_type = arena.copy(words.type),
        .retry = row.retry,
        .may_fall_back = row.may_fall_back,
        .blame = row.blame,
        .refusal = row.code == "context_length_exceeded" ? Refusal::context_length
                   : row.code == "content_filter"        ? Refusal::content_filter
                                                         : Refusal::none,
    };
    // A request that is simply wrong: the provider knows best what to call it.
    if (row.code.empty() && is_telling(words.code)) {
        error.code = arena.copy(words.code);
    }
    if (row.code == "content_filter" && is_telling(words.code)) {
        error.code = arena.copy(words.code);
    }
    // Who has OpenAI's codes has its types, too: "tokens" says more than that there is a limit.
    if (!row.code.empty() && row.code == words.code && !words.type.empty()) {
        error.type = error.upstream_type;
    }
    return error;
}

ProviderError truncated_stream() {
    return {.status = 502,
            .type = kServer,
            .code = "stream_truncated",
            .message = "The upstream's stream ended before it was complete.",
            .retry = kSame,
            .may_fall_back = true,
            .blame = Blame::failure};
}

ProviderError invalid_reply(std::string_view message) {
    return {.status = 502,
            .type = kServer,
            .code = "upstream_invalid_response",
            .message = message,
            .retry = kSame,
            .may_fall_back = true,
            .blame = Blame::failure};
}

}  // namespace sluice::providers
