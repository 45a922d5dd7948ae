// Members that all dialects share, and the rules for what is not told.
#include "pipeline/expected_tokens.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "json/tree.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

// Nobody's context is longer; a larger number is a slip, and must not overflow sums.
constexpr int64_t kTokensMax = 100'000'000;
constexpr int64_t kChoicesMax = 128;

std::optional<int64_t> asked_for(const json::Value& body) {
    constexpr std::string_view kMembers[] = {"max_completion_tokens", "max_tokens",
                                             "max_output_tokens"};
    for (const std::string_view member : kMembers) {
        if (const std::optional<int64_t> count = body[member].integer()) {
            return std::clamp<int64_t>(*count, 0, kTokensMax);
        }
    }
    return std::nullopt;
}

}  // namespace

ExpectedTokens expected_tokens(ProcessorContext& context, uint32_t answer_default) {
    if (context.body.empty()) {
        return {};
    }
    const auto tree = context.body.tree();
    if (!tree) {
        return {};
    }
    ExpectedTokens expected;
    expected.prompt = std::min<uint64_t>(context.facts().estimated_tokens, kTokensMax);
    const bool has_answer =
        !context.call.is_known || (context.call.operation != providers::Operation::embeddings &&
                                   context.call.operation != providers::Operation::count_tokens);
    if (has_answer) {
        const int64_t choices =
            std::clamp<int64_t>((**tree)["n"].integer().value_or(1), 1, kChoicesMax);
        const int64_t each = asked_for(**tree).value_or(answer_default);
        expected.completion = static_cast<uint64_t>(each * choices);
    }
    return expected;
}

int64_t used_tokens(const ExchangeRecord& record, int64_t estimate) {
    const Usage& usage = record.usage;
    if (usage.is_known) {
        return static_cast<int64_t>(usage.prompt_tokens + usage.completion_tokens);
    }
    if (record.error.kind == ErrorKind::cancelled) {
        return record.sent.is_set() && record.upstream_status < 400 ? estimate : 0;
    }
    const bool is_answered = record.error.kind == ErrorKind::none && record.status < 400;
    return is_answered ? estimate : 0;
}

bool was_refused_before_it_began(const ExchangeRecord& record) {
    return record.is_refused_by_step && !record.sent.is_set();
}

}  // namespace sluice::pipeline
