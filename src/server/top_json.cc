// The figures of `sluice top` for programs.
#include <cstddef>
#include <string>
#include <string_view>

#include "json/writer.h"
#include "server/top_facts.h"
#include "server/top_view.h"

namespace sluice::server {

namespace {

void write_figure(json::Writer& writer, std::string_view key, const Figure& figure) {
    writer.key(key);
    if (figure) {
        writer.number(*figure);
    } else {
        writer.null();
    }
}

void write_row(json::Writer& writer, const TopRow& row) {
    writer.key("requests_per_second").number(row.requests_per_s);
    write_figure(writer, "error_rate", row.error_share);
}

void write_times(json::Writer& writer, const TopRow& row) {
    write_figure(writer, "time_to_first_token_p50_ms", row.first_token_p50_ms);
    write_figure(writer, "time_to_first_token_p99_ms", row.first_token_p99_ms);
}

void write_rows(json::Writer& writer, const TopFigures& figures) {
    writer.key("routes").begin_array();
    for (const TopRow& row : figures.routes) {
        writer.begin_object().key("route").string(row.name);
        write_row(writer, row);
        writer.key("tokens_per_second").number(row.tokens_per_s).end_object();
    }
    writer.end_array().key("models").begin_array();
    for (const TopRow& row : figures.models) {
        writer.begin_object()
            .key("model")
            .string(row.name)
            .key("requests_per_second")
            .number(row.requests_per_s)
            .key("tokens_per_second")
            .number(row.tokens_per_s)
            .end_object();
    }
    writer.end_array().key("upstreams").begin_array();
    for (const TopRow& row : figures.upstreams) {
        writer.begin_object().key("upstream").string(row.name);
        write_row(writer, row);
        writer.key("tokens_per_second").number(row.tokens_per_s);
        write_times(writer, row);
        writer.end_object();
    }
    writer.end_array().key("targets").begin_array();
    for (const TopRow& row : figures.targets) {
        writer.begin_object()
            .key("pool")
            .string(row.pool)
            .key("target")
            .string(row.name)
            .key("state")
            .string(row.state)
            .key("breaker")
            .string(row.breaker)
            .key("in_flight")
            .unsigned_integer(row.in_flight.value_or(0));
        write_row(writer, row);
        write_times(writer, row);
        writer.end_object();
    }
    writer.end_array();
}

}  // namespace

std::string top_json(const TopFigures& figures) {
    std::string text;
    json::StringText output(text);
    json::Writer writer(output);
    writer.begin_object()
        .key("version")
        .string(figures.version)
        .key("draining")
        .boolean(figures.is_draining)
        .key("uptime_seconds")
        .number(figures.uptime_s)
        .key("period_seconds")
        .number(figures.period_s)
        .key("in_flight")
        .unsigned_integer(figures.in_flight)
        .key("tokens_per_second")
        .number(figures.all.tokens_per_s);
    write_row(writer, figures.all);
    write_figure(writer, "time_to_first_token_p50_ms", figures.all.first_token_p50_ms);
    write_figure(writer, "time_to_first_token_p90_ms", figures.first_token_p90_ms);
    write_figure(writer, "time_to_first_token_p99_ms", figures.all.first_token_p99_ms);
    write_figure(writer, "imbalance", figures.imbalance);
    writer.key("shards").begin_array();
    for (size_t i = 0; i < figures.shards.size(); ++i) {
        const TopShard& shard = figures.shards[i];
        writer.begin_object()
            .key("index")
            .unsigned_integer(i)
            .key("responds")
            .boolean(shard.responds)
            .key("exchanges")
            .unsigned_integer(shard.exchanges)
            .key("connections")
            .unsigned_integer(shard.connections)
            .end_object();
    }
    writer.end_array();
    write_rows(writer, figures);
    writer.end_object();
    output.finish();
    return text;
}

}  // namespace sluice::server
