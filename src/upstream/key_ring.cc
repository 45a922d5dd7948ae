// Words of relaxed atomics: a race between two shards costs a rest that is a little wrong.
#include "upstream/key_ring.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "base/time.h"
#include "upstream/options.h"

namespace sluice::upstream {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr unsigned kTagShift = 40;
constexpr uint64_t kRefusedBit = uint64_t{1} << 39;
constexpr uint64_t kTimeMask = kRefusedBit - 1;  // Milliseconds of 17 years.

uint64_t tag_of(std::string_view model) {
    return (uint64_t{std::hash<std::string_view>()(model)} >> kTagShift) << kTagShift;
}

bool has_tag(uint64_t lane, uint64_t tag) {
    return lane >> kTagShift == tag >> kTagShift;
}

int64_t end_ms(uint64_t lane) {
    return static_cast<int64_t>(lane & kTimeMask);
}

Instant at_ms(int64_t ms) {
    return Instant::from_ns(ms * 1'000'000);
}

// Rounded down, so that whoever waits for the end of a rest finds it over.
int64_t ms_of(Instant instant) {
    return instant.ns() / 1'000'000;
}

void raise(std::atomic<int64_t>& to, int64_t value) {
    int64_t seen = to.load(kRelaxed);
    while (seen < value && !to.compare_exchange_weak(seen, value, kRelaxed)) {
    }
}

Secret bearer(const Secret& token) {
    std::string text = "Bearer ";
    text += token.reveal();
    Secret made(text);
    explicit_bzero(text.data(), text.size());
    return made;
}

}  // namespace

// --- KeyRecord.

void KeyRecord::rest(Instant until) {
    raise(until_ms_, ms_of(until));
}

void KeyRecord::rest_for(std::string_view model, Instant until, Why why) {
    const uint64_t tag = tag_of(model);
    const int64_t ms = ms_of(until);
    std::atomic<uint64_t>* lane = &lanes_.front();
    for (std::atomic<uint64_t>& candidate : lanes_) {
        const uint64_t word = candidate.load(kRelaxed);
        if (has_tag(word, tag) && word != 0) {
            lane = end_ms(word) < ms ? &candidate : nullptr;
            break;
        }
        if (end_ms(word) < end_ms(lane->load(kRelaxed))) {
            lane = &candidate;
        }
    }
    if (lane != nullptr) {
        const uint64_t reason = why == Why::refused ? kRefusedBit : 0;
        lane->store(tag | reason | (static_cast<uint64_t>(ms) & kTimeMask), kRelaxed);
        raise(lanes_until_ms_, ms);
    }
}

KeyRecord::Rest KeyRecord::resting(std::string_view model) const {
    const Rest whole = {.until = at_ms(until_ms_.load(kRelaxed)), .why = Why::refused};
    const Rest part = resting_for(model);
    return whole.until >= part.until ? whole : part;
}

KeyRecord::Rest KeyRecord::resting_for(std::string_view model) const {
    if (lanes_until_ms_.load(kRelaxed) == 0) {
        return {};
    }
    const uint64_t tag = tag_of(model);
    for (const std::atomic<uint64_t>& lane : lanes_) {
        const uint64_t word = lane.load(kRelaxed);
        if (has_tag(word, tag) && word != 0) {
            return {.until = at_ms(end_ms(word)),
                    .why = (word & kRefusedBit) != 0 ? Why::refused : Why::throttled};
        }
    }
    return {};
}

// --- KeyRing.

KeyRing::KeyRing(const UpstreamOptions& options, const KeyRing* running) {
    const auto add = [&](const Secret& token) {
        if (token.empty()) {
            return;
        }
        std::shared_ptr<KeyRecord> record;
        for (size_t i = 0; running != nullptr && i < running->size(); ++i) {
            if (running->at(i).token == token) {
                record = running->at(i).record;
            }
        }
        if (record == nullptr) {
            record = std::make_shared<KeyRecord>();
        }
        keys_.push_back({.token = token, .authorization = bearer(token), .record = record});
    };
    add(options.token);
    for (const Secret& token : options.sibling_tokens) {
        add(token);
    }
    SLUICE_ASSERT(keys_.size() <= kKeysMax);
}

KeyRing::Choice KeyRing::choose(std::string_view model, uint64_t tried, Instant now) {
    std::array<uint8_t, kKeysMax> healthy;
    size_t healthy_count = 0;
    Instant first_back = Instant::never();  // Of those that were throttled.
    Instant first_refused = Instant::never();
    size_t longest_refused = 0;
    for (size_t i = 0; i < keys_.size(); ++i) {
        const KeyRecord::Rest rest = keys_[i].record->resting(model);
        const bool is_tried = (tried >> i & 1) != 0;
        if (rest.until <= now) {
            if (!is_tried) {
                healthy[healthy_count++] = static_cast<uint8_t>(i);
            }
        } else if (rest.why == KeyRecord::Why::throttled) {
            first_back = std::min(first_back, rest.until);
        } else if (!is_tried && rest.until < first_refused) {
            first_refused = rest.until;
            longest_refused = i;
        }
    }
    if (healthy_count > 0) {
        const uint32_t turn = keys_.size() > 1 ? turn_.fetch_add(1, kRelaxed) : 0;
        const size_t index = healthy[turn % healthy_count];
        return {.key = &keys_[index], .index = index, .wait = {}};
    }
    if (first_back != Instant::never()) {
        return {.key = nullptr, .index = 0, .wait = first_back - now};
    }
    if (tried == 0 && first_refused != Instant::never()) {
        return {.key = &keys_[longest_refused], .index = longest_refused, .wait = {}};
    }
    return {};
}

}  // namespace sluice::upstream
