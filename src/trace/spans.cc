// One span for the exchange, one for each step and attempt, one for each phase of an attempt.
#include "trace/spans.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "trace/content.h"
#include "trace/context.h"
#include "trace/otlp.h"
#include "trace/record.h"
#include "trace/sampling.h"

namespace sluice::trace {

namespace {

using NamePair = std::pair<std::string_view, std::string_view>;

// Where the published name differs from ours.
constexpr auto kProviders = std::to_array<NamePair>({
    {"azure", "azure.ai.openai"},
    {"azure_foundry", "azure.ai.inference"},
    {"bedrock", "aws.bedrock"},
    {"gemini", "gcp.gemini"},
    {"mistral", "mistral_ai"},
    {"vertex", "gcp.vertex_ai"},
    {"xai", "x_ai"},
});

constexpr auto kOperations = std::to_array<NamePair>({
    {"chat", "chat"},
    {"completions", "text_completion"},
    {"embeddings", "embeddings"},
    {"responses", "chat"},
    {"models", "models"},
    {"count_tokens", "count_tokens"},
});

constexpr auto kMethods = std::to_array<std::string_view>(
    {"POST", "GET", "DELETE", "CONNECT", "HEAD", "OPTIONS", "PATCH", "PUT", "TRACE"});
constexpr std::string_view kOtherMethod = "_OTHER";

// SpanFlags: whether it is known that the parent is remote, and whether it is.
constexpr uint32_t kHasIsRemote = 0x100;
constexpr uint32_t kIsRemote = 0x200;
constexpr uint16_t kFirstErrorStatus = 400;
constexpr double kPicoPerDollar = 1e12;

std::string_view keep_name(Keep keep) {
    switch (keep) {
        case Keep::none:
            return "";
        case Keep::head:
            return "head";
        case Keep::error:
            return "error";
        case Keep::slow:
            return "slow";
    }
    return "";
}

uint32_t flags_of(const ExchangeFacts& exchange, bool is_parent_remote) {
    return kHasIsRemote | (is_parent_remote ? kIsRemote : 0U) |
           (exchange.own.is_sampled ? kSampledFlag : 0U);
}

// "500", or the kind of error where there was no such status.
void write_error_type(OtlpText& to, uint16_t status, std::string_view error) {
    if (status >= kFirstErrorStatus) {
        to.text("error.type", std::to_string(status));
    } else {
        to.text("error.type", error);
    }
}

// "chat MODEL", "GET /v1": a word and what it is done to, if that is known.
std::string name_of(std::string_view word, std::string_view object) {
    std::string name(word);
    if (!object.empty()) {
        name += ' ';
        name += object;
    }
    return name;
}

class SpansOf {
public:
    SpansOf(OtlpText& to, const Record& record, const Messages& messages)
        : to_(to), record_(record), exchange_(record.exchange), messages_(messages) {}

    void write() {
        write_exchange();
        for (uint32_t i = 0; i < record_.step_count; ++i) {
            write_step(record_.steps[i], child_span_id(exchange_.own.span, i));
        }
        for (uint32_t i = 0; i < record_.attempt_count; ++i) {
            const AttemptRecord& attempt = record_.attempts[i];
            write_attempt(attempt, i + 1U == record_.attempt_count);
            write_phases(attempt);
        }
    }

private:
    std::string_view text(Text place) const { return record_.text(place); }

    void begin(const SpanHead& head) { to_.begin_span(head); }
    SpanHead head(SpanId span, SpanId parent, SpanKind kind, std::string_view name) const {
        return {.trace = exchange_.own.trace,
                .span = span,
                .parent = parent,
                .flags = flags_of(exchange_, false),
                .name = name,
                .kind = kind};
    }

    void write_exchange() {
        const std::string name = name_of(exchange_.method, text(exchange_.route));
        SpanHead own = head(exchange_.own.span, exchange_.parent, SpanKind::server, name);
        own.flags = flags_of(exchange_, exchange_.parent != 0);
        own.began_ns = exchange_.began;
        own.ended_ns = exchange_.ended;
        begin(own);
        to_.text("http.request.method", exchange_.method);
        to_.text("url.path", text(exchange_.path));
        to_.text("url.scheme", exchange_.scheme);
        to_.text("http.route", text(exchange_.route));
        if (exchange_.status != 0) {
            to_.integer("http.response.status_code", exchange_.status);
        }
        to_.text("client.address", text(exchange_.client));
        to_.text("gen_ai.operation.name", exchange_.operation);
        to_.text("gen_ai.request.model", text(exchange_.model));
        if (exchange_.is_failed) {
            write_error_type(to_, exchange_.status, exchange_.error);
        } else {
            to_.text("error.type", exchange_.error);
        }
        write_own_attributes();
        if (record_.content != nullptr) {
            write_bodies(*record_.content);
        }
        to_.end_span(exchange_.is_failed ? error_text() : std::string_view());
    }

    void write_own_attributes() {
        to_.text("sluice.request_id", text(exchange_.request_id));
        to_.text("sluice.pool", text(exchange_.pool));
        to_.text("sluice.key", text(exchange_.key));
        to_.text("sluice.tenant", text(exchange_.tenant));
        to_.text("sluice.cache", exchange_.cache);
        to_.text("sluice.ended_in", exchange_.phase);
        to_.text("sluice.error.source", exchange_.error_source);
        to_.text("sluice.kept_by", keep_name(exchange_.keep));
        to_.boolean("sluice.stream", exchange_.is_stream);
        to_.integer("sluice.attempts", exchange_.attempts);
        if (exchange_.is_priced) {
            to_.number("sluice.cost_usd",
                       static_cast<double>(exchange_.cost_pico_usd) / kPicoPerDollar);
        }
    }

    // What the messages of the last attempt do not tell.
    void write_bodies(const Content& content) {
        if (messages_.input.empty()) {
            to_.text("sluice.request.body", content.request.view());
        }
        if (content.request.is_cut()) {
            to_.boolean("sluice.request.body_cut", true);
        }
        if (messages_.output.empty()) {
            to_.text("sluice.response.body", content.reply.view());
        }
        if (content.reply.is_cut()) {
            to_.boolean("sluice.response.body_cut", true);
        }
    }

    std::string_view error_text() const {
        return exchange_.error.empty() ? std::string_view("error") : exchange_.error;
    }

    void write_step(const StepRecord& step, SpanId span) {
        const std::string name = name_of("processor", text(step.name));
        SpanHead own = head(span, exchange_.own.span, SpanKind::internal, name);
        own.began_ns = step.began;
        own.ended_ns = step.ended;
        begin(own);
        to_.text("sluice.processor.name", text(step.name));
        to_.text("sluice.processor.type", text(step.type));
        to_.text("sluice.processor.phase", step.phase);
        to_.text("sluice.processor.verdict", step.verdict);
        const bool is_failed = step.verdict == "failed";
        to_.end_span(is_failed ? step.verdict : std::string_view());
    }

    void write_attempt(const AttemptRecord& attempt, bool is_last) {
        // Conventions for HTTP clients name the span by its method alone.
        const std::string name = exchange_.operation.empty()
                                     ? std::string(exchange_.method)
                                     : name_of(exchange_.operation, text(attempt.model));
        SpanHead own = head(attempt.span, exchange_.own.span, SpanKind::client, name);
        own.began_ns = attempt.began;
        own.ended_ns = attempt.ended;
        begin(own);
        to_.text("gen_ai.operation.name", exchange_.operation);
        to_.text("gen_ai.provider.name", provider_name(attempt.vendor));
        to_.text("gen_ai.request.model", text(attempt.model));
        to_.text("server.address", text(attempt.host));
        if (attempt.port != 0) {
            to_.integer("server.port", attempt.port);
        }
        to_.text("http.request.method", exchange_.method);
        if (attempt.status != 0) {
            to_.integer("http.response.status_code", attempt.status);
        }
        if (attempt.ordinal > 0) {
            to_.integer("http.request.resend_count", attempt.ordinal);
        }
        if (!attempt.error.empty()) {
            write_error_type(to_, attempt.status, attempt.error);
        }
        to_.text("sluice.upstream", text(attempt.upstream));
        to_.text("sluice.retry.reason", attempt.retry_reason);
        to_.boolean("sluice.connection.reused", attempt.is_reused);
        if (is_last) {
            write_reply();
            to_.text("gen_ai.input.messages", messages_.input);
            to_.text("gen_ai.output.messages", messages_.output);
            write_usage(exchange_.usage);
        }
        to_.end_span(attempt.is_failed ? attempt.error : std::string_view());
    }

    void write_reply() {
        std::array<std::string_view, kFinishReasonsMax> reasons;
        for (size_t i = 0; i < exchange_.finish_count; ++i) {
            reasons[i] = text(exchange_.finish_reasons[i]);
        }
        to_.text("gen_ai.response.model", text(exchange_.reply_model));
        to_.texts("gen_ai.response.finish_reasons",
                  std::span<const std::string_view>(reasons).first(exchange_.finish_count));
    }

    void write_usage(const UsageFacts& usage) {
        if (!usage.is_known) {
            return;
        }
        to_.integer("gen_ai.usage.input_tokens", static_cast<int64_t>(usage.input_tokens));
        to_.integer("gen_ai.usage.output_tokens", static_cast<int64_t>(usage.output_tokens));
        if (usage.cached_tokens > 0) {
            to_.integer("gen_ai.usage.cache_read.input_tokens",
                        static_cast<int64_t>(usage.cached_tokens));
        }
        if (usage.cache_write_tokens > 0) {
            to_.integer("gen_ai.usage.cache_creation.input_tokens",
                        static_cast<int64_t>(usage.cache_write_tokens));
        }
        if (usage.is_estimated) {
            to_.boolean("sluice.usage.estimated", true);
        }
    }

    void write_phases(const AttemptRecord& attempt) {
        const Phases phases = phases_of(attempt);
        uint32_t index = 0;
        const auto write = [&](std::string_view name, int64_t began, int64_t ended) {
            const bool has_ended = ended != 0;
            SpanHead own =
                head(child_span_id(attempt.span, index++), attempt.span, SpanKind::internal, name);
            own.began_ns = began;
            own.ended_ns = has_ended ? ended : attempt.ended;
            begin(own);
            to_.end_span(has_ended || !attempt.is_failed ? std::string_view() : attempt.error);
        };
        if (phases.connect) {
            write("connect", attempt.began, attempt.leased);
        }
        if (phases.wait && attempt.is_stream) {
            write("first_token", attempt.sent, attempt.first_event);
        } else if (phases.wait) {
            write("first_byte", attempt.sent, attempt.first_byte);
        }
        if (phases.reply && attempt.is_stream) {
            write("stream", attempt.first_event, 0);
        } else if (phases.reply) {
            write("response", attempt.first_byte, 0);
        }
    }

    OtlpText& to_;
    const Record& record_;
    const ExchangeFacts& exchange_;
    const Messages messages_;
};

std::string_view find(std::span<const NamePair> pairs, std::string_view name) {
    const auto found = std::ranges::find(pairs, name, &NamePair::first);
    return found == pairs.end() ? std::string_view() : found->second;
}

}  // namespace

void write_spans(OtlpText& to, const Record& record, const Messages& messages) {
    SpansOf(to, record, messages).write();
}

std::string_view provider_name(std::string_view vendor) {
    const std::string_view published = find(kProviders, vendor);
    return published.empty() ? vendor : published;
}

std::string_view semantic_operation(std::string_view operation) {
    return find(kOperations, operation);
}

std::string_view semantic_method(std::string_view method) {
    const auto* const known = std::ranges::find(kMethods, method);
    return known == kMethods.end() ? kOtherMethod : *known;
}

}  // namespace sluice::trace
