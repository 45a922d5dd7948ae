// KeyRing: the keys of one upstream, taken in turn, and how each of them fares there.
//
// Made on the main thread with a configuration and shared by all shards: what one shard learns of a
// key (refused, or asked to slow down) the others know at once. The records are relaxed atomics and
// outlive reloads for as long as the key is the same. Nobody waits for anybody here.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/time.h"
#include "upstream/options.h"

namespace sluice::upstream {

// What is known of one key: until when it rests, as a whole or for one model.
class KeyRecord {
public:
    // Instants of the monotonic clock; later ones win over earlier ones.
    enum class Why : uint8_t { throttled, refused };
    struct Rest {
        Instant until;  // In the past, or not set, when the key may be used.
        Why why = Why::throttled;
    };

    void rest(Instant until);
    void rest_for(std::string_view model, Instant until, Why why);
    // The one that ends last, of the key as a whole and of the model.
    Rest resting(std::string_view model) const;

private:
    Rest resting_for(std::string_view model) const;

    // Models that a key may rest for at a time; of more, the one whose rest ends first is dropped.
    static constexpr size_t kLanes = 16;

    std::atomic<int64_t> until_ms_ = 0;
    // The latest of the lanes' ends: in its past there is nothing to look for.
    std::atomic<int64_t> lanes_until_ms_ = 0;
    // Each is one word, so that it is read whole: 24 bits that tell the model, one the reason, 39
    // the end in milliseconds.
    std::array<std::atomic<uint64_t>, kLanes> lanes_ = {};
};

struct Key {
    Secret token;
    Secret authorization;  // "Bearer ..."
    std::shared_ptr<KeyRecord> record;
};

class KeyRing {
public:
    static constexpr size_t kKeysMax = 64;

    // Takes over the records of keys that `running` has, too; null when there is none.
    KeyRing(const UpstreamOptions& options, const KeyRing* running);

    size_t size() const { return keys_.size(); }
    const Key& at(size_t index) const { return keys_[index]; }

    struct Choice {
        const Key* key = nullptr;
        size_t index = 0;
        Duration wait;  // Without a key: until the first of those that were throttled is back.
    };
    // The next in turn of those that do not rest. `tried` has a bit for each key that the request
    // was refused with already. When all rest because they were refused, the one that has rested
    // longest: the provider may have changed its mind, and its words tell more than ours.
    Choice choose(std::string_view model, uint64_t tried, Instant now);

private:
    std::vector<Key> keys_;
    std::atomic<uint32_t> turn_ = 0;
};

}  // namespace sluice::upstream
