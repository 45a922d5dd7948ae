// JSON for machines, one line of key=value for people; the same members in both.
#include "server/access_log.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "net/address.h"
#include "pipeline/exchange_record.h"
#include "server/options.h"

namespace sluice::server {

namespace {

using pipeline::ExchangeRecord;

// Writes members in one of the two forms.
class Members {
public:
    Members(std::string& line, bool json) : line_(line), json_(json) {}

    void text(std::string_view name, std::string_view value) {
        if (value.empty()) {
            return;
        }
        begin(name);
        if (json_) {
            line_ += '"';
            append_json_escaped(line_, value);
            line_ += '"';
            return;
        }
        const bool plain = value.find_first_of(" \"\\=") == std::string_view::npos;
        line_ += plain ? "" : "\"";
        append_json_escaped(line_, value);
        line_ += plain ? "" : "\"";
    }
    void address(std::string_view name, const net::Address& address) {
        if (address.is_set()) {
            begin(name);
            line_ += json_ ? "\"" : "";
            address.append_to(line_);
            line_ += json_ ? "\"" : "";
        }
    }
    void number(std::string_view name, uint64_t value) {
        begin(name);
        append_decimal(line_, value);
    }
    void flag(std::string_view name, bool value) {
        begin(name);
        line_ += value ? "true" : "false";
    }
    // Milliseconds with three digits after the point; nothing when it did not happen.
    void milliseconds(std::string_view name, Instant from, Instant to) {
        if (!from.is_set() || !to.is_set()) {
            return;
        }
        begin(name);
        const int64_t us = (to - from).us() < 0 ? 0 : (to - from).us();
        append_decimal(line_, static_cast<uint64_t>(us / 1000));
        line_ += '.';
        const auto rest = static_cast<unsigned>(us % 1000);
        line_ += static_cast<char>('0' + rest / 100);
        line_ += static_cast<char>('0' + rest / 10 % 10);
        line_ += static_cast<char>('0' + rest % 10);
    }

private:
    void begin(std::string_view name) {
        line_ += json_ ? ",\"" : " ";
        line_ += name;
        line_ += json_ ? "\":" : "=";
    }

    std::string& line_;
    const bool json_;
};

void append_error(Members& members, const ExchangeRecord& record) {
    if (record.error.kind == ErrorKind::none) {
        return;
    }
    members.text("error", error_kind_name(record.error.kind));
    members.text("error_source", error_source_name(record.error.source));
    members.text("error_detail", record.error.where);
    members.text("phase", pipeline::phase_name(record.ended_in));
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
}

}  // namespace

void append_access_line(std::string& line,
                        AccessLogFormat format,
                        const ExchangeRecord& record,
                        const AccessLogNames& names,
                        int64_t wall_clock_ns) {
    const bool json = format == AccessLogFormat::json;
    LogClock clock;
    clock.set(wall_clock_ns);
    line += json ? "{\"time\":\"" : "";
    line += clock.text();
    line += json ? "\"" : "";
    Members members(line, json);
    members.address("client", record.client);
    members.text("request_id", record.request_id);
    members.text("method", record.method);
    members.text("path", record.path);
    members.number("status", record.status);
    members.text("model", record.model);
    members.text("upstream_model", record.upstream_model);
    members.text("route", names.route);
    members.text("upstream", names.upstream);
    if (record.upstream_status != 0) {
        members.number("upstream_status", record.upstream_status);
    }
    members.flag("stream", record.is_stream);
    members.number("request_bytes", record.request_body_bytes);
    members.number("response_bytes", record.response_body_bytes);
    if (record.is_stream) {
        members.number("events", record.events);
    }
    append_usage(members, record.usage);
    members.milliseconds("total_ms", record.began, record.ended);
    members.milliseconds("receive_ms", record.began, record.received);
    members.milliseconds("connect_ms", record.lease_begun, record.leased);
    members.milliseconds("first_byte_ms", record.sent, record.first_byte);
    members.milliseconds("relay_ms", record.responded, record.ended);
    if (record.attempts > 0) {
        members.flag("reused", record.connection_reused);
        members.number("attempts", record.attempts);
    }
    append_error(members, record);
    members.number("shard", names.shard);
    line += json ? "}\n" : "\n";
}

}  // namespace sluice::server
