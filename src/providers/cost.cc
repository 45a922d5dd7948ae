// The lines of a bill, in 128 bits until the end.
#include "providers/cost.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/decimal.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/price_table.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kItemNames[] = {
    "input",  "cache read", "cache write 5m", "cache write 1h", "input audio", "input image",
    "output", "reasoning",  "output audio",   "output image",   "web search",  "request",
};
constexpr WideInteger kMillion = 1'000'000;
constexpr int64_t kPicoPerTick = kPicoPerDollar / 10'000'000'000;  // xAI: 10^10 ticks a dollar.

int64_t count_of(int64_t reported) {
    return std::max<int64_t>(reported, 0);
}

class Bill {
public:
    Bill(Cost& cost, const Rates& rates) : cost_(cost), rates_(rates) {}

    void input(const Usage& usage);
    void output(const Usage& usage);
    void add(CostItem item, int64_t count, int64_t rate);
    void finish(int64_t multiplier_ppm);

private:
    int64_t rest(int64_t whole, int64_t parts);
    // Tokens of a medium that has a rate of its own; else they count as text.
    int64_t medium(CostItem item, int64_t reported, int64_t rate);

    Cost& cost_;
    const Rates& rates_;
    WideInteger sum_ = 0;
    bool lacks_rate_ = false;
};

void Bill::add(CostItem item, int64_t count, int64_t rate) {
    if (count <= 0) {
        return;
    }
    lacks_rate_ = lacks_rate_ || rate == Rates::kNone;
    sum_ += static_cast<WideInteger>(count) * rate;
    cost_.line[cost_.line_count++] = {item, count, rate};
}

int64_t Bill::rest(int64_t whole, int64_t parts) {
    cost_.is_inconsistent = cost_.is_inconsistent || parts > whole;
    return std::max<int64_t>(whole - parts, 0);
}

int64_t Bill::medium(CostItem item, int64_t reported, int64_t rate) {
    if (rate == Rates::kNone) {
        return 0;
    }
    add(item, count_of(reported), rate);
    return count_of(reported);
}

void Bill::input(const Usage& usage) {
    const int64_t cached = count_of(usage.cached_tokens);
    const int64_t written = count_of(usage.cache_write_tokens);
    const int64_t written_1h = std::min(count_of(usage.cache_write_1h_tokens), written);
    const auto has_rate = [](int64_t count, int64_t rate) {
        return rate == Rates::kNone ? 0 : count_of(count);
    };
    const int64_t media = has_rate(usage.audio_prompt_tokens, rates_.input_audio) +
                          has_rate(usage.image_prompt_tokens, rates_.input_image);
    add(CostItem::input, rest(count_of(usage.prompt_tokens), cached + written + media),
        rates_.input);
    add(CostItem::cache_read, cached, rates_.cache_read);
    add(CostItem::cache_write_5m, written - written_1h, rates_.cache_write);
    add(CostItem::cache_write_1h, written_1h, rates_.cache_write_1h);
    medium(CostItem::input_audio, usage.audio_prompt_tokens, rates_.input_audio);
    medium(CostItem::input_image, usage.image_prompt_tokens, rates_.input_image);
}

void Bill::output(const Usage& usage) {
    // At the same rate it is one line, as bills show it.
    const int64_t reasoning =
        rates_.reasoning == rates_.output ? 0 : count_of(usage.reasoning_tokens);
    const auto has_rate = [](int64_t count, int64_t rate) {
        return rate == Rates::kNone ? 0 : count_of(count);
    };
    const int64_t media = has_rate(usage.audio_completion_tokens, rates_.output_audio) +
                          has_rate(usage.image_completion_tokens, rates_.output_image);
    add(CostItem::output, rest(count_of(usage.completion_tokens), reasoning + media),
        rates_.output);
    add(CostItem::reasoning, reasoning, rates_.reasoning);
    medium(CostItem::output_audio, usage.audio_completion_tokens, rates_.output_audio);
    medium(CostItem::output_image, usage.image_completion_tokens, rates_.output_image);
}

void Bill::finish(int64_t multiplier_ppm) {
    // A price without any rate for what was used is no price.
    if (lacks_rate_) {
        return;
    }
    if (multiplier_ppm != kMillion) {
        sum_ = (sum_ * multiplier_ppm + kMillion / 2) / kMillion;
    }
    cost_.source = CostSource::computed;
    cost_.pico = static_cast<int64_t>(std::min<WideInteger>(sum_, INT64_MAX));
}

}  // namespace

std::string_view cost_item_name(CostItem item) {
    return kItemNames[static_cast<size_t>(item)];
}

Cost compute_cost(const Price* price, const Usage& usage, const CostFacts& facts) {
    Cost cost;
    if (facts.trusts_reported && facts.reported_pico >= 0) {
        cost.source = CostSource::reported;
        cost.pico = facts.reported_pico;
        return cost;
    }
    if (price == nullptr || !usage.is_known()) {
        return cost;
    }
    const PricePeriod& period = price->period_at(facts.at_s);
    Bill bill(cost, price->rates(period, count_of(usage.prompt_tokens), facts.tier));
    bill.input(usage);
    bill.output(usage);
    bill.add(CostItem::web_search, facts.web_searches, period.web_search);
    bill.add(CostItem::request, period.request > 0 ? 1 : 0, period.request);
    bill.finish(facts.multiplier_ppm);
    return cost;
}

int64_t reported_cost(const json::Value& usage) {
    if (const auto ticks = usage["cost_in_usd_ticks"].integer()) {
        return *ticks >= 0 && *ticks <= INT64_MAX / kPicoPerTick ? *ticks * kPicoPerTick : -1;
    }
    const json::Value& cost = usage["cost"];
    const json::Value& total = cost.is_object() ? cost["total_cost"] : cost;
    return total.is_number() ? parse_scaled(total.raw(), kPicoPlaces).value_or(-1) : -1;
}

}  // namespace sluice::providers
