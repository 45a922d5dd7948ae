// One table says which member is which number; a Reader collects what is wrong.
#include "access/key_json.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "access/money.h"
#include "access/options.h"
#include "access/virtual_key.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/priority.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "json/rfc3339.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"

namespace sluice::access {

namespace {

constexpr int64_t kFormatVersion = 1;

struct LimitMember {
    std::string_view name;
    int64_t LimitOptions::* value;
};
constexpr std::array<LimitMember, 9> kLimitMembers = {{
    {"requests_per_minute", &LimitOptions::requests_per_minute},
    {"requests_per_hour", &LimitOptions::requests_per_hour},
    {"requests_per_day", &LimitOptions::requests_per_day},
    {"tokens_per_minute", &LimitOptions::tokens_per_minute},
    {"tokens_per_hour", &LimitOptions::tokens_per_hour},
    {"tokens_per_day", &LimitOptions::tokens_per_day},
    {"requests_burst", &LimitOptions::requests_burst},
    {"tokens_burst", &LimitOptions::tokens_burst},
    {"concurrency_max", &LimitOptions::concurrency_max},
}};

constexpr std::array<std::string_view, 5> kPeriodNames = {"hour", "day", "week", "month", "total"};

class Reader {
public:
    Reader(Arena& arena, KeyRecord& record, std::vector<std::string>& errors)
        : arena_(&arena), record_(&record), errors_(&errors) {}

    // Whether `member` is one that a caller may set.
    bool read_settable(const json::Value& member);
    // Whether it is one that only the file has.
    bool read_stored(const json::Value& member);
    void unknown(const json::Value& member, std::string_view inside = "") {
        errors_->push_back(
            fmt::format("{}{} is not a member that is known", inside, member.key().raw));
    }

private:
    void wrong(std::string_view field, std::string_view expected, const json::Value& value) {
        constexpr size_t kShownMax = 64;
        errors_->push_back(fmt::format("{} must be {}, not {}", field, expected,
                                       value.raw().substr(0, kShownMax)));
    }
    void text(const json::Value& value, std::string_view field, std::string& to);
    void texts(const json::Value& value, std::string_view field, std::vector<std::string>& to);
    void time(const json::Value& value, std::string_view field, int64_t& to_s);
    void dollars(const json::Value& value, std::string_view field, int64_t& to);
    void limits(const json::Value& value);
    void budget(const json::Value& value);
    void priority(const json::Value& value);
    void metadata(const json::Value& value);
    std::string unescaped(json::Text text) {
        return std::string(json::unescape(text.raw, *arena_).value_or(text.raw));
    }

    Arena* arena_;
    KeyRecord* record_;
    std::vector<std::string>* errors_;
};

void Reader::text(const json::Value& value, std::string_view field, std::string& to) {
    if (!value.is_string()) {
        wrong(field, "a text", value);
        return;
    }
    to = unescaped(value.text());
}

void Reader::texts(const json::Value& value, std::string_view field, std::vector<std::string>& to) {
    if (!value.is_array()) {
        wrong(field, "an array of texts", value);
        return;
    }
    to.clear();
    for (const json::Value& item : value) {
        if (!item.is_string()) {
            wrong(field, "an array of texts", value);
            return;
        }
        to.push_back(unescaped(item.text()));
    }
}

void Reader::time(const json::Value& value, std::string_view field, int64_t& to_s) {
    if (value.is_nothing()) {
        to_s = 0;
        return;
    }
    const std::optional<int64_t> seconds =
        value.is_string() ? json::parse_rfc3339(value.text().raw) : std::nullopt;
    if (!seconds || *seconds <= 0) {
        wrong(field, "a time such as \"2027-01-31T00:00:00Z\", or null", value);
        return;
    }
    to_s = *seconds;
}

void Reader::dollars(const json::Value& value, std::string_view field, int64_t& to) {
    const std::optional<int64_t> sum =
        value.is_number() ? parse_dollars(value.raw()) : std::nullopt;
    if (!sum) {
        wrong(field,
              fmt::format("a number of dollars from 0 to {} with at most 12 decimals", kDollarsMax),
              value);
        return;
    }
    to = *sum;
}

void Reader::limits(const json::Value& value) {
    if (!value.is_object()) {
        wrong("limits", "an object", value);
        return;
    }
    for (const json::Value& member : value) {
        const auto* const found =
            std::ranges::find(kLimitMembers, member.key().raw, &LimitMember::name);
        if (found == kLimitMembers.end()) {
            unknown(member, "limits.");
            continue;
        }
        const std::optional<int64_t> number = member.integer();
        if (!number) {
            wrong(fmt::format("limits.{}", found->name), "a whole number, 0 for no limit", member);
            continue;
        }
        record_->limits.*found->value = *number;
    }
}

void Reader::budget(const json::Value& value) {
    if (!value.is_object()) {
        wrong("budget", "an object", value);
        return;
    }
    for (const json::Value& member : value) {
        if (member.key() == "usd") {
            dollars(member, "budget.usd", record_->budget.hard_picodollars);
        } else if (member.key() == "soft_usd") {
            dollars(member, "budget.soft_usd", record_->budget.soft_picodollars);
        } else if (member.key() == "period") {
            const auto period = parse_budget_period(member.text().raw);
            if (!period) {
                wrong("budget.period", "one of hour, day, week, month, total", member);
            } else {
                record_->budget.period = *period;
            }
        } else {
            unknown(member, "budget.");
        }
    }
}

void Reader::metadata(const json::Value& value) {
    if (!value.is_object()) {
        wrong("metadata", "an object of texts", value);
        return;
    }
    record_->metadata.clear();
    for (const json::Value& member : value) {
        if (!member.is_string()) {
            wrong(fmt::format("metadata.{}", member.key().raw), "a text", member);
            continue;
        }
        record_->metadata.emplace_back(unescaped(member.key()), unescaped(member.text()));
    }
}

void Reader::priority(const json::Value& value) {
    const std::string name = value.is_string() ? unescaped(value.text()) : std::string("?");
    record_->priority = priority_named(name);
    if (!name.empty() && !record_->priority) {
        wrong("priority", "high, normal, low or an empty text", value);
    }
}

bool Reader::read_settable(const json::Value& member) {
    const std::string_view key = member.key().raw;
    if (key == "name") {
        text(member, key, record_->name);
    } else if (key == "tenant") {
        text(member, key, record_->tenant);
    } else if (key == "models") {
        texts(member, key, record_->models);
    } else if (key == "routes") {
        texts(member, key, record_->routes);
    } else if (key == "priority") {
        priority(member);
    } else if (key == "limits") {
        limits(member);
    } else if (key == "budget") {
        budget(member);
    } else if (key == "metadata") {
        metadata(member);
    } else if (key == "expires_at") {
        time(member, key, record_->expires_at_s);
    } else if (key == "disabled") {
        if (!member.is_boolean()) {
            wrong(key, "true or false", member);
        }
        record_->is_disabled = member.is_true();
    } else {
        return false;
    }
    return true;
}

bool Reader::read_stored(const json::Value& member) {
    const std::string_view key = member.key().raw;
    if (key == "id") {
        text(member, key, record_->id);
    } else if (key == "prefix") {
        text(member, key, record_->display);
    } else if (key == "created_at") {
        time(member, key, record_->created_at_s);
    } else if (key == "revoked_at") {
        time(member, key, record_->revoked_at_s);
    } else if (key == "sha256") {
        const auto hash = crypto::parse_sha256(member.text().raw);
        if (!hash) {
            // Not shown: somebody may have written the secret itself here.
            errors_->emplace_back("sha256 must be 64 hexadecimal digits");
        } else {
            record_->hash = *hash;
        }
    } else {
        return false;
    }
    return true;
}

void write_texts(json::Writer& writer, const std::vector<std::string>& texts) {
    writer.begin_array();
    for (const std::string& text : texts) {
        writer.string(text);
    }
    writer.end_array();
}

void write_time(json::Writer& writer, std::string_view key, int64_t seconds, KeyDetail detail) {
    if (seconds == 0) {
        if (detail == KeyDetail::public_members) {
            writer.key(key).null();
        }
        return;
    }
    std::string text;
    {
        json::StringText output(text);
        json::append_rfc3339(output, seconds);
    }
    writer.key(key).string(text);
}

// One key of the file, with its name before each error.
KeyRecord read_stored_key(const json::Value& object,
                          size_t number,
                          Arena& arena,
                          std::vector<std::string>& errors) {
    KeyRecord record;
    std::vector<std::string> own;
    Reader reader(arena, record, own);
    for (const json::Value& member : object) {
        if (!reader.read_settable(member) && !reader.read_stored(member)) {
            reader.unknown(member);
        }
    }
    if (!object.is_object()) {
        own.emplace_back("must be an object");
    } else {
        for (const std::string_view needed : {"id", "name", "sha256"}) {
            if (!object[needed].is_present()) {
                own.push_back(fmt::format("{} is missing", needed));
            }
        }
    }
    if (own.empty()) {
        own = problems_of(record);
    }
    const std::string shown = record.name.empty() ? fmt::format("key number {}", number)
                                                  : fmt::format("key '{}'", record.name);
    for (const std::string& error : own) {
        errors.push_back(fmt::format("{}: {}", shown, error));
    }
    return record;
}

}  // namespace

std::string_view budget_period_name(BudgetPeriod period) {
    return kPeriodNames[static_cast<size_t>(period)];
}

std::optional<BudgetPeriod> parse_budget_period(std::string_view name) {
    const auto* const found = std::ranges::find(kPeriodNames, name);
    if (found == kPeriodNames.end()) {
        return std::nullopt;
    }
    return static_cast<BudgetPeriod>(found - kPeriodNames.begin());
}

void read_settable(const json::Value& object,
                   Arena& arena,
                   KeyRecord& record,
                   std::vector<std::string>& errors) {
    if (!object.is_object()) {
        errors.emplace_back("a key must be an object");
        return;
    }
    Reader reader(arena, record, errors);
    for (const json::Value& member : object) {
        if (!reader.read_settable(member)) {
            reader.unknown(member);
        }
    }
}

void write_limits(json::Writer& writer, const LimitOptions& limits) {
    writer.begin_object();
    for (const LimitMember& member : kLimitMembers) {
        if (limits.*member.value != 0) {
            writer.key(member.name).integer(limits.*member.value);
        }
    }
    writer.end_object();
}

void write_budget(json::Writer& writer, const BudgetOptions& budget) {
    writer.begin_object();
    if (budget.hard_picodollars != 0) {
        writer.key("usd").raw(format_dollars(budget.hard_picodollars));
    }
    if (budget.soft_picodollars != 0) {
        writer.key("soft_usd").raw(format_dollars(budget.soft_picodollars));
    }
    if (budget.hard_picodollars != 0 || budget.soft_picodollars != 0) {
        writer.key("period").string(budget_period_name(budget.period));
    }
    writer.end_object();
}

void write_key(json::Writer& writer, const KeyRecord& record, KeyDetail detail) {
    writer.begin_object();
    writer.key("id").string(record.id).key("name").string(record.name);
    writer.key("tenant").string(record.tenant).key("prefix").string(record.display);
    if (detail == KeyDetail::everything) {
        writer.key("sha256").string(crypto::hex(record.hash));
    } else {
        writer.key("origin").string(record.origin == KeyOrigin::configuration ? "configuration"
                                                                              : "file");
    }
    writer.key("models");
    write_texts(writer, record.models);
    writer.key("routes");
    write_texts(writer, record.routes);
    if (record.priority || detail == KeyDetail::public_members) {
        writer.key("priority").string(record.priority ? name_of(*record.priority) : "");
    }
    writer.key("limits");
    write_limits(writer, record.limits);
    writer.key("budget");
    write_budget(writer, record.budget);
    write_time(writer, "created_at", record.created_at_s, detail);
    write_time(writer, "expires_at", record.expires_at_s, detail);
    write_time(writer, "revoked_at", record.revoked_at_s, detail);
    writer.key("disabled").boolean(record.is_disabled);
    writer.key("metadata").begin_object();
    for (const auto& [key, value] : record.metadata) {
        writer.key(key).string(value);
    }
    writer.end_object().end_object();
}

KeyFileContent read_key_file(std::string_view text) {
    Arena arena;
    KeyFileContent content;
    const Result<const json::Value*> parsed = json::Value::parse(text, arena, ErrorSource::gateway);
    if (!parsed) {
        content.errors.push_back(fmt::format("is not JSON: {}", parsed.error().where));
        return content;
    }
    const json::Value& root = **parsed;
    if (root["version"].integer() != kFormatVersion) {
        content.errors.push_back(fmt::format("version must be {}", kFormatVersion));
    }
    if (!root["keys"].is_array()) {
        content.errors.emplace_back("keys must be an array of keys");
    }
    size_t number = 0;
    for (const json::Value& key : root["keys"]) {
        content.keys.push_back(read_stored_key(key, ++number, arena, content.errors));
    }
    return content;
}

// One key a line, so that differences can be read.
std::string write_key_file(const std::vector<const KeyRecord*>& keys) {
    std::string text = fmt::format("{{\"version\":{},\"keys\":[", kFormatVersion);
    std::string_view separator = "\n";
    for (const KeyRecord* const key : keys) {
        text += separator;
        json::StringText output(text);
        json::Writer writer(output);
        write_key(writer, *key, KeyDetail::everything);
        output.finish();
        separator = ",\n";
    }
    text += "\n]}\n";
    return text;
}

}  // namespace sluice::access
