// Arrivals at a rate, prompts by kind.
#include "llm-fleet/made_trace.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"
#include "llm-fleet/trace.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {

namespace {

// Ids below are common to all; each session and each request has a range of its own above.
constexpr uint64_t kRangeOfIds = uint64_t{1} << 20;

void append_ids(std::vector<uint64_t>& ids, uint64_t range, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        ids.push_back(range * kRangeOfIds + i);
    }
}

class Maker {
public:
    explicit Maker(const MadeOptions& options)
        : options_(options), prng_(options.seed), turns_(options.sessions) {}

    void add(Trace& trace, Duration at) {
        switch (options_.kind) {
            case MadeKind::cold:
                trace.add_unique(at, options_.input_tokens, options_.output_tokens);
                break;
            case MadeKind::shared:
                add_with_prefix(trace, at);
                break;
            case MadeKind::hot:
                if (prng_.below(100) < options_.hot_percent) {
                    add_with_prefix(trace, at);
                } else {
                    add_turn(trace, at);
                }
                break;
            case MadeKind::sessions:
                add_turn(trace, at);
                break;
        }
    }

private:
    void add_with_prefix(Trace& trace, Duration at) {
        std::vector<uint64_t> ids;
        const uint32_t common = blocks_for(options_.prefix_tokens);
        append_ids(ids, 0, common);
        append_ids(ids, 1 + options_.sessions + trace.rows.size(),
                   blocks_for(options_.input_tokens));
        trace.add(at, common * kTraceBlockTokens + options_.input_tokens, options_.output_tokens,
                  ids);
    }

    // One session's prompts share all that went before; it begins anew once it is long.
    void add_turn(Trace& trace, Duration at) {
        constexpr uint32_t kTurnsMax = 8;
        const uint32_t session = prng_.below(options_.sessions);
        const uint32_t turn = turns_[session]++;
        const uint64_t range =
            kRangeOfIds + session + uint64_t{options_.sessions} * (turn / kTurnsMax);
        const uint32_t per_turn = std::max(1U, blocks_for(options_.input_tokens));
        std::vector<uint64_t> ids;
        append_ids(ids, range, per_turn * (1 + turn % kTurnsMax));
        trace.add(at, static_cast<uint32_t>(ids.size()) * kTraceBlockTokens, options_.output_tokens,
                  ids);
    }

    const MadeOptions& options_;
    Prng prng_;
    std::vector<uint32_t> turns_;
};

// What is wrong with one `name=value`, or nothing.
std::string assign(MadeOptions& options, std::string_view name, std::string_view value) {
    const std::optional<uint64_t> number = parse_decimal(value);
    const auto whole = [&](uint32_t& target, uint32_t least) {
        target = static_cast<uint32_t>(number.value_or(0));
        return number && *number >= least && *number <= 10'000'000;
    };
    bool good = false;
    if (name == "requests") {
        good = whole(options.requests, 1);
    } else if (name == "rate") {
        good = llm_kit::parse_number(value, options.rate_per_s) && options.rate_per_s > 0;
    } else if (name == "input") {
        good = whole(options.input_tokens, 1);
    } else if (name == "output") {
        good = whole(options.output_tokens, 1);
    } else if (name == "prefix") {
        good = whole(options.prefix_tokens, 1);
    } else if (name == "hot") {
        good = whole(options.hot_percent, 0) && options.hot_percent <= 100;
    } else if (name == "sessions") {
        good = whole(options.sessions, 1);
    } else if (name == "seed") {
        good = number.has_value();
        options.seed = number.value_or(0);
    } else if (name == "arrivals") {
        good = value == "poisson" || value == "constant";
        options.is_poisson = value == "poisson";
    } else {
        return fmt::format(
            "unknown \"{}\"; known are requests, rate, arrivals, input, output, "
            "prefix, hot, sessions, seed",
            name);
    }
    return good ? std::string() : fmt::format("cannot read {}=\"{}\"", name, value);
}

}  // namespace

std::string read_made(std::string_view text, MadeOptions& options) {
    const std::string_view kind = next_list_element(text).value_or("");
    const auto found = std::ranges::find(kMadeNames, kind);
    if (found == std::end(kMadeNames)) {
        return fmt::format("made: the kind must be one of {}", fmt::join(kMadeNames, ", "));
    }
    options.kind = static_cast<MadeKind>(found - std::begin(kMadeNames));
    while (const std::optional<std::string_view> element = next_list_element(text)) {
        const size_t equals = element->find('=');
        if (equals == element->npos) {
            return fmt::format("made: \"{}\" is not like name=value", *element);
        }
        const std::string wrong =
            assign(options, element->substr(0, equals), element->substr(equals + 1));
        if (!wrong.empty()) {
            return "made: " + wrong;
        }
    }
    return {};
}

Trace make_trace(const MadeOptions& options) {
    Trace trace;
    trace.name = fmt::format("made:{}", kMadeNames[static_cast<size_t>(options.kind)]);
    Maker maker(options);
    Prng arrivals(options.seed + 1);
    double at_s = 0;
    for (uint32_t i = 0; i < options.requests; ++i) {
        maker.add(trace, Duration::nanoseconds(std::llround(at_s * 1e9)));
        const double gap = options.is_poisson ? -std::log1p(-arrivals.unit()) : 1;
        at_s += gap / options.rate_per_s;
    }
    return trace;
}

std::string_view made_reference() {
    return "        cold      prompts of input tokens that share nothing\n"
           "        shared    all begin with the same prefix tokens, then differ for input tokens\n"
           "        hot       hot percent are like shared, the others like sessions\n"
           "        sessions  prompts grow by input tokens from turn to turn, eight times\n";
}

}  // namespace sluice::llm_fleet
