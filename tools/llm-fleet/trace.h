// Trace: requests with their times, lengths and the blocks of their prompts, read from a file.
//
// Blocks are chain hashes: two prompts that share the first n of them share their first n blocks of
// text. Rows are in the order of their times, the first at 0. Read once, then shared by all runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace sluice::llm_fleet {

// What one block of a prompt holds in the traces of Mooncake, which all others follow here.
inline constexpr uint32_t kTraceBlockTokens = 512;

struct TraceRow {
    Duration at = {};
    uint32_t input_tokens = 0;
    uint32_t output_tokens = 0;
    uint32_t first_block = 0;
    uint32_t block_count = 0;  // The last one may be partly filled.
};

class Trace {
public:
    std::string name;
    std::vector<TraceRow> rows;

    // Appends a row whose blocks have these ids, one for each begun block; equal ids at equal
    // places after equal ones are equal text.
    void add(Duration at,
             uint32_t input_tokens,
             uint32_t output_tokens,
             std::span<const uint64_t> ids);
    // Likewise, with a prompt that shares nothing with any other.
    void add_unique(Duration at, uint32_t input_tokens, uint32_t output_tokens);

    std::span<const uint64_t> blocks_of(const TraceRow& row) const {
        return std::span(blocks_).subspan(row.first_block, row.block_count);
    }
    Duration length() const { return rows.empty() ? Duration() : rows.back().at; }
    uint64_t input_tokens() const;
    uint64_t output_tokens() const;

private:
    std::vector<uint64_t> blocks_;
};

constexpr uint32_t blocks_for(uint32_t tokens) {
    return (tokens + kTraceBlockTokens - 1) / kTraceBlockTokens;
}

// Reads Mooncake's JSON lines (a name that ends in .jsonl) or Azure's CSV (.csv). Returns what is
// wrong, with file and line, or nothing.
std::string read_trace(const std::string& path, Trace& trace);
// The same from a text; `name` is for errors.
std::string read_mooncake(std::string_view text, std::string_view name, Trace& trace);
std::string read_azure(std::string_view text, std::string_view name, Trace& trace);

}  // namespace sluice::llm_fleet
