// JSON or name=value, with the same members; and the format of web servers, which has few.
#include "server/access_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/decimal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/text.h"
#include "base/time.h"
#include "net/address.h"
#include "pipeline/exchange_record.h"
#include "pipeline/stream_watch.h"
#include "server/options.h"

namespace sluice::server {

namespace {

using pipeline::ExchangeRecord;

constexpr size_t kTextBytesMax = 256;
constexpr int kDollarPlacesMin = 6;

// What a text needs that holds a character: bits.
constexpr uint8_t kNeedsEscapes = 1;
constexpr uint8_t kNeedsQuotes = 2;  // In the form for people.

constexpr std::array<uint8_t, 256> make_needs() {
    std::array<uint8_t, 256> needs = {};
    needs.fill(kNeedsEscapes);
    for (size_t c = ' '; c <= '~'; ++c) {
        needs[c] = 0;
    }
    needs[' '] = needs['='] = kNeedsQuotes;
    needs['"'] = needs['\\'] = kNeedsEscapes | kNeedsQuotes;
    return needs;
}

constexpr std::array<uint8_t, 256> kNeeds = make_needs();

uint8_t needs_of(std::string_view text) {
    uint8_t needs = 0;
    for (const char c : text) {
        needs |= kNeeds[static_cast<unsigned char>(c)];
    }
    return needs;
}

// Writes members in one of the two forms. There is room for all of them (kLineBytesMax); what would
// not fit is cut off.
class Members {
public:
    Members(std::span<char> to, bool json)
        : begin_(to.data()), at_(to.data()), end_(to.data() + to.size()), json_(json) {}

    void put(std::string_view text) {
        at_ =
            std::copy_n(text.begin(), std::min(text.size(), static_cast<size_t>(end_ - at_)), at_);
    }

    // A text that was checked before: letters, digits and the like.
    void token(std::string_view name, std::string_view value) {
        if (!value.empty()) {
            begin(name);
            quote(json_);
            put(value);
            quote(json_);
        }
    }
    void text(std::string_view name, std::string_view value) {
        if (value.empty()) {
            return;
        }
        begin(name);
        value = value.substr(0, kTextBytesMax);
        const uint8_t needs = needs_of(value);
        const bool quoted = json_ || (needs & kNeedsQuotes) != 0;
        quote(quoted);
        if ((needs & kNeedsEscapes) == 0) {
            put(value);
        } else {
            std::string escaped;
            append_json_escaped(escaped, value);
            put(escaped);
        }
        quote(quoted);
    }
    void address(std::string_view name, const net::Address& address) {
        if (address.is_set()) {
            std::array<char, net::Address::kTextBytesMax> text;
            token(name, address.write_to(text));
        }
    }
    void number(std::string_view name, uint64_t value) {
        begin(name);
        digits(value);
    }
    void digits(uint64_t value) { at_ = std::to_chars(at_, end_, value).ptr; }
    // Without spaces as well, which end a column.
    void escaped(std::string_view text) {
        std::string escaped;
        append_json_escaped(escaped, text.substr(0, kTextBytesMax));
        std::ranges::replace(escaped, ' ', '_');
        put(escaped);
    }
    // Dollars, all of their places.
    void dollars(std::string_view name, int64_t pico) {
        std::string text;
        append_scaled(text, pico, kPicoPlaces, kDollarPlacesMin);
        begin(name);
        put(text);
    }
    void flag(std::string_view name, bool value) {
        begin(name);
        put(value ? std::string_view("true") : std::string_view("false"));
    }
    // Milliseconds with three digits after the point; nothing when it did not happen.
    void milliseconds(std::string_view name, Instant from, Instant to) {
        if (!from.is_set() || !to.is_set()) {
            return;
        }
        const int64_t us = std::max<int64_t>(0, (to - from).us());
        number(name, static_cast<uint64_t>(us / 1000));
        const auto rest = static_cast<unsigned>(us % 1000);
        const char digits[] = {'.', static_cast<char>('0' + rest / 100),
                               static_cast<char>('0' + rest / 10 % 10),
                               static_cast<char>('0' + rest % 10)};
        put({digits, sizeof digits});
    }

    std::string_view written() const { return {begin_, at_}; }

private:
    void begin(std::string_view name) {
        put(json_ ? std::string_view(",\"") : std::string_view(" "));
        put(name);
        put(json_ ? std::string_view("\":") : std::string_view("="));
    }
    void quote(bool wanted) { put(wanted ? std::string_view("\"") : std::string_view()); }

    char* const begin_;
    char* at_;
    char* const end_;
    const bool json_;
};

std::string_view without_port(std::string_view address) {
    return address.substr(0, address.rfind(':'));
}

void append_error(Members& members, const ExchangeRecord& record) {
    if (record.error.kind == ErrorKind::none) {
        return;
    }
    members.token("error", error_kind_name(record.error.kind));
    members.token("error_source", error_source_name(record.error.source));
    members.text("error_detail", record.error.where);
    members.token("phase", pipeline::phase_name(record.ended_in));
    members.token("key_refusal", record.key_refusal);
    members.token("limit_scope", record.limit_scope);
    members.token("limit", record.limit);
}

void append_usage(Members& members, const pipeline::Usage& usage) {
    if (!usage.is_known) {
        return;
    }
    members.number("prompt_tokens", usage.prompt_tokens);
    members.number("completion_tokens", usage.completion_tokens);
    if (usage.cached_tokens > 0) {
        members.number("cached_tokens", usage.cached_tokens);
    }
    if (usage.reasoning_tokens > 0) {
        members.number("reasoning_tokens", usage.reasoning_tokens);
    }
    if (usage.is_estimated) {
        members.token("usage", "estimated");
    }
}

// Sums over the models that processors have asked, or over the parts of answers that broke off,
// with the name of the latest.
void append_extra(Members& members,
                  const ExchangeRecord& record,
                  bool is_part,
                  std::string_view prefix) {
    const pipeline::ExtraUsage* latest = nullptr;
    uint64_t prompt_tokens = 0;
    uint64_t completion_tokens = 0;
    for (const auto* extra = record.extra_usages; extra != nullptr; extra = extra->next) {
        if (extra->is_part == is_part) {
            latest = latest == nullptr ? extra : latest;
            prompt_tokens += extra->usage.prompt_tokens;
            completion_tokens += extra->usage.completion_tokens;
        }
    }
    if (latest == nullptr) {
        return;
    }
    const std::string name(prefix);
    members.text(name + "_model", latest->model);
    members.text(name + "_upstream", latest->upstream_name);
    members.number(name + "_prompt_tokens", prompt_tokens);
    members.number(name + "_completion_tokens", completion_tokens);
}

// The rule that matched first, how often any did, and what another model was asked for.
void append_processors(Members& members, const ExchangeRecord& record) {
    const auto count = [&members](std::string_view name, uint32_t matches) {
        if (matches > 0) {
            members.number(name, matches);
        }
    };
    members.text("guard_rule", record.guard.rule);
    count("guard_blocked", record.guard.blocked);
    count("guard_redacted", record.guard.redacted);
    count("guard_flagged", record.guard.flagged);
    if (record.extra_usages == nullptr) {
        return;
    }
    append_extra(members, record, false, "enhancer");
    append_extra(members, record, true, "part");
}

// What was not asked of anybody costs nothing, which needs no words.
void append_cost(Members& members, const ExchangeRecord& record) {
    const bool is_asked = record.usage.is_known && !record.is_cached;
    if (record.is_priced && (is_asked || record.extra_usages != nullptr)) {
        members.dollars("cost_usd", record.cost_pico_usd);
    }
}

void append_times(Members& members, const ExchangeRecord& record) {
    members.milliseconds("total_ms", record.began, record.ended);
    members.milliseconds("receive_ms", record.began, record.received);
    if ((record.leased - record.lease_begun).us() > 0) {
        members.milliseconds("connect_ms", record.lease_begun, record.leased);
    }
    members.milliseconds("first_byte_ms", record.sent, record.first_byte);
    members.milliseconds("relay_ms", record.responded, record.ended);
}

}  // namespace

std::string_view AccessLogLine::write(const ExchangeRecord& record,
                                      const AccessLogNames& names,
                                      int64_t wall_clock_ns) {
    clock_.set(wall_clock_ns);
    if (format_ == AccessLogFormat::combined) {
        return write_combined(record);
    }
    const bool is_json = format_ == AccessLogFormat::json;
    constexpr std::string_view kJsonEnd = "}\n";
    const std::span<char> room(bytes_.data(), bytes_.size() - kJsonEnd.size());
    Members members(room, is_json);
    if (is_json) {
        members.put("{\"time\":\"");
    } else if (format_ == AccessLogFormat::logfmt) {
        members.put("time=");
    }
    members.put(clock_.text());
    members.put(is_json ? std::string_view("\"") : std::string_view());
    members.address("client", record.client);
    members.token("request_id", record.request_id);
    members.token("method", record.method.substr(0, kTextBytesMax));
    members.text("path", record.path);
    members.number("status", record.status);
    members.text("model", record.model);
    members.text("upstream_model", record.upstream_model);
    members.text("key", record.key_name);
    members.text("tenant", record.tenant);
    members.text("route", names.route);
    members.text("upstream", names.upstream);
    members.text("pool", record.pool_name);
    if (record.upstream_status != 0 && record.upstream_status != record.status) {
        members.number("upstream_status", record.upstream_status);
    }
    if (record.is_stream) {
        members.flag("stream", true);
    }
    members.number("request_bytes", record.request_body_bytes);
    members.number("response_bytes", record.response_body_bytes);
    if (record.is_stream) {
        members.number("events", record.events);
    }
    members.token("cache", pipeline::cache_outcome_name(record.cache));
    members.token("cache_key", record.cache_key);
    append_usage(members, record.usage);
    append_processors(members, record);
    append_cost(members, record);
    append_times(members, record);
    if (record.attempts > 0) {
        members.flag("reused", record.connection_reused);
    }
    if (record.attempts > 1) {
        members.number("attempts", record.attempts);
    }
    if (record.has_retried()) {
        members.token("retry_reason", pipeline::retry_reason_name(record.retry_reason));
    }
    if (record.is_queued) {
        members.token("priority", name_of(record.priority));
        members.number("queue_us", static_cast<uint64_t>(record.queue_wait.us()));
        members.token("queue_refusal", pipeline::queue_refusal_name(record.queue_refusal));
    }
    members.token("hedge", pipeline::hedge_outcome_name(record.hedge));
    members.text("hedge_upstream", record.hedge_upstream);
    append_error(members, record);
    members.number("shard", names.shard);
    const std::string_view line = members.written();
    const std::string_view end = is_json ? kJsonEnd : kJsonEnd.substr(1);
    std::memcpy(bytes_.data() + line.size(), end.data(), end.size());
    return {bytes_.data(), line.size() + end.size()};
}

// What is not kept of a request, its referrer and agent, is "-" as usual; the user is the key.
std::string_view AccessLogLine::write_combined(const ExchangeRecord& record) {
    const std::span<char> room(bytes_.data(), bytes_.size() - 1);
    Members members(room, false);
    std::array<char, net::Address::kTextBytesMax> address;
    const std::string_view client =
        record.client.is_set() ? record.client.write_to(address) : std::string_view();
    members.put(client.empty() ? std::string_view("-") : without_port(client));
    members.put(" - ");
    members.put(record.key_name.empty() ? std::string_view("-") : std::string_view());
    members.escaped(record.key_name);
    members.put(" [");
    members.put(clock_.common_text());
    members.put("] \"");
    members.put(record.method.empty() ? std::string_view("-")
                                      : record.method.substr(0, kTextBytesMax));
    members.put(" ");
    members.escaped(record.path);
    members.put(" HTTP/1.1\" ");
    members.digits(record.status);
    members.put(" ");
    members.digits(record.response_body_bytes);
    members.put(" \"-\" \"-\"");
    const size_t size = members.written().size();
    bytes_[size] = '\n';
    return {bytes_.data(), size + 1};
}

}  // namespace sluice::server
