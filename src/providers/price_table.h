// PriceTable: what the tokens of each model cost, read from LiteLLM's price file.
//
// A file is an object of entries, one per model, whose fields are amounts of dollars per token;
// what we do not know of it is ignored. When it is read, every combination that a request can ask
// for (how long a prompt, which service tier, when) is worked out into a row of rates, so that a
// request costs one look-up and some multiplications. Amounts are pico-dollars (base/decimal.h).
// Immutable once it is in use; any thread may read it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"

namespace sluice::providers {

// Pico-dollars per token. kNone: there is no such rate.
struct Rates {
    static constexpr int64_t kNone = -1;

    int64_t input = kNone;
    int64_t cache_read = kNone;      // Where the file has none: the input rate.
    int64_t cache_write = kNone;     // Likewise.
    int64_t cache_write_1h = kNone;  // Where the file has none: the rate of five minutes.
    int64_t output = kNone;
    int64_t reasoning = kNone;  // Where the file has none: the output rate.
    // These stay without a rate where they have none of their own: then they count as text.
    int64_t input_audio = kNone;
    int64_t input_image = kNone;
    int64_t output_audio = kNone;
    int64_t output_image = kNone;

    bool operator==(const Rates&) const = default;
};

// The rates of prompts above a number of tokens.
struct PriceBracket {
    int64_t above_tokens = 0;
    std::array<Rates, kServiceTiers> tiers;
};

// What holds from a time on.
struct PricePeriod {
    int64_t from_s = INT64_MIN;          // Since 1970.
    std::vector<PriceBracket> brackets;  // Ascending; the first is for every prompt.
    int64_t request = 0;                 // Pico-dollars for a request as such.
    int64_t web_search = Rates::kNone;   // For each search.
};

struct Price {
    std::vector<PricePeriod> periods;  // Ascending; the first has no beginning.
    // The rates of a bracket begin at its number, not above it (xAI).
    bool is_inclusive = false;
    // Given by the operator for this model, whoever serves it.
    bool is_override = false;

    const PricePeriod& period_at(int64_t at_s) const;
    const Rates& rates(const PricePeriod& period, int64_t prompt_tokens, ServiceTier tier) const;
};

// Why an entry was left out.
struct PriceComplaint {
    std::string model;
    std::string reason;
};

// Which model a request was served by, as far as is known; empty texts are skipped.
struct PriceQuery {
    // What LiteLLM puts before the names of a provider's models: price_prefixes().
    std::span<const std::string_view> prefixes = {};
    std::string_view upstream_model = {};  // As it was sent.
    std::string_view reply_model = {};     // As the reply names it.
    std::string_view base_model = {};      // As configured: a key of the table.
};

// By a vendor's name; servers that people run themselves have their own name as prefix.
std::span<const std::string_view> price_prefixes(std::string_view vendor_name);

class PriceTable {
public:
    PriceTable();
    ~PriceTable();
    PriceTable(PriceTable&&) noexcept;
    PriceTable& operator=(PriceTable&&) noexcept;

    // Adds the entries of a file; one of the same name replaces the one that was there. Fails when
    // the text is not a JSON object.
    Status add_file(std::string_view json, std::vector<PriceComplaint>& complaints);
    void add_entries(const json::Value& models, std::vector<PriceComplaint>& complaints);
    // Adds one entry of the operator's own: `entry` is an object like one in a file.
    Status add_override(std::string_view model,
                        std::string_view entry,
                        std::vector<PriceComplaint>& complaints);

    // By its exact key; null when there is none.
    const Price* find(std::string_view key) const;
    // The provider's name for the upstream's model, then for the reply's, then the base model. An
    // operator's own entry also counts without the provider's prefix.
    const Price* find(const PriceQuery& query) const;

    size_t size() const;
    // Twelve hexadecimal digits that change with anything that was added.
    std::string_view version() const { return version_; }

private:
    struct Map;

    const Price* find_model(std::span<const std::string_view> prefixes,
                            std::string_view model) const;
    void mark(std::string_view text);

    std::unique_ptr<Map> map_;
    std::string version_;
};

// The prices that come with the program: data/prices.json.
std::string_view builtin_prices();

}  // namespace sluice::providers
