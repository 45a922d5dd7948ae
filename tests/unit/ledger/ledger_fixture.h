// What the tests of the ledger share: a folder that goes away, entries, and questions to a file.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry.h"
#include "ledger/report_source.h"

namespace sluice::ledger::test {

// What nothing of a test can do without is not there.
[[noreturn]] inline void give_up(std::string_view why) {
    std::cerr << why << '\n';
    std::abort();
}

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) {
            give_up("mkdtemp");
        }
        path_ = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const char* name) const { return (path_ / name).string(); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline constexpr int64_t kNsPerSecond = 1'000'000'000;
inline constexpr int64_t kDayNs = 86'400 * kNsPerSecond;
inline constexpr int64_t kStartNs = 20'785 * kDayNs;  // 2026-11-28T00:00:00Z

// The n-th of a series: a second later each time, with an id of its own.
inline Entry sample_entry(uint64_t n) {
    Entry entry;
    entry.started_at_ns = kStartNs + static_cast<int64_t>(n) * kNsPerSecond;
    entry.id = EntryId::make(entry.started_at_ns, n);
    entry.key_id = std::string_view("key-1");
    entry.tenant = std::string_view("tenant-1");
    entry.operation = std::string_view("chat");
    entry.model = std::string_view("gpt-4o");
    entry.provider = std::string_view("openai");
    entry.upstream_model = std::string_view("gpt-4o-2024-08-06");
    entry.status = 200;
    entry.attempts = 1;
    entry.input_tokens = 100;
    entry.output_tokens = 10;
    entry.cost_pico = 350'000'000;
    entry.is_priced = true;
    entry.price_version = std::string_view("0123456789ab");
    entry.latency_ms = 1'234;
    entry.ttft_ms = 56;
    return entry;
}

inline std::vector<Entry> sample_entries(uint64_t first, uint64_t count) {
    std::vector<Entry> entries;
    for (uint64_t n = first; n < first + count; ++n) {
        entries.push_back(sample_entry(n));
    }
    return entries;
}

// The rows of a question to a ledger; ends the test program where there are none.
inline ReportSource::Rows ask(const LedgerOptions& options,
                              const std::string& sql,
                              std::span<const std::string> parameters = {}) {
    auto source = open_report_source(options);
    if (!source) {
        give_up(source.error());
    }
    auto rows = (*source)->ask(sql, parameters);
    if (!rows) {
        give_up(rows.error());
    }
    return *rows;
}

// One value.
inline std::string ask_one(const LedgerOptions& options, const std::string& sql) {
    return ask(options, sql).at(0).at(0);
}

inline LedgerOptions file_options(const std::string& path) {
    LedgerOptions options;
    options.path = path;
    return options;
}

}  // namespace sluice::ledger::test
