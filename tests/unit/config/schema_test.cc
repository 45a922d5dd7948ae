// The table of settings against the options structs: nothing is missing, nothing is said twice,
// every range fits its member.
#include "config/schema.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "access/options.h"
#include "balance/options.h"
#include "cache/options.h"
#include "config/flag_names.h"
#include "config/processor_kinds.h"
#include "config/setting.h"
#include "http/limits.h"
#include "http/options.h"
#include "ledger/options.h"
#include "net/options.h"
#include "pipeline/options.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "providers/price_options.h"
#include "server/options.h"
#include "trace/options.h"
#include "upstream/options.h"

namespace sluice::config {
namespace {

// Stands for a value of any type except the aggregate that is being counted.
template <class Counted>
struct Anything {
    template <class T>
        requires(!std::same_as<T, Counted>)
    operator T() const;
};

template <class T, size_t... kIndices>
constexpr bool takes(std::index_sequence<kIndices...>) {
    return requires { T{(static_cast<void>(kIndices), Anything<T>{})...}; };
}

// How many members the aggregate T has: the largest number of initializers that it takes.
template <class T, size_t kCount = 1>
constexpr size_t member_count() {
    if constexpr (takes<T>(std::make_index_sequence<kCount + 1>())) {
        return member_count<T, kCount + 1>();
    } else {
        return kCount;
    }
}

TEST(Schema, CountsMembers) {
    struct Three {
        int a;
        std::string b;
        net::SocketOptions c;
    };
    static_assert(member_count<Three>() == 3);
    static_assert(member_count<net::BufferRingOptions>() == 3);
}

template <class T>
size_t settings_of(Section section, const T& defaults) {
    std::set<const void*> addresses;
    for (const Setting& setting : settings(section)) {
        addresses.insert(setting.access.address(&defaults));
    }
    EXPECT_EQ(addresses.size(), settings(section).size()) << "two settings share a member";
    return addresses.size();
}

// A member without a setting, or the other way round, makes these sums differ.
TEST(Schema, NamesEveryMember) {
    constexpr size_t kServer =
        member_count<server::ServerOptions>() - 7 + member_count<server::AccessLogOptions>() +
        member_count<net::TlsServerOptions>() - 1 + member_count<net::BufferRingOptions>() +
        member_count<net::SocketOptions>() + member_count<http::ServerConnectionOptions>() - 1 +
        member_count<http::MessageLimits>() + member_count<pipeline::RemoteContentOptions>() +
        member_count<pipeline::ContentCaptureOptions>();
    EXPECT_EQ(settings_of(Section::server, server::ServerOptions()), kServer);
    EXPECT_EQ(settings_of(Section::certificate, net::CertificateOptions()),
              member_count<net::CertificateOptions>());
    // `token` is what was found.
    EXPECT_EQ(settings_of(Section::admin, server::AdminOptions()),
              member_count<server::AdminOptions>() - 1);
    // `name` is the table's own name, the tokens are what was found under token_env and its like,
    // `origin` and `instance` are of members that were found; of the provider's options, eight are
    // found in files and in the environment.
    constexpr size_t kLlm =
        member_count<upstream::UpstreamOptions>() - 5 - 6 +
        member_count<upstream::ProviderOptions>() - 8 + member_count<upstream::UpstreamTimeouts>() +
        member_count<upstream::PoolOptions>() + member_count<upstream::RetryOptions>() +
        member_count<net::TlsClientOptions>() + member_count<upstream::SimulatorOptions>();
    EXPECT_EQ(settings_of(Section::llm, upstream::UpstreamOptions()), kLlm);
    // `instance` is what was found.
    constexpr size_t kTarget = member_count<balance::TargetOptions>() - 1;
    // `name`, `targets` and `is_short` are made of what stands elsewhere in the file.
    constexpr size_t kPool =
        member_count<balance::PoolOptions>() - 3 - 9 + member_count<balance::HealthOptions>() +
        member_count<balance::DiscoveryOptions>() - 1 + kTarget +
        member_count<balance::EngineMetricsOptions>() + member_count<balance::FailOverOptions>() +
        member_count<balance::BreakerOptions>() + member_count<balance::OutlierOptions>() +
        member_count<balance::HedgeOptions>() + member_count<balance::AdaptiveLimitOptions>() +
        member_count<balance::QueueOptions>();
    EXPECT_EQ(settings_of(Section::pool, balance::PoolOptions()), kPool);
    EXPECT_EQ(settings_of(Section::pool_target, balance::TargetOptions()), kTarget);
    EXPECT_EQ(settings_of(Section::route, pipeline::RouteOptions()),
              member_count<pipeline::RouteOptions>());
    EXPECT_EQ(settings_of(Section::cache, cache::CacheOptions()),
              member_count<cache::CacheOptions>());
}

// The password is what was found elsewhere; overrides are tables of their own.
TEST(Schema, NamesEveryMemberOfLedgerAndPrices) {
    EXPECT_EQ(settings_of(Section::ledger, ledger::LedgerOptions()),
              member_count<ledger::LedgerOptions>() - 1);
    EXPECT_EQ(settings_of(Section::prices, providers::PriceOptions()),
              member_count<providers::PriceOptions>() - 1);
}

// Secret headers are what was found elsewhere; `tls` has its own members.
TEST(Schema, NamesEveryMemberOfTraces) {
    EXPECT_EQ(settings_of(Section::traces, trace::TraceOptions()),
              member_count<trace::TraceOptions>() - 2 + member_count<net::TlsClientOptions>());
}

// Of what all types have in common, `name` is the table's own name and `config` is set by the type.
TEST(Schema, NamesEveryMemberOfProcessors) {
    const pipeline::ProcessorOptions options;
    [[maybe_unused]] const auto& [name, type, when, on_failure, config] =
        options;  // All there are.
    EXPECT_EQ(settings_of(Section::processor, options), 3U);
    EXPECT_EQ(settings_of(Section::processor_authenticate, pipeline::AuthenticateOptions()),
              member_count<pipeline::AuthenticateOptions>());
    EXPECT_EQ(settings_of(Section::processor_budget, pipeline::BudgetOptions()),
              member_count<pipeline::BudgetOptions>());
    EXPECT_EQ(settings_of(Section::processor_cache, pipeline::CacheStepOptions()),
              member_count<pipeline::CacheStepOptions>());
    EXPECT_EQ(settings_of(Section::processor_coalesce, pipeline::CoalesceOptions()),
              member_count<pipeline::CoalesceOptions>());
    EXPECT_EQ(settings_of(Section::processor_cost_meter, pipeline::CostMeterOptions()),
              member_count<pipeline::CostMeterOptions>());
    EXPECT_EQ(settings_of(Section::processor_enhancer, pipeline::EnhancerOptions()),
              member_count<pipeline::EnhancerOptions>());
    // `file_words` is what was found under words_file.
    EXPECT_EQ(settings_of(Section::processor_guard, pipeline::GuardOptions()),
              member_count<pipeline::GuardOptions>() - 1);
    EXPECT_EQ(settings_of(Section::processor_headers, pipeline::HeadersOptions()),
              member_count<pipeline::HeadersOptions>());
    EXPECT_EQ(settings_of(Section::processor_logging, pipeline::LoggingOptions()),
              member_count<pipeline::LoggingOptions>());
    // One more is what was found in the file.
    EXPECT_EQ(settings_of(Section::processor_system_prompt, pipeline::SystemPromptOptions()),
              member_count<pipeline::SystemPromptOptions>() - 1);
    EXPECT_EQ(settings_of(Section::processor_transform, pipeline::TransformOptions()),
              member_count<pipeline::TransformOptions>());
    EXPECT_EQ(settings_of(Section::processor_validation, pipeline::ValidationOptions()),
              member_count<pipeline::ValidationOptions>());
    EXPECT_EQ(
        settings_of(Section::processor_rate_limit, pipeline::RateLimitOptions()),
        member_count<pipeline::RateLimitOptions>() - 1 + member_count<access::LimitOptions>());
}

// `name` is the table's own name; `hash` and `display` are of what was found as the secret.
TEST(Schema, NamesEveryMemberOfKeysAndTenants) {
    EXPECT_EQ(settings_of(Section::keys, access::KeyStoreOptions()),
              member_count<access::KeyStoreOptions>());
    constexpr size_t kLimits =
        member_count<access::LimitOptions>() + member_count<access::BudgetSettings>();
    EXPECT_EQ(settings_of(Section::key, access::KeyOptions()),
              member_count<access::KeyOptions>() - 3 - 2 + kLimits);
    EXPECT_EQ(settings_of(Section::tenant, access::TenantOptions()),
              member_count<access::TenantOptions>() - 1 - 2 + kLimits);
}

TEST(Schema, HasASectionForEveryTypeOfProcessor) {
    std::vector<std::string_view> types;
    for (const pipeline::ProcessorType& type : pipeline::processor_types()) {
        types.push_back(type.name);
        const ProcessorKind* const kind = find_processor_kind(type.name);
        ASSERT_NE(kind, nullptr) << type.name;
        pipeline::ProcessorConfig config;
        kind->choose(config);
        EXPECT_EQ(config.index(), type.config_index) << type.name;
        EXPECT_NE(kind->options(config), nullptr) << type.name;
    }
    EXPECT_EQ(types.size(), processor_type_names().size());
    EXPECT_TRUE(std::ranges::is_sorted(types));
}

TEST(Schema, SpellsEverySettingOnce) {
    std::set<std::string> flags;
    std::set<std::string> variables;
    for (const Section section : kSections) {
        std::set<std::string_view> keys;
        for (const Setting& setting : settings(section)) {
            EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
            EXPECT_EQ(find_setting(section, setting.key), &setting);
            EXPECT_FALSE(name_in_group(setting.key).contains('.')) << "one level of groups";
            if (std::ranges::find(kFlagSections, section) == std::end(kFlagSections)) {
                EXPECT_EQ(setting.second_flag, "") << "its section has no flags";
                EXPECT_EQ(setting.second_environment, "") << "its section has no flags";
                continue;
            }
            for (const std::string& flag : flags_of(section, setting)) {
                EXPECT_TRUE(flags.insert(flag).second) << flag;
                EXPECT_EQ(find_flag(flag).value().setting, &setting);
                EXPECT_EQ(find_flag(flag).value().section, section);
            }
            for (const std::string& variable : environments_of(section, setting)) {
                EXPECT_TRUE(variables.insert(variable).second) << variable;
            }
        }
    }
    EXPECT_TRUE(flags.contains("--http-head-timeout-ms"));
    EXPECT_TRUE(variables.contains("SLUICE_HTTP_HEAD_TIMEOUT_MS"));
    EXPECT_TRUE(flags.contains("--log-level"));
    EXPECT_TRUE(flags.contains("--admin-listen"));
    EXPECT_TRUE(variables.contains("SLUICE_ADMIN_TOKEN_FILE"));
    EXPECT_FALSE(find_flag("--listen"));
}

TEST(Schema, GivesASettingASecondName) {
    Setting plain;
    plain.key = "bytes_max";
    EXPECT_EQ(flags_of(Section::admin, plain), std::vector<std::string>{"--admin-bytes-max"});
    const Setting named = plain.also_flag("--size").also_environment("PUBLISHED_SIZE");
    EXPECT_EQ(flags_of(Section::admin, named),
              (std::vector<std::string>{"--admin-bytes-max", "--size"}));
    EXPECT_EQ(environments_of(Section::server, named),
              (std::vector<std::string>{"SLUICE_BYTES_MAX", "PUBLISHED_SIZE"}));
}

TEST(Schema, ExplainsEverySetting) {
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            EXPECT_TRUE(setting.help.ends_with('.')) << setting.key;
            EXPECT_FALSE(setting.help.contains('\n')) << setting.key;
        }
    }
}

TEST(Schema, NamesUnitsOfNumbers) {
    // Keys of integers end in a unit, in _max or _min of something countable, or count themselves.
    const std::set<std::string_view> counts = {"port",
                                               "shards",
                                               "listen_backlog",
                                               "tokens",
                                               "tokens_default",
                                               "embedding_dimensions",
                                               "window_blocks",
                                               "requests_burst",
                                               "tokens_burst",
                                               "max_retries",
                                               "retry_budget_percent",
                                               "max_tokens",
                                               "answer_tokens_default",
                                               "hold_events",
                                               "percentile",
                                               "weight",
                                               "priority",
                                               "cache_tokens",
                                               "requests_initial"};
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            const std::string_view name = name_in_group(setting.key);
            const bool has_unit =
                name.ends_with("_ms") || name.ends_with("_us") || name.ends_with("_s") ||
                name.ends_with("_days") || name.ends_with("_bytes") || name.ends_with("_max") ||
                name.ends_with("_min") || name.contains("_per_") || name.ends_with("_percent");
            if (setting.access.type == ValueType::integer) {
                EXPECT_TRUE(has_unit || counts.contains(name)) << setting.key;
            }
        }
    }
}

TEST(Schema, AcceptsItsOwnDefaults) {
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            if (!setting.is_required) {
                EXPECT_EQ(value_problem(setting, setting.access.get(defaults_of(section))), "")
                    << setting.key;
            }
        }
    }
}

// An options struct of each section.
class Objects {
public:
    void* of(Section section) {
        for (const ProcessorKind& kind : processor_kinds()) {
            if (kind.section == section) {
                return kind.choose(processor_.config);
            }
        }
        switch (section) {
            case Section::server:
                return &server_;
            case Section::admin:
                return &admin_;
            case Section::certificate:
                return &certificate_;
            case Section::llm:
                return &upstream_;
            case Section::pool:
                return &pool_;
            case Section::pool_target:
                return &target_;
            case Section::route:
                return &route_;
            case Section::processor:
                return &processor_;
            case Section::keys:
                return &keys_;
            case Section::key:
                return &key_;
            case Section::tenant:
                return &tenant_;
            case Section::cache:
                return &cache_;
            case Section::ledger:
                return &ledger_;
            case Section::prices:
                return &prices_;
            case Section::traces:
                return &traces_;
            default:
                return nullptr;
        }
    }

private:
    server::ServerOptions server_;
    server::AdminOptions admin_;
    net::CertificateOptions certificate_;
    upstream::UpstreamOptions upstream_;
    balance::PoolOptions pool_;
    balance::TargetOptions target_;
    pipeline::RouteOptions route_;
    pipeline::ProcessorOptions processor_;
    access::KeyStoreOptions keys_;
    access::KeyOptions key_;
    access::TenantOptions tenant_;
    cache::CacheOptions cache_;
    ledger::LedgerOptions ledger_;
    providers::PriceOptions prices_;
    trace::TraceOptions traces_;
};

// Writing the ends of each range and reading them back shows that the member can hold them.
TEST(Schema, RangesFitTheirMembers) {
    Objects objects;
    for (const Section section : kSections) {
        void* object = objects.of(section);
        for (const Setting& setting : settings(section)) {
            if (setting.access.type != ValueType::integer) {
                continue;
            }
            EXPECT_LT(setting.min, setting.max) << setting.key;
            for (const int64_t value : {setting.min, setting.max}) {
                setting.access.set(object, value);
                EXPECT_EQ(std::get<int64_t>(setting.access.get(object)), value) << setting.key;
                EXPECT_EQ(value_problem(setting, value), "") << setting.key;
            }
        }
    }
}

TEST(Schema, EveryChoiceCanBeSetAndRead) {
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            for (const std::string_view choice : setting.access.choices) {
                Objects objects;
                void* object = objects.of(section);
                setting.access.set(object, std::string(choice));
                EXPECT_EQ(std::get<std::string>(setting.access.get(object)), choice);
            }
        }
    }
}

TEST(Schema, RefusesWhatIsNoPowerOfTwo) {
    const Setting* setting = find_setting(Section::server, "buffers.block_bytes");
    ASSERT_NE(setting, nullptr);
    EXPECT_EQ(value_problem(*setting, int64_t{16'384}), "");
    EXPECT_EQ(value_problem(*setting, int64_t{16'385}),
              "16385 is not a power of two; expected a power of two from 4096 to 262144");
}

TEST(ParseValue, ReadsFlagsAndVariables) {
    const auto parse = [](std::string_view key, std::string_view text) {
        return parse_value(*find_setting(Section::server, key), text);
    };
    EXPECT_EQ(parse("port", "8080"), Value(int64_t{8080}));
    EXPECT_EQ(parse("pin_shards", "false"), Value(false));
    EXPECT_EQ(parse("log_level", "debug"), Value(std::string("debug")));
    EXPECT_EQ(parse("cors_allowed_origins", "https://a.example, https://b.example:8443"),
              Value(TextList{"https://a.example", "https://b.example:8443"}));
    EXPECT_EQ(parse("cors_allowed_origins", ""), Value(TextList{}));
    for (const std::string_view wrong : {"", "80x", "+80", "8 0", "0x50", "99999999999999999999"}) {
        EXPECT_FALSE(parse("port", wrong)) << wrong;
    }
    EXPECT_EQ(parse("port", "-1").error(),
              "-1 is out of range; expected an integer from 0 to 65535");
    EXPECT_EQ(parse("pin_shards", "yes").error(), "\"yes\" is wrong; expected true or false");
}

}  // namespace
}  // namespace sluice::config
