// The three sources, the weakest first.
#include "server/price_source.h"

#include <algorithm>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/read_file.h"
#include "providers/price_options.h"
#include "providers/price_table.h"

namespace sluice::server {

namespace {

// LiteLLM's has 2 MB; one that is ten times as large is something else.
constexpr size_t kFileBytesMax = size_t{32} * 1024 * 1024;
constexpr size_t kComplaintsToldMax = 10;

// A reader of a thousand lines would read none of them.
void tell(const std::vector<providers::PriceComplaint>& complaints,
          const std::string& source,
          std::vector<std::string>& warnings) {
    const size_t told = std::min(complaints.size(), kComplaintsToldMax);
    for (size_t i = 0; i < told; ++i) {
        warnings.push_back(fmt::format("{}: the price of {} is left out: {}", source,
                                       config::in_quotes(complaints[i].model),
                                       complaints[i].reason));
    }
    if (complaints.size() > told) {
        warnings.push_back(
            fmt::format("{}: {} more prices are left out", source, complaints.size() - told));
    }
}

// {"input_cost_per_token":2.5e-06}; names are those of known fields, amounts are numbers.
std::string entry_of(const providers::PriceOverride& override) {
    std::string json;
    for (const auto& [name, amount] : override.fields) {
        json += fmt::format("{}\"{}\":{}", json.empty() ? "{" : ",", name, amount);
    }
    return json + "}";
}

}  // namespace

std::expected<providers::PriceTable, std::string> make_price_table(
    const providers::PriceOptions& options, std::vector<std::string>& warnings) {
    providers::PriceTable table;
    std::vector<providers::PriceComplaint> complaints;
    if (options.builtin && !table.add_file(providers::builtin_prices(), complaints)) {
        return std::unexpected("the built-in prices cannot be read");
    }
    tell(complaints, "built-in prices", warnings);
    complaints.clear();
    if (!options.file.empty()) {
        const auto text = config::read_file(options.file, kFileBytesMax);
        if (!text) {
            return std::unexpected(
                fmt::format("prices.file: {} {}", config::in_quotes(options.file), text.error()));
        }
        if (const auto added = table.add_file(*text, complaints); !added) {
            return std::unexpected(fmt::format("prices.file: {} is no price file: {}",
                                               config::in_quotes(options.file),
                                               added.error().where));
        }
        tell(complaints, options.file, warnings);
        complaints.clear();
    }
    for (const providers::PriceOverride& override : options.overrides) {
        if (!table.add_override(override.model, entry_of(override), complaints)) {
            return std::unexpected(
                fmt::format("prices.models: {} is no price", config::in_quotes(override.model)));
        }
    }
    tell(complaints, "prices.models", warnings);
    return table;
}

}  // namespace sluice::server
