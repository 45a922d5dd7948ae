// Members move from additional_config to the table itself, and config_value gets its name.
#include "config/processor_forms.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "config/checks.h"
#include "providers/dialect.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using upstream::UpstreamOptions;

constexpr std::string_view kPublishedEnhancer = "openai_chat";
constexpr std::string_view kEnhancer = "enhancer";

// Where config_value goes, for types of which one value says the most.
struct MainValue {
    std::string_view type;
    std::string_view key;
    bool is_list;
};

constexpr auto kMainValues = std::to_array<MainValue>({
    {"guard", "patterns", true},
});

bool speaks_openai(const UpstreamOptions& upstream) {
    const providers::Vendor* const vendor = providers::find_vendor(upstream.provider);
    return vendor != nullptr && vendor->dialect == providers::Dialect::chat;
}

const UpstreamOptions* first_openai(std::span<const UpstreamOptions> upstreams) {
    auto found = std::ranges::find(upstreams, "openai", &UpstreamOptions::provider);
    if (found == upstreams.end()) {
        found = std::ranges::find_if(upstreams, speaks_openai);
    }
    return found == upstreams.end() ? nullptr : &*found;
}

class ProcessorMap {
public:
    ProcessorMap(TomlNode& table,
                 const std::string& shown,
                 std::span<const UpstreamOptions> upstreams,
                 Diagnostics& diagnostics)
        : table_(table), shown_(shown), upstreams_(upstreams), diagnostics_(diagnostics) {}

    void run() {
        TomlNode* const type = table_.find("type");
        const bool is_published = type != nullptr && type->text == kPublishedEnhancer;
        if (is_published) {
            type->text = kEnhancer;
        }
        const std::string name = type == nullptr ? "" : type->text;
        spread_additional();
        const std::optional<TomlMember> value = take("config_value");
        if (value && value->value.kind != TomlKind::text) {
            error(*value, fmt::format("is {}; expected a string", describe(value->value.kind)));
        } else if (name == kEnhancer) {
            if (value || is_published) {
                aim_enhancer(value);
            }
        } else if (value) {
            name_value(*value, name);
        }
    }

private:
    void error(const TomlMember& member, std::string text) {
        diagnostics_.error(member.position, fmt::format("{}.{}", shown_, member.shown),
                           std::move(text));
    }

    std::optional<TomlMember> take(std::string_view key) {
        const auto member = std::ranges::find(table_.members, key, &TomlMember::key);
        if (member == table_.members.end()) {
            return std::nullopt;
        }
        TomlMember taken = std::move(*member);
        table_.members.erase(member);
        return taken;
    }

    // Adds a setting unless it is there under its own name.
    void add(TomlMember member, const TomlMember& written) {
        if (table_.find(member.key) != nullptr) {
            error(written,
                  fmt::format("\"{}\" sets the same; expected one of the two", member.key));
            return;
        }
        table_.members.push_back(std::move(member));
    }

    void spread_additional() {
        std::optional<TomlMember> additional = take("additional_config");
        if (!additional) {
            return;
        }
        if (additional->value.kind != TomlKind::table) {
            error(*additional, fmt::format("is {}; expected a table of the type's settings",
                                           describe(additional->value.kind)));
            return;
        }
        for (TomlMember& member : additional->value.members) {
            const TomlMember written = {
                member.key, fmt::format("additional_config.{}", member.key), member.position, {}};
            add(std::move(member), written);
        }
    }

    TomlMember text_member(std::string_view key, std::string_view text, const TomlMember& from) {
        TomlMember member = {std::string(key), from.shown, from.position, {}};
        member.value.kind = TomlKind::text;
        member.value.position = from.value.position;
        member.value.text = text;
        return member;
    }

    void aim_enhancer(const std::optional<TomlMember>& value) {
        const bool is_upstream =
            value && std::ranges::any_of(upstreams_, [&](const UpstreamOptions& upstream) {
                return upstream.name == value->value.text;
            });
        if (is_upstream) {
            add(text_member("target_llm", value->value.text, *value), *value);
            return;
        }
        if (value) {
            add(text_member("model", value->value.text, *value), *value);
        }
        if (table_.find("target_llm") != nullptr) {
            return;
        }
        const TomlMember* const type =
            &*std::ranges::find(table_.members, "type", &TomlMember::key);
        const TomlMember& from = value ? *value : *type;
        if (const UpstreamOptions* const upstream = first_openai(upstreams_)) {
            add(text_member("target_llm", upstream->name, from), from);
        } else {
            error(from, fmt::format("there is no upstream that speaks OpenAI's API to ask{}; "
                                    "expected one, or target_llm",
                                    value ? " for " + in_quotes(value->value.text) : ""));
            table_.members.push_back(text_member("target_llm", "-", from));
        }
    }

    void name_value(const TomlMember& value, std::string_view type) {
        const auto* const main = std::ranges::find(kMainValues, type, &MainValue::type);
        if (main == kMainValues.end()) {
            error(value, fmt::format("has no meaning for the type {}; expected its settings by "
                                     "their names",
                                     in_quotes(type)));
            return;
        }
        TomlMember named = {std::string(main->key), value.shown, value.position, value.value};
        if (main->is_list) {
            named.value.kind = TomlKind::array;
            named.value.items = {value.value};
        }
        add(std::move(named), value);
    }

    TomlNode& table_;
    const std::string& shown_;
    const std::span<const UpstreamOptions> upstreams_;
    Diagnostics& diagnostics_;
};

}  // namespace

void map_processor(TomlNode& processor,
                   const std::string& shown,
                   std::span<const UpstreamOptions> upstreams,
                   Diagnostics& diagnostics) {
    if (processor.kind == TomlKind::table) {
        ProcessorMap(processor, shown, upstreams, diagnostics).run();
    }
}

}  // namespace sluice::config
