// The columns of the ledger's table: name, type, and where the value stands in an Entry.
//
// One table for both databases; statements are made of it. Numbers are 64 bits wide and signed,
// truths are 0 and 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ledger/entry.h"

namespace sluice::ledger {

inline constexpr std::string_view kTable = "sluice_usage";
// Of the form of the table; a program refuses a ledger of a later one.
inline constexpr int kSchemaVersion = 1;

struct Column {
    std::string_view name;
    // One of the two; the id is neither.
    int64_t (*number)(const Entry& entry) = nullptr;
    std::string_view (*text)(const Entry& entry) = nullptr;

    bool is_id() const { return number == nullptr && text == nullptr; }
};

std::span<const Column> columns();

// "id, started_at_ns, ..."
std::string column_names();

// A text as every database takes it: valid UTF-8 without control characters. What is not is
// replaced by '?'; the copy is in `scratch`.
std::string_view clean(std::string_view text, std::string& scratch);

}  // namespace sluice::ledger
