// Two members, the first of the one and all of the other.
#include "pipeline/reply_facts.h"

#include <string_view>

#include "base/arena.h"
#include "http/server_exchange.h"
#include "json/member_finder.h"
#include "pipeline/client_call.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

using providers::Dialect;
using providers::Operation;

constexpr json::MemberFinder::Options kTexts = {.value_bytes_max = 128, .finds_texts = true};

std::string_view finish_member(const ClientCall& call) {
    return call.dialect == Dialect::messages ? "\"stop_reason\"" : "\"finish_reason\"";
}

}  // namespace

// Anthropic's whole replies hold the arguments of tools as objects, whose members a model has
// named; its streams, and all of OpenAI's, hold them as texts.
bool ReplyFacts::can_read(const ClientCall& call, bool is_stream) {
    if (!call.is_known) {
        return false;
    }
    switch (call.operation) {
        case Operation::chat:
            return call.dialect == Dialect::chat ||
                   (call.dialect == Dialect::messages && is_stream);
        case Operation::completions:
        case Operation::embeddings:
            return true;
        case Operation::responses:
        case Operation::models:
        case Operation::count_tokens:
            break;
    }
    return false;
}

ReplyFacts::ReplyFacts(const ClientCall& call, Arena& arena, http::BodyTap* next)
    : arena_(arena),
      next_(next),
      model_("\"model\"", arena, kTexts),
      finish_(finish_member(call), arena, kTexts) {}

void ReplyFacts::on_body(std::string_view bytes) {
    look(bytes);
    if (next_ != nullptr) {
        next_->on_body(bytes);
    }
}

void ReplyFacts::on_hidden(std::string_view bytes) {
    if (next_ != nullptr) {
        next_->on_hidden(bytes);
    }
}

void ReplyFacts::look(std::string_view bytes) {
    if (!model_.has_value()) {
        model_.feed_to_find(bytes);
    }
    while (!bytes.empty() && finish_count_ < kReasonsMax) {
        const auto before = finish_.count();
        bytes = finish_.feed_to_find(bytes);
        if (finish_.count() != before) {
            finish_reasons_[finish_count_++] = arena_.copy(finish_.value());
        }
    }
}

}  // namespace sluice::pipeline
