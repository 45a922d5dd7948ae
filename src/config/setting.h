// Setting: one line of the table that drives everything the configuration does: loading, range
// checks, print-config, --help, environment and flags, the reference page.
//
// A Setting reads and writes one member of one options struct through erased accessors; the table
// itself is in schema_*.cc. All constant, shared by every thread.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::config {

using TextList = std::vector<std::string>;
using TextPairs = std::vector<std::pair<std::string, std::string>>;

// The alternatives stand in the order of ValueType, with text also carrying a choice.
using Value = std::variant<bool, int64_t, double, std::string, TextList, TextPairs>;

enum class ValueType : uint8_t { boolean, integer, fraction, text, choice, text_list, pairs };

// Whether SIGHUP applies a change, or only a new start.
enum class Reload : uint8_t { live, restart };

// The tables of the file. Each has its own options struct.
enum class Section : uint8_t {
    server,       // [server]: ServerOptions
    admin,        // [admin]: AdminOptions
    certificate,  // [[server.tls.certificate]]: CertificateOptions
    llm,          // [llm.NAME]: UpstreamOptions
    route,        // [[route]]: RouteOptions
    processor,    // [processor.NAME]: ProcessorOptions; each type has a section besides.
    processor_cost_meter,
    processor_enhancer,
    processor_guard,
    processor_authenticate,
    processor_budget,
    processor_cache,
    processor_coalesce,
    processor_headers,
    processor_rate_limit,
    keys,    // [keys]: KeyStoreOptions
    key,     // [key.NAME]: KeyOptions
    tenant,  // [tenant.NAME]: TenantOptions
    cache,   // [cache]: CacheOptions
    processor_logging,
    processor_system_prompt,
    processor_transform,
    processor_validation,
    ledger,       // [ledger]: LedgerOptions
    prices,       // [prices]: PriceOptions
    traces,       // [traces]: TraceOptions
    pool,         // [pool.NAME]: PoolOptions
    pool_target,  // [[pool.NAME.target]]: TargetOptions
};

// What is wrong with a text, with what was expected; "" when nothing is. It must not repeat the
// text unless that cannot be a secret.
using TextCheck = std::string (*)(std::string_view text);
using PairCheck = std::string (*)(std::string_view name, std::string_view value);

// Reads and writes the member that a setting stands for; `object` is the section's options struct.
struct Accessor {
    ValueType type = ValueType::boolean;
    std::span<const std::string_view> choices;  // For ValueType::choice, by enumerator.
    Value (*get)(const void* object) = nullptr;
    // The value has the right type, and passed the setting's checks.
    void (*set)(void* object, const Value& value) = nullptr;
    const void* (*address)(const void* object) = nullptr;
};

struct Setting {
    std::string_view key;  // Below its section's table; dots lead into sub-tables.
    Accessor access;
    std::string_view help;
    int64_t min = 0;  // For integers and fractions.
    int64_t max = 0;
    bool is_power_of_two = false;  // Besides the range.
    bool is_required = false;
    Reload reload = Reload::live;
    std::span<const std::string_view> known = {};  // The texts that are allowed; empty: any.
    TextCheck check_text = nullptr;                // For a text, and for each one of a list.
    PairCheck check_pair = nullptr;
    // A second, published name; flags with their dashes. Only in sections that have flags.
    std::string_view second_flag = {};
    std::string_view second_environment = {};

    // Builders, so that a line of the table says only what is particular about it.
    constexpr Setting range(int64_t lowest, int64_t highest) const {
        Setting copy = *this;
        copy.min = lowest;
        copy.max = highest;
        return copy;
    }
    constexpr Setting power_of_two() const {
        Setting copy = *this;
        copy.is_power_of_two = true;
        return copy;
    }
    constexpr Setting required() const {
        Setting copy = *this;
        copy.is_required = true;
        return copy;
    }
    constexpr Setting restart() const {
        Setting copy = *this;
        copy.reload = Reload::restart;
        return copy;
    }
    constexpr Setting one_of(std::span<const std::string_view> texts) const {
        Setting copy = *this;
        copy.known = texts;
        return copy;
    }
    constexpr Setting check(TextCheck function) const {
        Setting copy = *this;
        copy.check_text = function;
        return copy;
    }
    constexpr Setting check_each(PairCheck function) const {
        Setting copy = *this;
        copy.check_pair = function;
        return copy;
    }
    constexpr Setting also_flag(std::string_view flag) const {
        Setting copy = *this;
        copy.second_flag = flag;
        return copy;
    }
    constexpr Setting also_environment(std::string_view variable) const {
        Setting copy = *this;
        copy.second_environment = variable;
        return copy;
    }
};

// The parts of a key: "http" and "head_timeout_ms" of "http.head_timeout_ms"; a key without a dot
// has an empty group.
std::string_view group_of(std::string_view key);
std::string_view name_in_group(std::string_view key);

// "an integer from 0 to 65535", "a string", "one of \"human\", \"json\"" ...
std::string expected_value(const Setting& setting);

// What is wrong with a value that has the setting's type, with what was expected; "" when nothing
// is. Lists and pairs are checked one by one.
std::string integer_problem(const Setting& setting, int64_t value);
std::string fraction_problem(const Setting& setting, double value);
std::string text_problem(const Setting& setting, std::string_view text);
std::string value_problem(const Setting& setting, const Value& value);

// A value from a flag or an environment variable: lists are separated by commas, pairs are
// "name=value". The error is what is wrong with it.
std::expected<Value, std::string> parse_value(const Setting& setting, std::string_view text);

// A value as TOML.
std::string to_toml(const Value& value);
// A text as a TOML string, and a key as TOML wants it: bare where that is possible.
std::string toml_text(std::string_view text);
std::string toml_key(std::string_view key);

}  // namespace sluice::config
