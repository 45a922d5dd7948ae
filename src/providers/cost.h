// What a request has cost: its usage times the rates of its model, in pico-dollars.
//
// Every line (input, cached input, output, ...) is exact, and so is their sum; nothing is rounded.
// A model without a price gives a cost that says so, never zero. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/price_table.h"

namespace sluice::providers {

enum class CostItem : uint8_t {
    input,
    cache_read,
    cache_write_5m,
    cache_write_1h,
    input_audio,
    input_image,
    output,
    reasoning,
    output_audio,
    output_image,
    web_search,
    request,
};

// "cache read", as bills name it.
std::string_view cost_item_name(CostItem item);

struct CostLine {
    CostItem item = CostItem::input;
    int64_t count = 0;  // Tokens; for the last two, times.
    int64_t rate = 0;   // Pico-dollars for one.

    bool operator==(const CostLine&) const = default;
};

enum class CostSource : uint8_t {
    unpriced,  // There is no price for the model, or for a kind of token that it used.
    computed,
    reported,  // The upstream named it.
};

struct Cost {
    CostSource source = CostSource::unpriced;
    // The upstream counts more of a part than of the whole; the rest was taken as nothing.
    bool is_inconsistent = false;
    int64_t pico = 0;

    bool is_priced() const { return source != CostSource::unpriced; }
    std::span<const CostLine> lines() const { return std::span(line).first(line_count); }
    double as_dollars() const { return static_cast<double>(pico) / 1e12; }

    std::array<CostLine, 12> line = {};  // Those that are not zero.
    uint8_t line_count = 0;
};

// Beside the usage.
struct CostFacts {
    ServiceTier tier = ServiceTier::standard;  // As the reply says.
    int64_t at_s = 0;                          // When the request began, since 1970.
    int64_t web_searches = 0;
    // Of the sum, in millionths: what a region costs more.
    int64_t multiplier_ppm = 1'000'000;
    // Pico-dollars that the upstream itself reports, or below zero; counts only when the operator
    // trusts it.
    int64_t reported_pico = -1;
    bool trusts_reported = false;
};

// `price` may be null. Counts that were not reported count as none; a usage without any counts is
// unpriced.
Cost compute_cost(const Price* price, const Usage& usage, const CostFacts& facts);

// The cost that a usage object reports, in pico-dollars, or -1: OpenRouter's "cost", Perplexity's
// "cost.total_cost", xAI's "cost_in_usd_ticks".
int64_t reported_cost(const json::Value& usage);

}  // namespace sluice::providers
