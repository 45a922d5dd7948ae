// The events of a Responses stream: their names, and what all of them begin with.
#pragma once

#include <cstdint>
#include <string_view>

#include "json/writer.h"
#include "providers/provider_error.h"
#include "providers/responses_output.h"

namespace sluice::providers {

// The events about the inside of an item, by its kind.
struct ItemEvents {
    std::string_view part_added;  // Calls have no parts.
    std::string_view delta;
    std::string_view done;
    std::string_view part_done;
    std::string_view whole;  // The member of `done`.
    std::string_view part;   // The member that numbers parts.
};

const ItemEvents& item_events(ItemKind kind);

void append_response_number(uint64_t value, json::TextOutput& output);
// Its line and its data, up to the end of the type.
void append_response_event(std::string_view type, json::TextOutput& output);
void write_response_error(const ProviderError& error, uint64_t number, json::TextOutput& output);

}  // namespace sluice::providers
