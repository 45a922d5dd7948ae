// The table of settings, read from a Config and written as JSON.
#include "config/print_json.h"

#include <string_view>
#include <variant>
#include <vector>

#include "config/processor_kinds.h"
#include "config/schema.h"
#include "config/setting.h"
#include "json/writer.h"

namespace sluice::config {

namespace {

void write_value(json::Writer& writer, const Value& value) {
    if (const auto* boolean = std::get_if<bool>(&value)) {
        writer.boolean(*boolean);
    } else if (const auto* integer = std::get_if<int64_t>(&value)) {
        writer.integer(*integer);
    } else if (const auto* fraction = std::get_if<double>(&value)) {
        writer.number(*fraction);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        writer.string(*text);
    } else if (const auto* list = std::get_if<TextList>(&value)) {
        writer.begin_array();
        for (const std::string& item : *list) {
            writer.string(item);
        }
        writer.end_array();
    } else {
        writer.begin_object();
        for (const auto& [name, item] : *std::get_if<TextPairs>(&value)) {
            writer.key(name).string(item);
        }
        writer.end_object();
    }
}

// The members of a section's table; those of a group stand together in the table of settings.
void write_members(json::Writer& writer, Section section, const void* object) {
    std::string_view group;
    for (const Setting& setting : settings(section)) {
        if (group_of(setting.key) != group) {
            if (!group.empty()) {
                writer.end_object();
            }
            group = group_of(setting.key);
            if (!group.empty()) {
                writer.key(group).begin_object();
            }
        }
        writer.key(name_in_group(setting.key));
        write_value(writer, setting.access.get(object));
    }
    if (!group.empty()) {
        writer.end_object();
    }
}

void write_server(json::Writer& writer, const server::ServerOptions& server) {
    writer.key("server").begin_object();
    write_members(writer, Section::server, &server);
    writer.key("certificates").begin_array();
    for (const net::CertificateOptions& certificate : server.tls.certificates) {
        writer.begin_object();
        write_members(writer, Section::certificate, &certificate);
        writer.end_object();
    }
    writer.end_array().end_object();
}

void write_table(json::Writer& writer,
                 std::string_view name,
                 Section section,
                 const void* options) {
    writer.key(name).begin_object();
    write_members(writer, section, options);
    writer.end_object();
}

// Tables by the names that they have in the file.
template <class Options>
void write_tables(json::Writer& writer,
                  std::string_view form,
                  Section section,
                  const std::vector<Options>& tables) {
    writer.key(form).begin_object();
    for (const Options& table : tables) {
        write_table(writer, table.name, section, &table);
    }
    writer.end_object();
}

}  // namespace

void write_config(json::Writer& writer, const Config& config) {
    writer.begin_object();
    write_server(writer, config.server);
    writer.key("admin").begin_object();
    write_members(writer, Section::admin, &config.admin);
    writer.key("has_token").boolean(!config.admin.token.empty()).end_object();
    writer.key("llm").begin_object();
    for (const upstream::UpstreamOptions& upstream : config.upstreams) {
        writer.key(upstream.name).begin_object();
        write_members(writer, Section::llm, &upstream);
        writer.key("has_token").boolean(!upstream.token.empty()).end_object();
    }
    writer.end_object().key("processor").begin_object();
    for (const pipeline::ProcessorOptions& processor : config.processors) {
        writer.key(processor.name).begin_object();
        write_members(writer, Section::processor, &processor);
        const ProcessorKind& kind = *find_processor_kind(processor.type);
        write_members(writer, kind.section, kind.options(processor.config));
        writer.end_object();
    }
    writer.end_object();
    write_table(writer, "keys", Section::keys, &config.keys);
    write_tables(writer, "key", Section::key, config.virtual_keys);
    write_tables(writer, "tenant", Section::tenant, config.tenants);
    write_table(writer, "cache", Section::cache, &config.cache);
    write_table(writer, "ledger", Section::ledger, &config.ledger);
    write_table(writer, "prices", Section::prices, &config.prices);
    write_table(writer, "traces", Section::traces, &config.traces);
    writer.key("route").begin_array();
    for (const pipeline::RouteOptions& route : config.routes) {
        writer.begin_object();
        write_members(writer, Section::route, &route);
        writer.end_object();
    }
    writer.end_array().end_object();
}

}  // namespace sluice::config
