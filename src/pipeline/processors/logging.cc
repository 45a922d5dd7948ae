// What is kept of an exchange on its way, and the line at its end.
#include "pipeline/processors/logging.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/mask_secrets.h"
#include "pipeline/processor.h"
#include "pipeline/prompt_facts.h"
#include "pipeline/stream_watch.h"

namespace sluice::pipeline {

namespace {

// Looked at beyond the summary, so that a secret at its end is seen whole.
constexpr size_t kMaskAheadBytes = 256;
// As many as an operator asks for; what the shard's lane cannot take is counted there.
constexpr uint32_t kLinesPerSecond = UINT32_MAX;

constinit LogSite exchange_site(LogLevel::info, "pipeline", "exchange", kLinesPerSecond);

// At most so many bytes, and no part of a character.
std::string_view cut(std::string_view text, size_t bytes_max) {
    if (text.size() <= bytes_max) {
        return text;
    }
    size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) {
        --end;
    }
    return text.substr(0, end);
}

std::string_view plain(const json::Value& value, Arena& arena) {
    const auto text = json::unescape(value.text().raw, arena);
    return text ? *text : value.text().raw;
}

// The last text of a content that is one, or has some among its parts.
std::string_view last_text(const json::Value& content, Arena& arena) {
    if (content.is_string()) {
        return plain(content, arena);
    }
    std::string_view text;
    for (const json::Value& part : content) {
        if (part["text"].is_string()) {
            text = plain(part["text"], arena);
        }
    }
    return text;
}

std::string_view last_user_text(const json::Value& top, const ClientCall& call, Arena& arena) {
    const json::Value& conversation = conversation_of(top, call);
    if (conversation.is_string()) {
        return plain(conversation, arena);
    }
    const json::Value* last = nullptr;
    for (const json::Value& item : conversation) {
        if (item.is_string() || item["role"].text() == "user") {
            last = &item;
        }
    }
    if (last == nullptr) {
        return {};
    }
    return last_text(last->is_string() ? *last : (*last)["content"], arena);
}

Duration between(Instant from, Instant to) {
    return from.is_set() && to.is_set() ? to - from : Duration();
}

bool is_told() {
    return log_is_on(exchange_site.room(), exchange_site.level());
}

std::string_view or_dash(std::string_view text) {
    return text.empty() ? "-" : text;
}

}  // namespace

bool is_in_sample(std::string_view request_id, uint32_t percent) {
    uint64_t hash = 14695981039346656037U;  // FNV-1a.
    for (const char c : request_id) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    }
    return (hash >> 32U) % 100 < percent;
}

Verdict Logging::on_head(ProcessorContext& context) {
    is_sampled_ = is_in_sample(context.record.request_id, options_.sample_percent);
    return Verdict::proceed();
}

Verdict Logging::on_request(ProcessorContext& context) {
    if ((!is_sampled_ && !options_.errors_always) || !is_told()) {
        return Verdict::proceed();
    }
    facts_ = context.facts();
    if (options_.content == LoggedContent::full) {
        request_ = context.arena.copy(cut(context.body.text(), options_.content_bytes_max));
        reply_ = new (context.arena.allocate(sizeof(json::ArenaText), alignof(json::ArenaText)))
            json::ArenaText(context.arena, 512);
    } else if (const auto tree = context.body.tree();
               tree && options_.content == LoggedContent::summary) {
        const std::string_view text = last_user_text(**tree, context.call, context.arena);
        const std::string_view seen = cut(text, options_.content_bytes_max + kMaskAheadBytes);
        request_ =
            context.arena.copy(cut(mask_secrets(seen, context.arena), options_.content_bytes_max));
    }
    return Verdict::proceed();
}

void Logging::on_response_body(ProcessorContext& /*context*/, std::string_view bytes) {
    if (reply_ != nullptr) {
        const size_t room = options_.content_bytes_max - reply_->view().size();
        reply_->append(bytes.substr(0, std::min(room, bytes.size())));
    }
}

void Logging::on_end(ProcessorContext& context) {
    const ExchangeRecord& record = context.record;
    const bool has_failed = record.error.kind != ErrorKind::none || record.status >= 400;
    if (!is_told() || !(is_sampled_ || (has_failed && options_.errors_always))) {
        return;
    }
    const Usage& usage = record.usage;
    const bool has_content = options_.content != LoggedContent::none;
    const std::string_view reply = reply_ == nullptr ? std::string_view() : reply_->view();
    Log::write(
        exchange_site,
        {{"request_id", record.request_id},
         {"method", record.method},
         {"path", record.path},
         {"route", record.route == ExchangeRecord::kNone ? int64_t{-1} : int64_t{record.route}},
         {"upstream", or_dash(context.upstream_name)},
         {"model", or_dash(record.model)},
         {"upstream_model",
          or_dash(record.upstream_model.empty() ? record.model : record.upstream_model)},
         {"key", or_dash(record.key_name)},
         {"tenant", or_dash(record.tenant)},
         {"status", record.status},
         {"upstream_status", record.upstream_status},
         {"stream", record.is_stream || context.wants_stream},
         {"messages", facts_.messages},
         {"images", facts_.images},
         {"has_tools", facts_.has_tools},
         {"estimated_tokens", facts_.estimated_tokens},
         {"prompt_tokens", usage.prompt_tokens},
         {"completion_tokens", usage.completion_tokens},
         {"cached_tokens", usage.cached_tokens},
         {"reasoning_tokens", usage.reasoning_tokens},
         {"usage", !usage.is_known      ? "unknown"
                   : usage.is_estimated ? "estimated"
                                        : "told"},
         {"finish",
          record.error.kind == ErrorKind::none ? "complete" : phase_name(record.ended_in)},
         {"error",
          or_dash(record.error.kind == ErrorKind::none ? std::string_view()
                                                       : error_kind_name(record.error.kind))},
         {"attempts", record.attempts},
         {"events", record.events},
         {"request_bytes", record.request_body_bytes},
         {"response_bytes", record.response_body_bytes},
         {"first_byte_s", between(record.began, record.first_byte)},
         {"total_s", between(record.began, record.ended)},
         LogField::whole("content", has_content ? request_ : std::string_view()),
         LogField::whole("reply", cut(reply, options_.content_bytes_max))});
}

}  // namespace sluice::pipeline
