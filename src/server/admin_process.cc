// Endpoints about the process itself: health, status, configuration, reload.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "config/diagnostics.h"
#include "config/print.h"
#include "config/print_json.h"
#include "coro/task.h"
#include "json/writer.h"
#include "net/shard.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_openapi.h"
#include "server/ask_shards.h"
#include "server/reload.h"
#include "server/shard_body.h"

namespace sluice::server {

namespace {

// A shard whose turn takes this long is in trouble, which is what the answer then says.
constexpr Duration kShardPatience = Duration::seconds(1);

void write_diagnostics(json::Writer& writer,
                       const ReloadReport& report,
                       config::Severity severity) {
    writer.begin_array();
    for (const config::Diagnostic& diagnostic : report.diagnostics) {
        if (diagnostic.severity != severity) {
            continue;
        }
        writer.begin_object()
            .key("file")
            .string(diagnostic.origin)
            .key("line")
            .unsigned_integer(diagnostic.position.line)
            .key("column")
            .unsigned_integer(diagnostic.position.column)
            .key("key")
            .string(diagnostic.key)
            .key("message")
            .string(diagnostic.text)
            .end_object();
    }
    writer.end_array();
}

void write_shards(json::Writer& writer, const std::vector<std::optional<ShardState>>& states) {
    writer.begin_array();
    for (size_t i = 0; i < states.size(); ++i) {
        const ShardState state = states[i].value_or(ShardState());
        writer.begin_object()
            .key("index")
            .unsigned_integer(i)
            .key("responds")
            .boolean(states[i].has_value())
            .key("connections")
            .unsigned_integer(state.connections)
            .key("exchanges")
            .unsigned_integer(state.exchanges)
            .end_object();
    }
    writer.end_array();
}

}  // namespace

coro::Task<AdminAnswer> answer_health(AdminCall& /*call*/) {
    AdminAnswer answer;
    answer.body = "ok\n";
    answer.content_type = "text/plain; charset=utf-8";
    co_return answer;
}

coro::Task<AdminAnswer> answer_openapi(AdminCall& /*call*/) {
    AdminAnswer answer;
    answer.body = admin_openapi();
    co_return answer;
}

coro::Task<AdminAnswer> answer_status(AdminCall& call) {
    const auto state_of = [](net::Shard& shard) { return ShardBody::state_of(shard); };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const std::vector<std::optional<ShardState>> states =
        co_await ask_shards(call.backend.shards(), call.signal, state_of, kShardPatience, is_over);
    const ProcessFacts facts = call.backend.facts();
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("version")
        .string(SLUICE_VERSION)
        .key("uptime_seconds")
        .number(facts.uptime.as_seconds())
        .key("draining")
        .boolean(facts.is_draining)
        .key("listen")
        .string(facts.listen)
        .key("config")
        .begin_object()
        .key("source")
        .string(facts.config_source)
        .key("watched")
        .boolean(facts.watches_config)
        .end_object()
        .key("shards");
    write_shards(writer, states);
    writer.end_object();
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_config(AdminCall& call) {
    const std::string_view source = call.backend.facts().config_source;
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("source")
        .string(source)
        .key("text")
        .string(config::print_config(call.backend.config(), source))
        .key("config");
    config::write_config(writer, call.backend.config());
    writer.end_object();
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_reload(AdminCall& call) {
    const ReloadReport report = call.backend.reload();
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object().key("ok").boolean(report.is_accepted);
    if (!report.is_accepted) {
        answer.status = 409;
        writer.key("error")
            .begin_object()
            .key("message")
            .string("the new configuration has errors; the old one stays")
            .key("code")
            .string("config_refused")
            .end_object()
            .key("errors");
        write_diagnostics(writer, report, config::Severity::error);
    }
    writer.key("warnings");
    write_diagnostics(writer, report, config::Severity::warning);
    writer.key("restart_needed").begin_array();
    for (const std::string& key : report.restart_needed) {
        writer.string(key);
    }
    writer.end_array().end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
