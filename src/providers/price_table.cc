// A hash map of entries; a key is put together on the stack, so that a look-up allocates nothing.
#include "providers/price_table.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL  // Its library is not linked.
#include <tsl/robin_map.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/price_entry.h"

namespace sluice::providers {

namespace {

// A key that is longer is in no file.
constexpr size_t kKeyBytesMax = 384;
constexpr size_t kVersionDigits = 12;
// LiteLLM's entry that explains the fields.
constexpr std::string_view kSample = "sample_spec";

struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return XXH3_64bits(key.data(), key.size()); }
};

constexpr std::pair<std::string_view, ServiceTier> kTierWords[] = {
    {"flex", ServiceTier::flex},         {"on_demand_flex", ServiceTier::flex},
    {"priority", ServiceTier::priority}, {"on_demand_priority", ServiceTier::priority},
    {"fast", ServiceTier::priority},     {"batch", ServiceTier::batch},
};

}  // namespace

ServiceTier service_tier_of(std::string_view word) {
    for (const auto& [name, tier] : kTierWords) {
        if (equals_ignoring_case(word, name)) {
            return tier;
        }
    }
    return ServiceTier::standard;
}

const PricePeriod& Price::period_at(int64_t at_s) const {
    size_t latest = periods.size() - 1;
    while (latest > 0 && periods[latest].from_s > at_s) {
        --latest;
    }
    return periods[latest];
}

const Rates& Price::rates(const PricePeriod& period,
                          int64_t prompt_tokens,
                          ServiceTier tier) const {
    const int64_t tokens = prompt_tokens + (is_inclusive ? 1 : 0);
    size_t bracket = period.brackets.size() - 1;
    while (bracket > 0 && tokens <= period.brackets[bracket].above_tokens) {
        --bracket;
    }
    return period.brackets[bracket].tiers[static_cast<size_t>(tier)];
}

struct PriceTable::Map {
    tsl::robin_map<std::string, Price, KeyHash, std::equal_to<>> prices;
};

PriceTable::PriceTable() : map_(std::make_unique<Map>()) {
    mark("");
}

PriceTable::~PriceTable() = default;
PriceTable::PriceTable(PriceTable&&) noexcept = default;
PriceTable& PriceTable::operator=(PriceTable&&) noexcept = default;

Status PriceTable::add_file(std::string_view json, std::vector<PriceComplaint>& complaints) {
    Arena arena;
    TRY(const json::Value* const models, json::Value::parse(json, arena, ErrorSource::gateway));
    if (!models->is_object()) {
        return fail({.kind = ErrorKind::invalid_field, .where = "a price file is a JSON object"});
    }
    add_entries(*models, complaints);
    return {};
}

void PriceTable::add_entries(const json::Value& models, std::vector<PriceComplaint>& complaints) {
    Arena names;
    for (const json::Value& entry : models) {
        const Result<std::string_view> name = json::unescape(entry.key().raw, names);
        if (!name || *name == kSample) {
            continue;
        }
        auto price = read_price(entry);
        if (!price) {
            complaints.push_back({std::string(*name), std::move(price.error())});
        } else if (price->periods.empty()) {
            map_->prices.erase(*name);  // A later file may take a price away.
        } else {
            map_->prices.insert_or_assign(std::string(*name), std::move(*price));
        }
    }
    mark(models.raw());
}

Status PriceTable::add_override(std::string_view model,
                                std::string_view entry,
                                std::vector<PriceComplaint>& complaints) {
    Arena arena;
    TRY(const json::Value* const value, json::Value::parse(entry, arena, ErrorSource::gateway));
    auto price = read_price(*value);
    if (price && price->periods.empty()) {
        price = std::unexpected(std::string("has no price of tokens"));
    }
    if (!price) {
        complaints.push_back({std::string(model), std::move(price.error())});
        return {};
    }
    price->is_override = true;
    map_->prices.insert_or_assign(std::string(model), std::move(*price));
    mark(model);
    mark(entry);
    return {};
}

const Price* PriceTable::find(std::string_view key) const {
    const auto found = map_->prices.find(key);
    return found == map_->prices.end() ? nullptr : &found->second;
}

const Price* PriceTable::find_model(std::span<const std::string_view> prefixes,
                                    std::string_view model) const {
    if (model.empty() || model.size() > kKeyBytesMax) {
        return nullptr;
    }
    bool tried_bare = false;
    std::array<char, kKeyBytesMax> key;
    for (const std::string_view prefix : prefixes) {
        if (prefix.size() + model.size() > key.size()) {
            continue;
        }
        char* const end = std::copy(model.begin(), model.end(),
                                    std::copy(prefix.begin(), prefix.end(), key.begin()));
        if (const Price* const price = find(std::string_view(key.data(), end))) {
            return price;
        }
        tried_bare = tried_bare || prefix.empty();
    }
    const Price* const bare = tried_bare ? nullptr : find(model);
    return bare != nullptr && bare->is_override ? bare : nullptr;
}

const Price* PriceTable::find(const PriceQuery& query) const {
    if (const Price* const price = find_model(query.prefixes, query.upstream_model)) {
        return price;
    }
    if (query.reply_model != query.upstream_model) {
        if (const Price* const price = find_model(query.prefixes, query.reply_model)) {
            return price;
        }
    }
    return query.base_model.empty() ? nullptr : find(query.base_model);
}

size_t PriceTable::size() const {
    return map_->prices.size();
}

void PriceTable::mark(std::string_view text) {
    std::string all = version_;
    all += '\n';
    all += text;
    version_ = crypto::hex(crypto::sha256(all)).substr(0, kVersionDigits);
}

}  // namespace sluice::providers
