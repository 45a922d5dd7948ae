// print_config: the table of settings, read from a Config and written as TOML.
#include "config/print.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "config/processor_kinds.h"
#include "config/schema.h"
#include "config/setting.h"

namespace sluice::config {

namespace {

constexpr size_t kCommentColumn = 48;  // Where the remark behind a value begins, if it can.

class Printer {
public:
    // One section's table with its groups. A group that cannot have an effect is left out unless
    // it was changed.
    void section(Section section,
                 const void* object,
                 const std::string& title,
                 const std::string& table,
                 std::string_view key_state,
                 std::span<const std::string_view> idle_groups);

    // Of a section that has no table of its own.
    void settings_of(Section section, const void* object) { group(section, object, "", ""); }

    std::string text;

private:
    void group(Section section,
               const void* object,
               std::string_view group,
               std::string_view key_state);
    void line(const Setting& setting,
              const void* object,
              const void* defaults,
              std::string_view key_state);
};

bool differs(const Setting& setting, const void* object, const void* defaults) {
    return setting.access.get(object) != setting.access.get(defaults);
}

bool group_changed(Section section, const void* object, std::string_view group) {
    for (const Setting& setting : settings(section)) {
        if (group_of(setting.key) == group && differs(setting, object, defaults_of(section))) {
            return true;
        }
    }
    return false;
}

void Printer::line(const Setting& setting,
                   const void* object,
                   const void* defaults,
                   std::string_view key_state) {
    std::string text_of_line =
        fmt::format("{} = {}", name_in_group(setting.key), to_toml(setting.access.get(object)));
    std::string remark;
    if (setting.key.starts_with("token_") && differs(setting, object, defaults)) {
        remark = key_state;
    } else if (!setting.is_required && differs(setting, object, defaults)) {
        remark = fmt::format("default: {}", to_toml(setting.access.get(defaults)));
    }
    if (!remark.empty()) {
        text_of_line.append(
            text_of_line.size() < kCommentColumn ? kCommentColumn - text_of_line.size() : 1, ' ');
        text_of_line += "# " + remark;
    }
    text += text_of_line + '\n';
}

void Printer::group(Section section,
                    const void* object,
                    std::string_view group,
                    std::string_view key_state) {
    for (const Setting& setting : settings(section)) {
        if (group_of(setting.key) == group) {
            line(setting, object, defaults_of(section), key_state);
        }
    }
}

void Printer::section(Section section,
                      const void* object,
                      const std::string& title,
                      const std::string& table,
                      std::string_view key_state,
                      std::span<const std::string_view> idle_groups) {
    text += fmt::format("\n{}\n", title);
    group(section, object, "", key_state);
    std::string_view last;
    for (const Setting& setting : settings(section)) {
        const std::string_view name = group_of(setting.key);
        if (name.empty() || name == last ||
            (std::ranges::find(idle_groups, name) != idle_groups.end() &&
             !group_changed(section, object, name))) {
            continue;
        }
        last = name;
        text += fmt::format("\n[{}.{}]\n", table, name);
        group(section, object, name, key_state);
    }
}

// "env:OPENAI_API_KEY (set)", of an upstream or of the admin API.
template <class Options>
std::string one_key_state(const Options& options) {
    const bool from_file = !options.token_file.empty();
    return fmt::format("{}:{} ({})", from_file ? "file" : "env",
                       from_file ? options.token_file : options.token_env,
                       options.token.empty() ? "not set" : "set");
}

// The same, or "2 of 3 keys set".
std::string key_state(const upstream::UpstreamOptions& upstream) {
    const size_t named = upstream.token_envs.size() + upstream.token_files.size();
    if (named > 0) {
        const size_t set = (upstream.token.empty() ? 0U : 1U) + upstream.sibling_tokens.size();
        return fmt::format("{} of {} keys set", set, named);
    }
    return one_key_state(upstream);
}

// The groups that mean nothing to this kind of upstream.
std::span<const std::string_view> idle_groups(const upstream::UpstreamOptions& upstream) {
    static constexpr std::string_view kOfRemote[] = {"simulator"};
    static constexpr std::string_view kOfSimulated[] = {"pool", "tls"};
    if (upstream.is_simulated()) {
        return kOfSimulated;
    }
    return kOfRemote;
}

void print_pools(const Config& config, Printer& printer) {
    for (const balance::PoolOptions& pool : config.pools) {
        const std::string table = "pool." + toml_key(pool.name);
        printer.section(Section::pool, &pool, fmt::format("[{}]", table), table, "", {});
        for (const balance::TargetOptions& target : pool.targets) {
            if (!pool.is_short) {
                printer.section(Section::pool_target, &target, fmt::format("[[{}.target]]", table),
                                "", "", {});
            }
        }
    }
}

void print_access(const Config& config, Printer& printer) {
    if (config.keys != access::KeyStoreOptions{}) {
        printer.section(Section::keys, &config.keys, "[keys]", "keys", "", {});
    }
    for (const access::TenantOptions& tenant : config.tenants) {
        const std::string table = "tenant." + toml_key(tenant.name);
        printer.section(Section::tenant, &tenant, fmt::format("[{}]", table), table, "", {});
    }
    for (const access::KeyOptions& key : config.virtual_keys) {
        const std::string table = "key." + toml_key(key.name);
        printer.section(Section::key, &key, fmt::format("[{}]", table), table, "", {});
    }
}

}  // namespace

std::string print_config(const Config& config, std::string_view source) {
    Printer printer;
    printer.text = fmt::format("# Effective configuration from {}\n", source);
    printer.section(Section::server, &config.server, "[server]", "server", "", {});
    for (const net::CertificateOptions& certificate : config.server.tls.certificates) {
        printer.section(Section::certificate, &certificate, "[[server.tls.certificate]]", "", "",
                        {});
    }
    printer.section(Section::ledger, &config.ledger, "[ledger]", "ledger", "", {});
    printer.section(Section::prices, &config.prices, "[prices]", "prices", "", {});
    for (const providers::PriceOverride& override : config.prices.overrides) {
        printer.text += fmt::format("\n[prices.models.{}]\n", toml_key(override.model));
        for (const auto& [name, amount] : override.fields) {
            printer.text += fmt::format("{} = {}\n", toml_key(name), amount);
        }
    }
    printer.section(Section::traces, &config.traces, "[traces]", "traces", "", {});
    printer.section(Section::admin, &config.admin, "[admin]", "admin", one_key_state(config.admin),
                    {});
    for (const upstream::UpstreamOptions& upstream : config.upstreams) {
        const std::string table = "llm." + toml_key(upstream.name);
        printer.section(Section::llm, &upstream, fmt::format("[{}]", table), table,
                        key_state(upstream), idle_groups(upstream));
    }
    print_pools(config, printer);
    for (const pipeline::ProcessorOptions& processor : config.processors) {
        const std::string table = "processor." + toml_key(processor.name);
        printer.section(Section::processor, &processor, fmt::format("[{}]", table), table, "", {});
        const ProcessorKind& kind = *find_processor_kind(processor.type);
        printer.settings_of(kind.section, kind.options(processor.config));
    }
    print_access(config, printer);
    printer.section(Section::cache, &config.cache, "[cache]", "cache", "", {});
    for (const pipeline::RouteOptions& route : config.routes) {
        printer.section(Section::route, &route, "[[route]]", "", "", {});
    }
    return std::move(printer.text);
}

}  // namespace sluice::config
