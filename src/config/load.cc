// The steps of loading, in order.
#include "config/load.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "config/bind.h"
#include "config/cloud_credentials.h"
#include "config/default_config.h"
#include "config/flag_names.h"
#include "config/forms.h"
#include "config/guard_checks.h"
#include "config/named_overrides.h"
#include "config/nearest.h"
#include "config/places.h"
#include "config/pool_checks.h"
#include "config/price_overrides.h"
#include "config/processor_files.h"
#include "config/processor_forms.h"
#include "config/processor_kinds.h"
#include "config/provider_defaults.h"
#include "config/read_file.h"
#include "config/schema.h"
#include "config/secrets.h"
#include "config/toml_document.h"
#include "config/validate.h"
#include "config/validate_access.h"
#include "crypto/digest.h"

namespace sluice::config {

namespace {

constexpr std::string_view kRootKeys[] = {
    "server",     //
    "admin",      //
    "llm",        //
    "provider",   //
    "pool",       //
    "route",      //
    "processor",  //
    "keys",       //
    "key",        //
    "tenant",     //
    "cache",      //
    "ledger",     //
    "prices",     //
    "traces",     //
};

// The options struct of a section that is one table, const or not.
template <class AnyConfig>
auto* options_of(Section section, AnyConfig& config) {
    using Pointer = std::conditional_t<std::is_const_v<AnyConfig>, const void*, void*>;
    switch (section) {
        case Section::admin:
            return static_cast<Pointer>(&config.admin);
        case Section::cache:
            return static_cast<Pointer>(&config.cache);
        case Section::ledger:
            return static_cast<Pointer>(&config.ledger);
        case Section::traces:
            return static_cast<Pointer>(&config.traces);
        default:
            return static_cast<Pointer>(&config.server);
    }
}

class Loader {
public:
    Loader(const LoadOptions& options, Diagnostics& diagnostics)
        : options_(options), diagnostics_(diagnostics), binder_(places_, diagnostics) {}

    Config load(TomlNode root);
    // Whether the file, a flag or the environment says something about this path.
    bool has(std::string_view path) const { return places_.has(path); }

private:
    void unknown_roots(const TomlNode& root);
    void bind_server(TomlNode& root);
    void bind_certificates(TomlNode& server);
    void bind_admin(TomlNode& root);
    void bind_llms(TomlNode& root);
    void bind_pools(TomlNode& root);
    void bind_targets(const NamedTable& table, balance::PoolOptions& pool);
    void bind_ledger(TomlNode& root);
    void bind_prices(TomlNode& root);
    void bind_traces(TomlNode& root);
    void bind_routes(TomlNode& root);
    void bind_cache(TomlNode& root);
    void bind_processors(TomlNode& root);
    void bind_processor(const NamedTable& processor);
    void bind_access(TomlNode& root);
    template <class Options>
    void bind_named(TomlNode& root,
                    std::string_view form,
                    Section section,
                    size_t count_max,
                    std::vector<Options>& to);
    void apply_overrides();

    const LoadOptions& options_;
    Diagnostics& diagnostics_;
    Places places_;
    Binder binder_;
    Config config_;
};

Config Loader::load(TomlNode root) {
    unknown_roots(root);
    bind_server(root);
    bind_ledger(root);
    bind_prices(root);
    bind_traces(root);
    bind_admin(root);
    bind_llms(root);
    bind_pools(root);
    bind_routes(root);
    bind_processors(root);
    bind_access(root);
    bind_cache(root);
    apply_overrides();
    // Sockets want an address, and this is the one name everybody writes for one.
    if (config_.server.host == "localhost") {
        config_.server.host = "127.0.0.1";
    }
    fill_provider_defaults(config_, options_.environment, places_, diagnostics_);
    load_processor_files(config_, places_, diagnostics_);
    read_word_lists(config_, places_, diagnostics_);
    resolve_secrets(config_, options_.environment, places_, diagnostics_);
    resolve_cloud_credentials(config_, options_.environment, places_, diagnostics_);
    resolve_key_secrets(config_, options_.environment, places_, diagnostics_);
    complete_pools(config_, places_, diagnostics_);
    validate(config_, places_, diagnostics_);
    validate_access(config_, places_, diagnostics_);
    validate_processors(config_, places_, diagnostics_);
    return std::move(config_);
}

void Loader::unknown_roots(const TomlNode& root) {
    for (const TomlMember& member : root.members) {
        if (std::ranges::find(kRootKeys, member.key) != std::end(kRootKeys)) {
            continue;
        }
        std::string hint = did_you_mean(member.key, kRootKeys);
        if (find_setting(Section::server, member.key) != nullptr) {
            hint = fmt::format("; did you mean \"server.{}\"?", member.key);
        } else if (hint.empty()) {
            hint = fmt::format("; expected one of {}", fmt::join(kRootKeys, ", "));
        }
        diagnostics_.error(member.position, toml_key(member.key),
                           fmt::format("unknown setting{}", hint));
    }
}

void Loader::bind_server(TomlNode& root) {
    TomlNode* server = root.find("server");
    if (server == nullptr) {
        return;
    }
    binder_.bind(Section::server, &config_.server, *server, {"server", "server"}, server->position);
    bind_certificates(*server);
}

void Loader::bind_certificates(TomlNode& server) {
    TomlNode* tls = server.find("tls");
    TomlNode* certificates = tls == nullptr ? nullptr : tls->find("certificate");
    if (certificates == nullptr) {
        return;
    }
    if (certificates->kind != TomlKind::array) {
        diagnostics_.error(certificates->position, "server.tls.certificate",
                           fmt::format("is {}; expected [[server.tls.certificate]], with two "
                                       "brackets on either side",
                                       describe(certificates->kind)));
        return;
    }
    for (const TomlNode& table : certificates->items) {
        auto& list = config_.server.tls.certificates;
        const std::string path = fmt::format("server.tls.certificate[{}]", list.size());
        list.emplace_back();
        binder_.bind(Section::certificate, &list.back(), table, {path, path}, table.position);
    }
}

void Loader::bind_cache(TomlNode& root) {
    if (TomlNode* cache = root.find("cache"); cache != nullptr) {
        binder_.bind(Section::cache, &config_.cache, *cache, {"cache", "cache"}, cache->position);
    }
}

void Loader::bind_ledger(TomlNode& root) {
    if (const TomlNode* const ledger = root.find("ledger")) {
        binder_.bind(Section::ledger, &config_.ledger, *ledger, {"ledger", "ledger"},
                     ledger->position);
    }
}

void Loader::bind_prices(TomlNode& root) {
    if (TomlNode* const prices = root.find("prices")) {
        bind_price_overrides(*prices, config_.prices, diagnostics_);
        binder_.bind(Section::prices, &config_.prices, *prices, {"prices", "prices"},
                     prices->position);
    }
}

void Loader::bind_traces(TomlNode& root) {
    if (const TomlNode* const traces = root.find("traces")) {
        binder_.bind(Section::traces, &config_.traces, *traces, {"traces", "traces"},
                     traces->position);
    }
}

void Loader::bind_admin(TomlNode& root) {
    if (const TomlNode* admin = root.find("admin")) {
        binder_.bind(Section::admin, &config_.admin, *admin, {"admin", "admin"}, admin->position);
    }
}

void Loader::bind_llms(TomlNode& root) {
    for (const NamedTable& llm : map_llms(root, diagnostics_)) {
        if (config_.upstreams.size() == kUpstreamsMax) {
            diagnostics_.error(llm.position, llm.shown,
                               fmt::format("there are more than {} upstreams", kUpstreamsMax));
            return;
        }
        upstream::UpstreamOptions upstream;
        upstream.name = llm.name;
        binder_.bind(Section::llm, &upstream, *llm.table, {"llm." + llm.name, llm.shown},
                     llm.position);
        config_.upstreams.push_back(std::move(upstream));
    }
}

void Loader::bind_pools(TomlNode& root) {
    for (const NamedTable& table : named_tables(root, "pool", diagnostics_)) {
        if (config_.pools.size() == kPoolsMax) {
            diagnostics_.error(table.position, table.shown,
                               fmt::format("there are more than {} pools", kPoolsMax));
            return;
        }
        balance::PoolOptions& pool = config_.pools.emplace_back();
        pool.name = table.name;
        if (TomlNode* const strategy = table.table->find("strategy")) {
            strategy->text = canonical_strategy(strategy->text);
        }
        binder_.bind(Section::pool, &pool, *table.table, {"pool." + table.name, table.shown},
                     table.position);
        bind_targets(table, pool);
    }
}

void Loader::bind_targets(const NamedTable& table, balance::PoolOptions& pool) {
    const TomlNode* const targets = table.table->find("target");
    if (targets == nullptr) {
        return;
    }
    if (targets->kind != TomlKind::array) {
        diagnostics_.error(targets->position, table.shown + ".target",
                           fmt::format("is {}; expected [[{}.target]], with two brackets on "
                                       "either side",
                                       describe(targets->kind), table.shown));
        return;
    }
    for (const TomlNode& node : targets->items) {
        const std::string place = fmt::format(".target[{}]", pool.targets.size());
        pool.targets.emplace_back();
        binder_.bind(Section::pool_target, &pool.targets.back(), node,
                     {"pool." + table.name + place, table.shown + place}, node.position);
    }
}

void Loader::bind_routes(TomlNode& root) {
    TomlNode* routes = root.find("route");
    if (routes == nullptr) {
        return;
    }
    places_.record("route", {diagnostics_.file_name(), routes->position, "route"});
    if (routes->kind != TomlKind::array) {
        diagnostics_.error(routes->position, "route",
                           fmt::format("is {}; expected [[route]], with two brackets on either "
                                       "side",
                                       describe(routes->kind)));
        return;
    }
    for (TomlNode& table : routes->items) {
        if (config_.routes.size() == kRoutesMax) {
            diagnostics_.error(table.position, "route",
                               fmt::format("there are more than {} routes", kRoutesMax));
            return;
        }
        const std::string path = fmt::format("route[{}]", config_.routes.size());
        map_route(table, path, diagnostics_);
        config_.routes.emplace_back();
        binder_.bind(Section::route, &config_.routes.back(), table, {path, path}, table.position);
    }
}

void Loader::bind_processors(TomlNode& root) {
    for (const NamedTable& processor : named_tables(root, "processor", diagnostics_)) {
        if (config_.processors.size() == kProcessorsMax) {
            diagnostics_.error(processor.position, processor.shown,
                               fmt::format("there are more than {} processors", kProcessorsMax));
            return;
        }
        bind_processor(processor);
    }
}

// What all types have in common is one section, what only this one has is another.
void Loader::bind_processor(const NamedTable& processor) {
    pipeline::ProcessorOptions& options = config_.processors.emplace_back();
    options.name = processor.name;
    map_processor(*processor.table, processor.shown, config_.upstreams, diagnostics_);
    const TablePath path = {"processor." + processor.name, processor.shown};
    TomlNode common = *processor.table;
    TomlNode particular = *processor.table;
    const auto is_common = [](const TomlMember& member) {
        return find_setting(Section::processor, member.key) != nullptr;
    };
    std::erase_if(common.members, std::not_fn(is_common));
    std::erase_if(particular.members, is_common);
    const TomlNode* const type = common.find("type");
    if (const ProcessorKind* kind = find_processor_kind(type == nullptr ? "" : type->text)) {
        options.on_failure = kind->on_failure;
    }
    binder_.bind(Section::processor, &options, common, path, processor.position);
    if (const ProcessorKind* kind = find_processor_kind(options.type)) {
        binder_.bind(kind->section, kind->choose(options.config), particular, path,
                     processor.position);
    }
}

void Loader::bind_access(TomlNode& root) {
    if (TomlNode* keys = root.find("keys")) {
        binder_.bind(Section::keys, &config_.keys, *keys, {"keys", "keys"}, keys->position);
    }
    bind_named(root, "key", Section::key, kKeysMax, config_.virtual_keys);
    bind_named(root, "tenant", Section::tenant, kTenantsMax, config_.tenants);
}

// Tables that differ in their names only.
template <class Options>
void Loader::bind_named(TomlNode& root,
                        std::string_view form,
                        Section section,
                        size_t count_max,
                        std::vector<Options>& to) {
    for (const NamedTable& table : named_tables(root, form, diagnostics_)) {
        if (to.size() == count_max) {
            diagnostics_.error(table.position, table.shown,
                               fmt::format("there are more than {} of them", count_max));
            return;
        }
        Options options;
        options.name = table.name;
        binder_.bind(section, &options, *table.table,
                     {fmt::format("{}.{}", form, table.name), table.shown}, table.position);
        to.push_back(std::move(options));
    }
}

void Loader::apply_overrides() {
    for (const Override& override : options_.overrides) {
        const Setting& setting = *override.setting;
        const std::string path = path_of(override.section, setting);
        const auto value = parse_value(setting, override.text);
        if (!value) {
            diagnostics_.add({Severity::error, override.origin, {}, path, value.error()});
            continue;
        }
        if (override.section == Section::llm) {
            for (upstream::UpstreamOptions& upstream : config_.upstreams) {
                setting.access.set(&upstream, *value);
                const std::string place = fmt::format("llm.{}.{}", upstream.name, setting.key);
                places_.record(place, {override.origin, {}, place});
            }
            continue;
        }
        if (override.section == Section::pool) {
            for (balance::PoolOptions& pool : config_.pools) {
                setting.access.set(&pool, *value);
            }
            continue;
        }
        setting.access.set(options_of(override.section, config_), *value);
        places_.record(path, {override.origin, {}, path});
    }
}

}  // namespace

namespace {

void add_from_environment(Section section,
                          const Setting& setting,
                          const Environment& environment,
                          std::vector<Override>& to) {
    std::vector<std::string> names = environments_of(section, setting);
    // The name that follows from the key wins over a second one, so it comes last.
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        std::optional<std::string> value = environment(*name);
        // Kubernetes sets SLUICE_PORT=tcp://10.0.0.1:3000 in every pod beside a service of our
        // name.
        const bool is_meant =
            value && (setting.access.type != ValueType::integer || !value->contains("://"));
        if (is_meant) {
            to.push_back({section, &setting, *std::move(value), std::move(*name)});
        }
    }
}

}  // namespace

std::vector<Override> environment_overrides(const Environment& environment) {
    std::vector<Override> overrides;
    for (const Section section : kFlagSections) {
        for (const Setting& setting : settings(section)) {
            add_from_environment(section, setting, environment, overrides);
        }
    }
    for (const NamedOverride& named : named_overrides()) {
        const std::string name(named.variable);
        if (const std::optional<std::string> value = environment(name)) {
            add_overrides(named, *value, name, overrides);
        }
    }
    return overrides;
}

uint32_t LoadResult::error_count() const {
    return static_cast<uint32_t>(
        std::ranges::count(diagnostics, Severity::error, &Diagnostic::severity));
}

std::string LoadResult::report() const {
    std::string all;
    for (const Diagnostic& diagnostic : diagnostics) {
        all += diagnostic.to_string();
        all += '\n';
    }
    return all;
}

namespace {

std::string digest_of(std::string_view text) {
    return crypto::hex(crypto::sha256(text));
}

}  // namespace

LoadResult load_text(std::string_view name, std::string_view text, const LoadOptions& options) {
    LoadResult result;
    result.source = name;
    Diagnostics diagnostics(name);
    TomlNode root;
    if (parse_toml(text, root, diagnostics)) {
        Loader loader(options, diagnostics);
        Config config = loader.load(std::move(root));
        result.sets_admin_listen = loader.has("admin.listen");
        if (diagnostics.error_count() == 0) {
            result.config = std::move(config);
        }
    }
    result.diagnostics = diagnostics.take();
    return result;
}

std::string digest_of_file(const std::string& path) {
    const auto text = read_file(path, kConfigBytesMax);
    return text ? digest_of(*text) : "";
}

LoadResult load_file(const std::string& path, const LoadOptions& options) {
    const auto text = read_file(path, kConfigBytesMax);
    if (text) {
        LoadResult loaded = load_text(path, *text, options);
        loaded.digest = digest_of(*text);
        return loaded;
    }
    LoadResult result;
    result.source = path;
    result.diagnostics.push_back({Severity::error, path, {}, "", text.error()});
    return result;
}

LoadResult load_default(const LoadOptions& options) {
    const std::optional<std::string> key = options.environment(kDefaultKeyVariable);
    return load_text(kDefaultConfigName, default_config_text(key.has_value() && !key->empty()),
                     options);
}

std::vector<std::string> restart_needed(const Config& running, const Config& next) {
    std::vector<std::string> keys;
    for (const Section section :
         {Section::server, Section::admin, Section::cache, Section::ledger, Section::traces}) {
        for (const Setting& setting : settings(section)) {
            if (setting.reload == Reload::restart &&
                setting.access.get(options_of(section, running)) !=
                    setting.access.get(options_of(section, next))) {
                keys.push_back(path_of(section, setting));
            }
        }
    }
    return keys;
}

}  // namespace sluice::config
