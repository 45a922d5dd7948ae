// Adding up.
#include "llm-load/metrics.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::llm_load {

void Metrics::count_error(std::string_view kind, std::string example) {
    auto found = errors.find(kind);
    if (found == errors.end()) {
        found = errors.emplace(kind, 0).first;
    }
    ++found->second;
    if (!example.empty() && examples.size() < kExamplesMax) {
        examples.push_back(std::move(example));
    }
}

uint64_t Metrics::error_count() const {
    uint64_t sum = 0;
    for (const auto& [kind, count] : errors) {
        sum += count;
    }
    return sum;
}

void Metrics::merge(const Metrics& other) {
    first_event.merge(other.first_event);
    total.merge(other.total);
    gap.merge(other.gap);
    transit.merge(other.transit);
    connect.merge(other.connect);
    send_lag.merge(other.send_lag);
    began_at = std::min(began_at, other.began_at);
    ended_at = std::max(ended_at, other.ended_at);
    started += other.started;
    completed += other.completed;
    aborted += other.aborted;
    events += other.events;
    body_bytes += other.body_bytes;
    sent_bytes += other.sent_bytes;
    connections += other.connections;
    turns += other.turns;
    system_calls += other.system_calls;
    longest_turn_ns = std::max(longest_turn_ns, other.longest_turn_ns);
    for (const auto& [kind, count] : other.errors) {
        errors[kind] += count;
    }
    for (const std::string& example : other.examples) {
        if (examples.size() < kExamplesMax) {
            examples.push_back(example);
        }
    }
}

}  // namespace sluice::llm_load
