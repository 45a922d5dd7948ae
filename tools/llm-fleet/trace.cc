// The two formats of public traces, strictly: a row that says something else is an error.
#include "llm-fleet/trace.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "json/tree.h"

namespace sluice::llm_fleet {

namespace {

constexpr uint32_t kTokensMax = 100'000'000;
constexpr std::string_view kAzureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens";

uint64_t chain(uint64_t before, uint64_t id) {
    uint64_t z = before ^ ((id + 1) * 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

// Lines one by one, with their numbers; the last may lack its newline.
class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}
    std::optional<std::string_view> next() {
        if (rest_.empty()) {
            return std::nullopt;
        }
        const size_t end = rest_.find('\n');
        std::string_view line = rest_.substr(0, end);
        rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        ++number_;
        return line;
    }
    uint64_t number() const { return number_; }

private:
    std::string_view rest_;
    uint64_t number_ = 0;
};

std::optional<uint32_t> tokens_of(std::optional<int64_t> number) {
    if (!number || *number < 0 || *number > kTokensMax) {
        return std::nullopt;
    }
    return static_cast<uint32_t>(*number);
}

std::string out_of_order(std::string_view name, uint64_t line) {
    return fmt::format("{}:{}: earlier than the row before it", name, line);
}

// What is wrong with a row of Mooncake's, or nothing.
std::string add_mooncake_row(const json::Value& row, Trace& trace) {
    const std::optional<int64_t> at_ms = row["timestamp"].integer();
    const std::optional<uint32_t> input = tokens_of(row["input_length"].integer());
    const std::optional<uint32_t> output = tokens_of(row["output_length"].integer());
    const json::Value& ids = row["hash_ids"];
    if (!at_ms || *at_ms < 0) {
        return "\"timestamp\" must be milliseconds, 0 or more";
    }
    if (!input || *input == 0) {
        return "\"input_length\" must be a number of tokens, 1 or more";
    }
    if (!output) {
        return "\"output_length\" must be a number of tokens";
    }
    if (!ids.is_array() || ids.size() != blocks_for(*input)) {
        return fmt::format("\"hash_ids\" must be {} numbers, one for each begun {} tokens",
                           blocks_for(*input), kTraceBlockTokens);
    }
    std::vector<uint64_t> blocks;
    blocks.reserve(ids.size());
    for (const json::Value& id : ids) {
        const std::optional<int64_t> number = id.integer();
        if (!number || *number < 0) {
            return "\"hash_ids\" must be whole numbers";
        }
        blocks.push_back(static_cast<uint64_t>(*number));
    }
    trace.add(Duration::milliseconds(*at_ms), *input, *output, blocks);
    return {};
}

// A number of exactly `digits` digits at the beginning, and the character behind it.
bool take(std::string_view& text, size_t digits, char behind, int64_t& value) {
    if (text.size() <= digits || text[digits] != behind) {
        return false;
    }
    const std::optional<uint64_t> number = parse_decimal(text.substr(0, digits));
    text.remove_prefix(digits + 1);
    value = static_cast<int64_t>(number.value_or(0));
    return number.has_value();
}

// "2023-11-16 18:15:46.6805900" to the time since 1970.
std::optional<Duration> time_of(std::string_view text) {
    constexpr size_t kFractionDigits = 7;
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    if (!take(text, 4, '-', year) || !take(text, 2, '-', month) || !take(text, 2, ' ', day) ||
        !take(text, 2, ':', hour) || !take(text, 2, ':', minute) || !take(text, 2, '.', second)) {
        return std::nullopt;
    }
    const std::optional<uint64_t> fraction = parse_decimal(text);
    if (!fraction || text.size() != kFractionDigits) {
        return std::nullopt;
    }
    const int64_t days = days_since_1970({.year = year, .month = month, .day = day});
    const int64_t seconds = days * kSecondsPerDay + (hour * 60 + minute) * 60 + second;
    return Duration::seconds(seconds) +
           Duration::nanoseconds(static_cast<int64_t>(*fraction) * 100);
}

std::optional<uint32_t> decimal_tokens(std::string_view text) {
    const std::optional<uint64_t> number = parse_decimal(text);
    return number ? tokens_of(static_cast<int64_t>(*number)) : std::nullopt;
}

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string read_file(const std::string& path, std::string& text) {
    const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
    if (file == nullptr) {
        return fmt::format("{}: {}", path, std::generic_category().message(errno));
    }
    std::array<char, 65536> piece;
    while (const size_t count = std::fread(piece.data(), 1, piece.size(), file.get())) {
        text.append(piece.data(), count);
    }
    return std::ferror(file.get()) != 0 ? fmt::format("{}: cannot be read", path) : std::string();
}

}  // namespace

void Trace::add(Duration at,
                uint32_t input_tokens,
                uint32_t output_tokens,
                std::span<const uint64_t> ids) {
    rows.push_back({.at = at,
                    .input_tokens = input_tokens,
                    .output_tokens = output_tokens,
                    .first_block = static_cast<uint32_t>(blocks_.size()),
                    .block_count = static_cast<uint32_t>(ids.size())});
    uint64_t hash = 0;
    for (const uint64_t id : ids) {
        hash = chain(hash, id);
        blocks_.push_back(hash);
    }
}

void Trace::add_unique(Duration at, uint32_t input_tokens, uint32_t output_tokens) {
    constexpr uint64_t kUniqueIds = uint64_t{1} << 40;  // Above what traces and makers use.
    std::vector<uint64_t> ids(blocks_for(input_tokens));
    for (uint64_t& id : ids) {
        id = kUniqueIds + rows.size();
    }
    add(at, input_tokens, output_tokens, ids);
}

uint64_t Trace::input_tokens() const {
    uint64_t sum = 0;
    for (const TraceRow& row : rows) {
        sum += row.input_tokens;
    }
    return sum;
}

uint64_t Trace::output_tokens() const {
    uint64_t sum = 0;
    for (const TraceRow& row : rows) {
        sum += row.output_tokens;
    }
    return sum;
}

std::string read_mooncake(std::string_view text, std::string_view name, Trace& trace) {
    Lines lines(text);
    Arena arena;
    while (const std::optional<std::string_view> line = lines.next()) {
        arena.reset();
        const Result<const json::Value*> row =
            json::Value::parse(*line, arena, ErrorSource::client);
        if (!row) {
            return fmt::format("{}:{}: not JSON: {}", name, lines.number(), row.error().where);
        }
        if (const std::string wrong = add_mooncake_row(**row, trace); !wrong.empty()) {
            return fmt::format("{}:{}: {}", name, lines.number(), wrong);
        }
        const size_t count = trace.rows.size();
        if (count > 1 && trace.rows[count - 1].at < trace.rows[count - 2].at) {
            return out_of_order(name, lines.number());
        }
    }
    return trace.rows.empty() ? fmt::format("{}: no rows", name) : std::string();
}

std::string read_azure(std::string_view text, std::string_view name, Trace& trace) {
    Lines lines(text);
    if (lines.next() != kAzureHeader) {
        return fmt::format("{}:1: the first line must be \"{}\"", name, kAzureHeader);
    }
    Duration first;
    while (const std::optional<std::string_view> line = lines.next()) {
        const size_t input_at = line->find(',');
        const size_t output_at = input_at == line->npos ? input_at : line->find(',', input_at + 1);
        if (output_at == line->npos) {
            return fmt::format("{}:{}: three fields are needed", name, lines.number());
        }
        const std::optional<Duration> at = time_of(line->substr(0, input_at));
        const std::optional<uint32_t> input =
            decimal_tokens(line->substr(input_at + 1, output_at - input_at - 1));
        const std::optional<uint32_t> output = decimal_tokens(line->substr(output_at + 1));
        if (!at) {
            return fmt::format("{}:{}: the time must be like 2023-11-16 18:15:46.6805900", name,
                               lines.number());
        }
        if (!input || *input == 0 || !output) {
            return fmt::format("{}:{}: tokens must be whole numbers, of the context 1 or more",
                               name, lines.number());
        }
        if (trace.rows.empty()) {
            first = *at;
        } else if (*at - first < trace.rows.back().at) {
            return out_of_order(name, lines.number());
        }
        trace.add_unique(*at - first, *input, *output);
    }
    return trace.rows.empty() ? fmt::format("{}: no rows", name) : std::string();
}

std::string read_trace(const std::string& path, Trace& trace) {
    std::string text;
    if (std::string wrong = read_file(path, text); !wrong.empty()) {
        return wrong;
    }
    trace.name = path.substr(path.rfind('/') + 1);
    if (path.ends_with(".jsonl")) {
        return read_mooncake(text, path, trace);
    }
    if (path.ends_with(".csv")) {
        return read_azure(text, path, trace);
    }
    return fmt::format("{}: neither .jsonl (Mooncake) nor .csv (Azure)", path);
}

}  // namespace sluice::llm_fleet
