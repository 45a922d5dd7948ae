// Sums over the shards, and JSON.
#include "llm-mock/control.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/time.h"
#include "llm-kit/counters.h"
#include "llm-kit/fault.h"
#include "llm-kit/player.h"
#include "llm-mock/options.h"

namespace sluice::llm_mock {

Control::Control(const MockOptions& options) : options_(options), fault_(options.fault) {
    for (uint32_t i = 0; i < options.shards; ++i) {
        counters_.push_back(std::make_unique<llm_kit::Counters>());
    }
}

bool Control::set_fault(std::string_view text, std::string& wrong) {
    const std::optional<llm_kit::FaultSpec> fault = llm_kit::parse_fault(text, wrong);
    if (fault) {
        const std::lock_guard lock(mutex_);
        fault_ = *fault;
        generation_.fetch_add(1, std::memory_order_release);
    }
    return fault.has_value();
}

llm_kit::FaultSpec Control::fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
}

llm_kit::FaultSpec Control::next_of_script(std::string_view key,
                                           const llm_kit::FaultScript& script) {
    const std::lock_guard lock(mutex_);
    uint64_t& position = script_positions_[std::string(key)];
    const uint64_t current = std::min<uint64_t>(position, script.size() - 1);
    ++position;
    return script[current];
}

void Control::note_abort(const llm_kit::AbortRecord& record) {
    const std::lock_guard lock(mutex_);
    aborts_.push_back(record);
    if (aborts_.size() > kAbortsKept) {
        aborts_.pop_front();
    }
}

void Control::note_request(std::string json) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(json));
    if (requests_.size() > options_.records_max) {
        requests_.pop_front();
    }
}

Control::Sums Control::sums() const {
    Sums all;
    for (const auto& shard : counters_) {
        all.connections += shard->connections.get();
        all.requests += shard->requests.get();
        all.streams += shard->streams.get();
        all.completed += shard->completed.get();
        all.aborted += shard->aborted.get();
        all.faults += shard->faults.get();
        all.refused += shard->refused.get();
        all.events += shard->events.get();
        all.request_body_bytes += shard->request_body_bytes.get();
        all.answer_bytes += shard->answer_bytes.get();
        all.open_connections += shard->open_connections.get();
        all.in_flight += shard->in_flight.get();
    }
    return all;
}

std::string Control::stats_json(Instant now) const {
    const Sums all = sums();
    const std::lock_guard lock(mutex_);
    std::string json = fmt::format(
        "{{\"connections\": {}, \"requests\": {}, \"streams\": {}, \"completed\": {}, "
        "\"aborted\": {}, \"faults\": {}, \"refused\": {}, \"events\": {}, "
        "\"request_body_bytes\": {}, \"answer_bytes\": {}, \"open_connections\": {}, "
        "\"in_flight\": {}, \"monotonic_ns\": {}, \"aborts\": [",
        all.connections - at_reset_.connections, all.requests - at_reset_.requests,
        all.streams - at_reset_.streams, all.completed - at_reset_.completed,
        all.aborted - at_reset_.aborted, all.faults - at_reset_.faults,
        all.refused - at_reset_.refused, all.events - at_reset_.events,
        all.request_body_bytes - at_reset_.request_body_bytes,
        all.answer_bytes - at_reset_.answer_bytes, all.open_connections, all.in_flight, now.ns());
    for (size_t i = 0; i < aborts_.size(); ++i) {
        const llm_kit::AbortRecord& record = aborts_[i];
        fmt::format_to(std::back_inserter(json),
                       "{}{{\"at_monotonic_ns\": {}, \"ms_ago\": {:.3f}, \"events_sent\": {}, "
                       "\"head_sent\": {}}}",
                       i == 0 ? "" : ", ", record.noticed_at.ns(),
                       (now - record.noticed_at).as_seconds() * 1e3, record.events_sent,
                       record.head_sent);
    }
    return json + "]}\n";
}

std::string Control::requests_json() const {
    const std::lock_guard lock(mutex_);
    return fmt::format("[{}]\n", fmt::join(requests_, ",\n"));
}

void Control::reset() {
    const Sums all = sums();
    const std::lock_guard lock(mutex_);
    at_reset_ = all;
    aborts_.clear();
    requests_.clear();
    script_positions_.clear();
}

}  // namespace sluice::llm_mock
