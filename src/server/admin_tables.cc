// Answers of the admin API as tables for a terminal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "server/admin_verbs.h"
#include "server/text_table.h"

namespace sluice::server {

namespace {

// A text without its quotes and control characters, another value as it stands; "-" for nothing.
std::string cell(const json::Value& value, Arena& arena) {
    if (value.is_nothing()) {
        return "-";
    }
    if (!value.is_string()) {
        return std::string(value.raw());
    }
    const std::string text = shown_text(value, arena);
    return text.empty() ? "-" : text;
}

std::string_view state_of(const json::Value& key) {
    return !key["revoked_at"].is_nothing() ? "revoked"
           : key["disabled"].is_true()     ? "disabled"
                                           : "active";
}

// "name=value" of each member.
std::string pairs(const json::Value& object, Arena& arena) {
    std::string text;
    for (const json::Value& member : object) {
        text +=
            fmt::format("{}{}={}", text.empty() ? "" : " ", member.key().raw, cell(member, arena));
    }
    return text.empty() ? "-" : text;
}

std::string keys_table(const json::Value& answer, Arena& arena) {
    std::vector<Row> rows = {
        {"id", "name", "tenant", "prefix", "state", "expires", "limits", "budget"}};
    for (const json::Value& key : answer["keys"]) {
        rows.push_back({cell(key["id"], arena), cell(key["name"], arena),
                        cell(key["tenant"], arena), cell(key["prefix"], arena),
                        std::string(state_of(key)), cell(key["expires_at"], arena),
                        pairs(key["limits"], arena), pairs(key["budget"], arena)});
    }
    return table_of(rows);
}

// Of one key: a line for each member.
std::string key_table(const json::Value& key, Arena& arena) {
    std::vector<Row> rows;
    for (const json::Value& member : key) {
        rows.push_back({std::string(member.key().raw),
                        member.is_object() ? pairs(member, arena) : cell(member, arena)});
    }
    return table_of(rows);
}

std::string limits_table(const json::Value& answer, Arena& arena) {
    std::vector<Row> rows = {
        {"scope", "name", "processor", "limit", "of", "remaining", "reset after"}};
    for (const json::Value& scope : answer["scopes"]) {
        const Row begin = {cell(scope["scope"], arena), cell(scope["name"], arena),
                           cell(scope["processor"], arena)};
        const auto add = [&](Row rest) {
            Row row = begin;
            row.insert(row.end(), rest.begin(), rest.end());
            rows.push_back(std::move(row));
        };
        for (const json::Value& rate : scope["rates"]) {
            add({cell(rate["name"], arena), cell(rate["limit"], arena),
                 cell(rate["remaining"], arena),
                 fmt::format("{:.1f} s", rate["reset_after_seconds"].number().value_or(0))});
        }
        if (const auto most = scope["concurrency_max"].integer()) {
            const int64_t now = scope["in_flight"].integer().value_or(0);
            add({"concurrency", std::to_string(*most),
                 std::to_string(std::max<int64_t>(*most - now, 0)), "-"});
        }
        if (const json::Value& budget = scope["budget"]; budget.is_object()) {
            const bool is_hard = !budget["usd"].is_nothing();
            add({fmt::format("usd per {}{}", cell(budget["period"], arena),
                             is_hard ? "" : " (soft)"),
                 cell(budget[is_hard ? "usd" : "soft_usd"], arena),
                 is_hard ? cell(budget["remaining_usd"], arena)
                         : cell(budget["spent_usd"], arena) + " spent",
                 cell(budget["period_ends_at"], arena)});
        }
    }
    return table_of(rows);
}

std::string cache_table(const json::Value& answer, Arena& arena) {
    constexpr std::string_view kColumns[] = {"entries",     "bytes",         "hits",
                                             "misses",      "stores",        "evictions",
                                             "expirations", "invalidations", "refusals"};
    const auto counts = [&](std::string name, const json::Value& from) {
        Row row = {std::move(name)};
        for (const std::string_view column : kColumns) {
            row.push_back(cell(from[column], arena));
        }
        return row;
    };
    Row heading = {"shard"};
    heading.insert(heading.end(), std::begin(kColumns), std::end(kColumns));
    std::vector<Row> rows = {std::move(heading)};
    for (const json::Value& shard : answer["shards"]) {
        rows.push_back(counts(cell(shard["index"], arena), shard));
    }
    rows.push_back(counts("all", answer));
    return table_of(rows) + (answer["enabled"].is_true() ? "" : "the cache is off\n");
}

// Lists that were cut say so.
std::string more(const json::Value& answer, const json::Value& shown) {
    const int64_t total = answer["total"].integer().value_or(0);
    const auto rows = static_cast<int64_t>(shown.size());
    return total > rows ? fmt::format("{} of {}; --offset shows others\n", rows, total) : "";
}

}  // namespace

std::expected<std::string, std::string> verb_table(const VerbRequest& request,
                                                   std::string_view json) {
    Arena arena;
    const auto parsed = json::Value::parse(json, arena, ErrorSource::upstream);
    if (!parsed || !(**parsed).is_object()) {
        return std::unexpected("the answer is none that is known");
    }
    const json::Value& answer = **parsed;
    if (answer["keys"].is_array()) {
        return keys_table(answer, arena) + more(answer, answer["keys"]);
    }
    if (answer["scopes"].is_array()) {
        return limits_table(answer, arena) + more(answer, answer["scopes"]);
    }
    if (answer["shards"].is_array()) {
        return cache_table(answer, arena);
    }
    if (answer["removed"].is_present()) {
        return fmt::format("{} removed{}\n", cell(answer["removed"], arena),
                           answer["complete"].is_true() ? "" : "; a shard has not answered yet");
    }
    std::string text;
    if (const json::Value& secret = answer["secret"]; secret.is_present()) {
        text = fmt::format("secret  {}\n\n", cell(secret, arena));
    }
    text += key_table(request.method == "GET" ? answer : answer["key"], arena);
    if (answer["in_force"].is_present() && !answer["in_force"].is_true()) {
        text += "a shard does not know it yet\n";
    }
    return text;
}

}  // namespace sluice::server
