// Amounts pass as the texts of numbers, so that what was written is what is charged.
#include "config/price_overrides.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/setting.h"
#include "config/toml_document.h"
#include "providers/price_entry.h"
#include "providers/price_options.h"

namespace sluice::config {

namespace {

constexpr std::string_view kMember = "models";

void bind_model(const TomlMember& model,
                providers::PriceOptions& options,
                Diagnostics& diagnostics) {
    const std::string path = fmt::format("prices.{}.{}", kMember, toml_key(model.key));
    if (model.value.kind != TomlKind::table) {
        diagnostics.error(
            model.value.position, path,
            fmt::format("is {}; expected a table of prices", describe(model.value.kind)));
        return;
    }
    providers::PriceOverride& made = options.overrides.emplace_back();
    made.model = model.key;
    for (const TomlMember& field : model.value.members) {
        const TomlNode& value = field.value;
        std::string problem;
        std::string text = value.text;
        if (value.kind == TomlKind::integer) {
            text = std::to_string(value.integer);
        } else if (value.kind != TomlKind::fraction) {
            problem = fmt::format("is {}; expected dollars per token", describe(value.kind));
        }
        if (problem.empty()) {
            problem = providers::price_field_problem(field.key, text);
        }
        if (!problem.empty()) {
            diagnostics.error(field.position, fmt::format("{}.{}", path, toml_key(field.key)),
                              problem);
        }
        made.fields.emplace_back(field.key, std::move(text));
    }
    if (made.fields.empty()) {
        diagnostics.error(model.position, path,
                          "is empty; expected prices, such as input_cost_per_token = 2.5e-6");
    }
}

}  // namespace

void bind_price_overrides(TomlNode& prices,
                          providers::PriceOptions& options,
                          Diagnostics& diagnostics) {
    const TomlNode* const models = prices.find(kMember);
    if (models == nullptr) {
        return;
    }
    if (models->kind != TomlKind::table) {
        diagnostics.error(
            models->position, fmt::format("prices.{}", kMember),
            fmt::format("is {}; expected [prices.{}.\"NAME\"]", describe(models->kind), kMember));
    }
    for (const TomlMember& model : models->members) {
        bind_model(model, options, diagnostics);
    }
    std::erase_if(prices.members, [](const TomlMember& member) { return member.key == kMember; });
}

}  // namespace sluice::config
