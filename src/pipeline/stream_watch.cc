// Event ends from the framer, meaning from the first bytes of each event.
#include "pipeline/stream_watch.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/text.h"
#include "http/sse_framer.h"
#include "json/field_watch.h"
#include "json/member_finder.h"
#include "json/validator.h"

namespace sluice::pipeline {

namespace {

using providers::ServiceTier;

constexpr std::string_view kData = "data:";
constexpr std::string_view kEvent = "event:";
constexpr uint16_t kNumberBytesMax = 20;
// Of an amount of money, which may have as many digits as a double.
constexpr uint16_t kAmountBytesMax = 32;

std::string_view take_line(std::string_view& rest) {
    const size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

// The value of a line, without the one blank that may follow the colon.
std::string_view line_value(std::string_view line, std::string_view name) {
    line.remove_prefix(name.size());
    if (line.starts_with(' ')) {
        line.remove_prefix(1);
    }
    return line;
}

// Takes `token`, and white space before it, off the front.
bool take(std::string_view& text, std::string_view token) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (!text.starts_with(token)) {
        return false;
    }
    text.remove_prefix(token.size());
    return true;
}

// Whether an object's first member is an error that is not null.
bool begins_with_error(std::string_view data) {
    return take(data, "{") && take(data, "\"error\"") && take(data, ":") && !take(data, "null");
}

// Of Responses, and of Messages.
bool is_terminal_name(std::string_view name) {
    return name.starts_with("message_stop") || name.starts_with("response.completed") ||
           name.starts_with("response.failed") || name.starts_with("response.incomplete");
}

// Anthropic's numbers leave out what came from and went into a cache, and come in two objects: at
// the start and, cumulative, at the end.
void merge_messages_usage(std::string_view object, Usage& usage) {
    const Usage part = read_usage(object);
    usage.prompt_tokens = part.prompt_tokens > 0 ? part.prompt_tokens : usage.prompt_tokens;
    usage.completion_tokens =
        part.completion_tokens > 0 ? part.completion_tokens : usage.completion_tokens;
    usage.cached_tokens = part.cached_tokens > 0 ? part.cached_tokens : usage.cached_tokens;
    usage.cache_write_tokens =
        part.cache_write_tokens > 0 ? part.cache_write_tokens : usage.cache_write_tokens;
    usage.cache_write_1h_tokens =
        part.cache_write_1h_tokens > 0 ? part.cache_write_1h_tokens : usage.cache_write_1h_tokens;
    usage.reported_cost_pico =
        part.reported_cost_pico >= 0 ? part.reported_cost_pico : usage.reported_cost_pico;
    usage.tier = part.tier != ServiceTier::standard ? part.tier : usage.tier;
    usage.is_known = usage.is_known || part.is_known;
}

// Words such as "on_demand_priority".
constexpr uint16_t kTierBytesMax = 32;

// Both spellings of OpenAI, chat completions and responses, and Anthropic's.
constexpr json::WatchList kUsageWatchList = {
    {.path = "prompt_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "input_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "completion_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "output_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "prompt_tokens_details"},
    {.path = "prompt_tokens_details/cached_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "input_tokens_details"},
    {.path = "input_tokens_details/cached_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "completion_tokens_details"},
    {.path = "completion_tokens_details/reasoning_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "output_tokens_details"},
    {.path = "output_tokens_details/reasoning_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "cache_read_input_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "cache_creation_input_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "prompt_tokens_details/cache_write_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "input_tokens_details/cache_write_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "cache_creation"},
    {.path = "cache_creation/ephemeral_1h_input_tokens", .text_bytes_max = kNumberBytesMax},
    {.path = "cost", .text_bytes_max = kAmountBytesMax},
    {.path = "cost/total_cost", .text_bytes_max = kAmountBytesMax},
    {.path = "cost_in_usd_ticks", .text_bytes_max = kNumberBytesMax},
    {.path = "service_tier", .text_bytes_max = kTierBytesMax},
};

enum UsageField : uint8_t {
    prompt = 0,
    input = 1,
    completion = 2,
    output = 3,
    prompt_cached = 5,
    input_cached = 7,
    completion_reasoning = 9,
    output_reasoning = 11,
    cache_read = 12,
    cache_creation = 13,
    prompt_cache_write = 14,
    input_cache_write = 15,
    cache_creation_1h = 17,
    cost = 18,
    total_cost = 19,
    cost_ticks = 20,
    service_tier = 21,
};

uint64_t first_of(const json::FieldWatch& watch, UsageField one, UsageField other) {
    for (const UsageField which : {one, other}) {
        const json::Field field = watch.field(which);
        if (field.type == json::ValueType::number) {
            return parse_decimal(field.text).value_or(0);
        }
    }
    return 0;
}

// As providers::reported_cost() reads it.
int64_t reported_cost(const json::FieldWatch& watch) {
    constexpr int kTickPlaces = 10;  // Of a dollar.
    constexpr std::pair<UsageField, int> kFields[] = {
        {UsageField::cost_ticks, kPicoPlaces - kTickPlaces},
        {UsageField::cost, kPicoPlaces},
        {UsageField::total_cost, kPicoPlaces}};
    for (const auto& [which, places] : kFields) {
        const json::Field field = watch.field(which);
        if (field.type == json::ValueType::number) {
            return parse_scaled(field.text, places).value_or(-1);
        }
    }
    return -1;
}

}  // namespace

Terminator terminator_of(std::string_view path) {
    if (path.ends_with("/completions")) {
        return Terminator::done;
    }
    if (path.ends_with("/messages")) {
        return Terminator::messages;
    }
    return path.ends_with("/responses") ? Terminator::responses : Terminator::none;
}

void StreamWatch::watch_tier(Arena& arena) {
    tier_finder_ = &arena.make<json::MemberFinder>(
        "\"service_tier\"", arena,
        json::MemberFinder::Options{.value_bytes_max = kTierBytesMax, .finds_texts = true});
}

StreamWatch::StreamWatch(bool is_event_stream, Terminator terminator, Arena& arena)
    : usage_finder_("\"usage\"", arena),
      terminator_(terminator),
      is_event_stream_(is_event_stream) {}

// Of Anthropic's several each counts, and a short stream has all of them in one piece.
void StreamWatch::look_for_usage(std::string_view bytes) {
    if (terminator_ != Terminator::messages) {
        usage_finder_.feed(bytes);
        return;
    }
    while (!bytes.empty()) {
        const uint32_t before = usage_finder_.count();
        bytes = usage_finder_.feed_to_find(bytes);
        if (usage_finder_.count() != before) {
            merge_messages_usage(usage_finder_.value(), merged_usage_);
        }
    }
}

uint32_t StreamWatch::see(std::string_view bytes) {
    look_for_usage(bytes);
    if (tier_finder_ != nullptr) {
        tier_finder_->feed(bytes);
    }
    if (!is_event_stream_) {
        return static_cast<uint32_t>(bytes.size());
    }
    uint32_t complete = 0;
    uint32_t at = 0;
    while (at < bytes.size()) {
        const std::string_view rest = bytes.substr(at);
        const http::SseFramer::Step step = framer_.feed(rest);
        at += step.consumed;
        bool has_data = false;
        if (step.event_end && is_at_start_) {
            has_data = judge_event(rest.substr(0, step.consumed));
        } else {
            keep_head(rest.substr(0, step.consumed));
            has_data = step.event_end && judge_kept_event();
        }
        is_at_start_ = step.event_end;
        if (step.event_end) {
            events_ += has_data ? 1 : 0;
            complete = at;
        }
    }
    // Empty lines between events belong to nothing and may pass at once.
    return framer_.at_boundary() ? at : complete;
}

void StreamWatch::end() {
    if (is_event_stream_) {
        last_line_is_cut_ = !framer_.at_line_start();
        judge_kept_event();
    }
}

// Keeps the beginning of the first line that can say what the event is, and what follows it.
void StreamWatch::keep_head(std::string_view bytes) {
    while (head_bytes_ == 0) {
        if (is_in_other_line_) {
            bytes.remove_prefix(std::min(bytes.find_first_of("\r\n"), bytes.size()));
            is_in_other_line_ = bytes.empty();
        }
        bytes.remove_prefix(std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
        if (bytes.empty()) {
            return;
        }
        is_in_other_line_ = bytes.front() != kData.front() && bytes.front() != kEvent.front();
        if (!is_in_other_line_) {
            break;
        }
    }
    const size_t count = std::min(bytes.size(), kEventHeadBytes - head_bytes_);
    std::memcpy(head_.data() + head_bytes_, bytes.data(), count);
    head_bytes_ = static_cast<uint8_t>(head_bytes_ + count);
}

bool StreamWatch::judge_kept_event() {
    const bool has_data = judge_event({head_.data(), head_bytes_});
    head_bytes_ = 0;
    return has_data;
}

// Its name or its first line of data says what an event is. Without data it is none: where the name
// is all that came, the stream was cut.
bool StreamWatch::judge_event(std::string_view event) {
    const bool is_longer = event.size() >= kEventHeadBytes;
    std::string_view name;
    while (!event.empty() && !event.starts_with(kData)) {
        const std::string_view line = take_line(event);
        if (line.starts_with(kEvent)) {
            name = line_value(line, kEvent);
        }
    }
    if (!event.empty()) {
        judge_data(line_value(event, kData));
    }
    const bool has_data = !event.empty() || is_longer;
    if (has_data && !last_line_is_cut_) {
        judge_name(name);
    }
    return has_data;
}

void StreamWatch::judge_data(std::string_view data) {
    if (terminator_ == Terminator::done && data.starts_with("[DONE]")) {
        saw_terminator_ = true;
    } else if (last_line_is_cut_) {
        return;
    } else if (begins_with_error(data)) {
        saw_error_ = true;
    } else if (has_named_events() && take(data, "{") && take(data, "\"type\"") && take(data, ":") &&
               take(data, "\"")) {
        judge_name(data);
    }
}

void StreamWatch::judge_name(std::string_view name) {
    if (name == "error" || name.starts_with("error\"")) {
        saw_error_ = true;
    } else if (has_named_events() && is_terminal_name(name)) {
        saw_terminator_ = true;
    }
}

// Anthropic's tier stands inside of its usage.
Usage StreamWatch::usage() const {
    Usage usage =
        terminator_ == Terminator::messages ? merged_usage_ : read_usage(usage_finder_.value());
    if (tier_finder_ != nullptr && tier_finder_->has_value()) {
        usage.tier = providers::service_tier_of(tier_finder_->value());
    }
    return usage;
}

Usage read_usage(std::string_view object) {
    json::FieldWatch watch(kUsageWatchList);
    json::Validator validator({.source = ErrorSource::upstream, .watch = &watch});
    if (object.empty() || !validator.feed(object) || !validator.finish()) {
        return {};
    }
    const uint64_t cache_read = first_of(watch, UsageField::cache_read, UsageField::cache_read);
    const uint64_t cache_creation =
        first_of(watch, UsageField::cache_creation, UsageField::cache_creation);
    const uint64_t cached = first_of(watch, UsageField::prompt_cached, UsageField::input_cached);
    return {
        .prompt_tokens =
            first_of(watch, UsageField::prompt, UsageField::input) + cache_read + cache_creation,
        .completion_tokens = first_of(watch, UsageField::completion, UsageField::output),
        .cached_tokens = cached + cache_read,
        .cache_write_tokens =
            first_of(watch, UsageField::prompt_cache_write, UsageField::input_cache_write) +
            cache_creation,
        .cache_write_1h_tokens =
            first_of(watch, UsageField::cache_creation_1h, UsageField::cache_creation_1h),
        .reasoning_tokens =
            first_of(watch, UsageField::completion_reasoning, UsageField::output_reasoning),
        .reported_cost_pico = reported_cost(watch),
        .tier = providers::service_tier_of(watch.field(UsageField::service_tier).text),
        .is_known = true,
    };
}

}  // namespace sluice::pipeline
