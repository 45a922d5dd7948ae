// Fields are named by what they price, then a threshold, then a tier:
//
//     cache_read_input_token_cost _above_200k_tokens _priority
//
// All are gathered as they are found; then each row takes, for each of its rates, the most specific
// field there is. A threshold is stronger than a tier, so that a long prompt is never charged as a
// short one.
#include "providers/price_entry.h"

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/decimal.h"
#include "base/text.h"
#include "json/rfc3339.h"
#include "json/tree.h"
#include "providers/price_table.h"

namespace sluice::providers {

namespace {

constexpr int64_t kTokensPerK = 1'000;
// A dollar for a token: what costs more was written in another unit.
constexpr int64_t kRateMax = kPicoPerDollar;

enum class Kind : uint8_t {
    input,
    cache_read,
    cache_hit,  // DeepSeek's older name of cache_read.
    cache_write,
    cache_write_1h,
    output,
    reasoning,
    input_audio,
    input_image,
    output_audio,
    output_image,
};

constexpr std::pair<std::string_view, Kind> kFields[] = {
    {"input_cost_per_token", Kind::input},
    {"cache_read_input_token_cost", Kind::cache_read},
    {"input_cost_per_token_cache_hit", Kind::cache_hit},
    {"cache_creation_input_token_cost", Kind::cache_write},
    {"cache_creation_input_token_cost_above_1hr", Kind::cache_write_1h},
    {"output_cost_per_token", Kind::output},
    {"output_cost_per_reasoning_token", Kind::reasoning},
    {"input_cost_per_audio_token", Kind::input_audio},
    {"input_cost_per_image_token", Kind::input_image},
    {"output_cost_per_audio_token", Kind::output_audio},
    {"output_cost_per_image_token", Kind::output_image},
};

constexpr std::pair<std::string_view, ServiceTier> kTierSuffixes[] = {
    {"_flex", ServiceTier::flex},
    {"_priority", ServiceTier::priority},
    {"_batches", ServiceTier::batch},
};

struct FieldName {
    Kind kind = Kind::input;
    int64_t above_tokens = 0;
    ServiceTier tier = ServiceTier::standard;
};

struct FoundRate {
    FieldName name;
    int64_t rate = 0;
};

// "_above_200k_tokens", "_flex", both or nothing.
bool read_suffix(std::string_view suffix, FieldName& name) {
    constexpr std::string_view kAbove = "_above_";
    constexpr std::string_view kTokens = "k_tokens";
    if (suffix.starts_with(kAbove)) {
        const size_t end = suffix.find(kTokens);
        if (end == std::string_view::npos) {
            return false;
        }
        const auto number = parse_decimal(suffix.substr(kAbove.size(), end - kAbove.size()));
        if (!number || *number == 0 || *number > UINT32_MAX) {
            return false;
        }
        name.above_tokens = static_cast<int64_t>(*number) * kTokensPerK;
        suffix.remove_prefix(end + kTokens.size());
    }
    for (const auto& [text, tier] : kTierSuffixes) {
        if (suffix == text) {
            name.tier = tier;
            return true;
        }
    }
    return suffix.empty();
}

std::optional<FieldName> read_name(std::string_view key) {
    for (const auto& [text, kind] : kFields) {
        FieldName name = {.kind = kind};
        if (key.starts_with(text) && read_suffix(key.substr(text.size()), name)) {
            return name;
        }
    }
    return std::nullopt;
}

std::string complaint(std::string_view key, std::string_view what) {
    return std::string(key) + ": " + std::string(what);
}

// An amount of dollars. Null is nothing.
std::expected<std::optional<int64_t>, std::string> read_amount(const json::Value& value,
                                                               std::string_view key,
                                                               int64_t most) {
    if (value.is_nothing()) {
        return std::nullopt;
    }
    if (!value.is_number()) {
        return std::unexpected(complaint(key, "is not a number"));
    }
    const auto amount = parse_scaled(value.raw(), kPicoPlaces);
    if (!amount || *amount > most) {
        return std::unexpected(complaint(key, "is out of range"));
    }
    return amount;
}

// The rates among the members of an object.
std::expected<std::vector<FoundRate>, std::string> gather(const json::Value& object) {
    std::vector<FoundRate> found;
    for (const json::Value& member : object) {
        const auto name = read_name(member.key().raw);
        if (!name) {
            continue;
        }
        const auto rate = read_amount(member, member.key().raw, kRateMax);
        if (!rate) {
            return std::unexpected(rate.error());
        }
        if (const auto& amount = *rate; amount.has_value()) {
            found.push_back({*name, *amount});
        }
    }
    return found;
}

// The most specific rate of a kind for prompts above `above_tokens`.
int64_t pick(std::span<const FoundRate> found, Kind kind, int64_t above_tokens, ServiceTier tier) {
    const FoundRate* best = nullptr;
    for (const FoundRate& one : found) {
        const FieldName& name = one.name;
        if (name.kind != kind || name.above_tokens > above_tokens ||
            (name.tier != tier && name.tier != ServiceTier::standard)) {
            continue;
        }
        if (best == nullptr || name.above_tokens > best->name.above_tokens ||
            (name.above_tokens == best->name.above_tokens &&
             best->name.tier == ServiceTier::standard)) {
            best = &one;
        }
    }
    return best == nullptr ? Rates::kNone : best->rate;
}

int64_t first_of(int64_t one, int64_t other) {
    return one != Rates::kNone ? one : other;
}

Rates make_row(std::span<const FoundRate> found, int64_t above_tokens, ServiceTier tier) {
    const auto rate = [&](Kind kind) { return pick(found, kind, above_tokens, tier); };
    Rates row;
    row.input = rate(Kind::input);
    row.output = rate(Kind::output);
    row.cache_read = first_of(first_of(rate(Kind::cache_read), rate(Kind::cache_hit)), row.input);
    row.cache_write = first_of(rate(Kind::cache_write), row.input);
    row.cache_write_1h = first_of(rate(Kind::cache_write_1h), row.cache_write);
    row.reasoning = first_of(rate(Kind::reasoning), row.output);
    row.input_audio = rate(Kind::input_audio);
    row.input_image = rate(Kind::input_image);
    row.output_audio = rate(Kind::output_audio);
    row.output_image = rate(Kind::output_image);
    return row;
}

PriceBracket make_bracket(std::span<const FoundRate> found,
                          int64_t above_tokens,
                          int64_t fields_above_tokens) {
    PriceBracket bracket = {.above_tokens = above_tokens, .tiers = {}};
    for (size_t i = 0; i < kServiceTiers; ++i) {
        bracket.tiers[i] = make_row(found, fields_above_tokens, static_cast<ServiceTier>(i));
    }
    return bracket;
}

std::vector<PriceBracket> make_brackets(std::span<const FoundRate> found) {
    std::vector<int64_t> thresholds = {0};
    for (const FoundRate& one : found) {
        thresholds.push_back(one.name.above_tokens);
    }
    std::ranges::sort(thresholds);
    thresholds.erase(std::ranges::unique(thresholds).begin(), thresholds.end());
    std::vector<PriceBracket> brackets;
    brackets.reserve(thresholds.size());
    for (const int64_t above : thresholds) {
        brackets.push_back(make_bracket(found, above, above));
    }
    return brackets;
}

// tiered_pricing: [{"range": [0, 32000], "input_cost_per_token": ...}, ...]
std::expected<std::vector<PriceBracket>, std::string> read_tiers(const json::Value& tiers) {
    constexpr std::string_view kKey = "tiered_pricing";
    if (!tiers.is_array()) {
        return std::unexpected(complaint(kKey, "is not an array"));
    }
    std::vector<PriceBracket> brackets;
    for (const json::Value& tier : tiers) {
        const json::Value& range = tier["range"];
        if (!range.is_array() || range.size() != 2 || !range.begin()->is_number()) {
            return std::unexpected(complaint(kKey, "has an item without a range"));
        }
        const auto from = parse_scaled(range.begin()->raw(), 0);
        if (!from) {
            return std::unexpected(complaint(kKey, "has an item with a range out of range"));
        }
        auto found = gather(tier);
        if (!found) {
            return std::unexpected(found.error());
        }
        brackets.push_back(make_bracket(*found, *from, 0));
    }
    std::ranges::sort(brackets, {}, &PriceBracket::above_tokens);
    if (!brackets.empty()) {
        brackets.front().above_tokens = 0;
    }
    return brackets;
}

// What an object of costs says; without brackets when it prices no tokens.
std::expected<PricePeriod, std::string> read_period(const json::Value& object) {
    PricePeriod period;
    const auto found = gather(object);
    if (!found) {
        return std::unexpected(found.error());
    }
    if (!found->empty()) {
        period.brackets = make_brackets(*found);
    }
    if (const json::Value& tiers = object["tiered_pricing"]; !tiers.is_nothing()) {
        auto brackets = read_tiers(tiers);
        if (!brackets) {
            return std::unexpected(brackets.error());
        }
        period.brackets = std::move(*brackets);
    }
    constexpr std::string_view kRequest = "input_cost_per_request";
    const auto request = read_amount(object[kRequest], kRequest, INT64_MAX);
    if (!request) {
        return std::unexpected(request.error());
    }
    period.request = request->value_or(0);
    // Searches come in sizes that replies do not name; the middle one is the usual.
    constexpr std::string_view kSearch = "search_context_size_medium";
    const auto search =
        read_amount(object["search_context_cost_per_query"][kSearch], kSearch, INT64_MAX);
    if (!search) {
        return std::unexpected(search.error());
    }
    period.web_search = search->value_or(Rates::kNone);
    return period;
}

// dated_prices: [{"from": "2027-01-01", "input_cost_per_token": ...}, ...]
std::expected<void, std::string> read_dated(const json::Value& items,
                                            std::vector<PricePeriod>& periods) {
    constexpr std::string_view kKey = "dated_prices";
    if (!items.is_array()) {
        return std::unexpected(complaint(kKey, "is not an array"));
    }
    for (const json::Value& item : items) {
        std::string from(item["from"].text().raw);
        from += from.size() == std::string_view("2027-01-01").size() ? "T00:00:00Z" : "";
        const auto from_s = json::parse_rfc3339(from);
        if (!from_s) {
            return std::unexpected(complaint(kKey, "has an item without a date in \"from\""));
        }
        auto period = read_period(item);
        if (!period) {
            return std::unexpected(period.error());
        }
        if (period->brackets.empty()) {
            return std::unexpected(complaint(kKey, "has an item without a price"));
        }
        period->from_s = *from_s;
        periods.push_back(std::move(*period));
    }
    std::ranges::sort(periods, {}, &PricePeriod::from_s);
    return {};
}

}  // namespace

std::string price_field_problem(std::string_view name, std::string_view amount) {
    if (!read_name(name)) {
        return "is no price of tokens; expected a field such as input_cost_per_token, "
               "output_cost_per_token or cache_read_input_token_cost";
    }
    const auto rate = parse_scaled(amount, kPicoPlaces);
    return rate && *rate <= kRateMax ? ""
                                     : "is out of range; expected dollars per token, from 0 to 1";
}

std::expected<Price, std::string> read_price(const json::Value& entry) {
    if (!entry.is_object()) {
        return std::unexpected(std::string("is not an object"));
    }
    Price price;
    price.is_inclusive = entry["litellm_provider"].text() == "xai";
    auto period = read_period(entry);
    if (!period) {
        return std::unexpected(period.error());
    }
    if (period->brackets.empty()) {
        return price;
    }
    price.periods.push_back(std::move(*period));
    if (const json::Value& dated = entry["dated_prices"]; !dated.is_nothing()) {
        if (auto done = read_dated(dated, price.periods); !done) {
            return std::unexpected(done.error());
        }
    }
    return price;
}

}  // namespace sluice::providers
