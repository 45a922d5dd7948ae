// Renaming of members from the accepted form to the canonical one.
#include "config/forms.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {

namespace {

struct Renaming {
    std::string_view from;
    std::string_view to;
};

constexpr size_t kNameBytesMax = 64;  // It becomes a label of metrics and log lines.
constexpr int64_t kTimeoutSMax = 86'400;
constexpr int64_t kTimeoutSDefault = 300;
constexpr int64_t kMillisecondsPerSecond = 1'000;

// Gives a member its canonical name; both spellings of one setting at once are a mistake.
void rename(TomlNode& table,
            Renaming renaming,
            const std::string& shown,
            Diagnostics& diagnostics) {
    const auto member = std::ranges::find(table.members, renaming.from, &TomlMember::key);
    if (member == table.members.end()) {
        return;
    }
    if (table.find(renaming.to) != nullptr) {
        diagnostics.error(
            member->position, fmt::format("{}.{}", shown, renaming.from),
            fmt::format("\"{}\" sets the same; expected one of the two", renaming.to));
        table.members.erase(member);
        return;
    }
    member->key = renaming.to;
}

TomlNode& timeouts_of(TomlNode& table, Position position) {
    if (table.find("timeouts") == nullptr) {
        table.members.push_back({"timeouts", "timeouts", position, {}});
        table.members.back().value.position = position;
    }
    return *table.find("timeouts");
}

// What the form promises without a timeout. The canonical form waits longer for a first byte.
void default_timeout(TomlNode& table) {
    TomlNode* const written = table.find("timeouts");
    if (written != nullptr &&
        (written->kind != TomlKind::table || written->find("first_byte_ms") != nullptr)) {
        return;
    }
    TomlNode value;
    value.kind = TomlKind::integer;
    value.position = table.position;
    value.integer = kTimeoutSDefault * kMillisecondsPerSecond;
    timeouts_of(table, table.position)
        .members.push_back({"first_byte_ms", "timeout_secs", table.position, value});
}

// `timeout_secs = 60` becomes the two limits on waiting for the upstream. It does not become a
// limit on the whole exchange, which would cut healthy streams.
void map_timeout(TomlNode& table, const std::string& shown, Diagnostics& diagnostics) {
    rename(table, {"timeout", "timeout_secs"}, shown, diagnostics);
    const auto member = std::ranges::find(table.members, "timeout_secs", &TomlMember::key);
    if (member == table.members.end()) {
        default_timeout(table);
        return;
    }
    const TomlMember written = std::move(*member);
    table.members.erase(member);
    const std::string key = fmt::format("{}.{}", shown, written.shown);
    const std::string expected =
        fmt::format("expected seconds as an integer from 1 to {}", kTimeoutSMax);
    if (written.value.kind != TomlKind::integer) {
        diagnostics.error(written.value.position, key,
                          fmt::format("is {}; {}", describe(written.value.kind), expected));
        return;
    }
    const int64_t seconds = written.value.integer;
    if (seconds < 1 || seconds > kTimeoutSMax) {
        diagnostics.error(written.value.position, key,
                          fmt::format("{} is out of range; {}", seconds, expected));
        return;
    }
    TomlNode& timeouts = timeouts_of(table, written.position);
    for (const std::string_view limit : {"first_byte_ms", "silence_ms"}) {
        if (timeouts.find(limit) != nullptr) {
            diagnostics.error(
                written.position, key,
                fmt::format("\"timeouts.{}\" sets the same; expected one of the two", limit));
            continue;
        }
        TomlNode value = written.value;
        value.integer = seconds * kMillisecondsPerSecond;
        timeouts.members.push_back({std::string(limit), written.shown, written.position, value});
    }
}

bool is_name(std::string_view text) {
    static constexpr std::string_view kMarks = "-_.";
    return !text.empty() && text.size() <= kNameBytesMax && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kMarks.contains(c);
    });
}

void collect(TomlNode& root,
             std::string_view form,
             std::vector<NamedTable>& llms,
             Diagnostics& diagnostics) {
    TomlNode* all = root.find(form);
    if (all == nullptr) {
        return;
    }
    if (all->kind != TomlKind::table) {
        diagnostics.error(
            all->position, form,
            fmt::format("is {}; expected tables [{}.NAME]", describe(all->kind), form));
        return;
    }
    for (TomlMember& member : all->members) {
        const std::string shown = fmt::format("{}.{}", form, member.key);
        const auto twin = std::ranges::find(llms, member.key, &NamedTable::name);
        if (!is_name(member.key)) {
            diagnostics.error(member.position, shown,
                              fmt::format("is not a name; expected 1 to {} letters, digits, "
                                          "'-', '_' and '.'",
                                          kNameBytesMax));
        } else if (twin != llms.end()) {
            diagnostics.error(member.position, shown,
                              fmt::format("[{}] in line {} has the same name; expected one of "
                                          "the two",
                                          twin->shown, twin->position.line));
        } else {
            llms.push_back({member.key, shown, member.position, &member.value});
        }
    }
}

}  // namespace

std::vector<NamedTable> map_llms(TomlNode& root, Diagnostics& diagnostics) {
    std::vector<NamedTable> llms;
    collect(root, "llm", llms, diagnostics);
    const size_t canonical_count = llms.size();
    collect(root, "provider", llms, diagnostics);
    for (size_t i = canonical_count; i < llms.size(); ++i) {
        TomlNode& table = *llms[i].table;
        if (table.kind == TomlKind::table) {
            // In this form "type" is the vendor, so "provider" cannot stand beside it.
            rename(table, {"type", "provider"}, llms[i].shown, diagnostics);
            rename(table, {"api_key_env", "token_env"}, llms[i].shown, diagnostics);
            rename(table, {"api_key_envs", "token_envs"}, llms[i].shown, diagnostics);
            map_timeout(table, llms[i].shown, diagnostics);
        }
    }
    std::ranges::sort(llms, {}, &NamedTable::position);
    return llms;
}

std::vector<NamedTable> named_tables(TomlNode& root,
                                     std::string_view form,
                                     Diagnostics& diagnostics) {
    std::vector<NamedTable> tables;
    collect(root, form, tables, diagnostics);
    std::ranges::sort(tables, {}, &NamedTable::position);
    return tables;
}

void map_route(TomlNode& route, const std::string& shown, Diagnostics& diagnostics) {
    if (route.kind == TomlKind::table) {
        rename(route, {"path", "path_prefix"}, shown, diagnostics);
        rename(route, {"provider", "target_llm"}, shown, diagnostics);
    }
}

}  // namespace sluice::config
