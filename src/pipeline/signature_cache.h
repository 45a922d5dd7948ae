// SignatureCache: the signatures that Gemini gave to calls of late, by tenant and id of the call.
//
// One for the process, so that the next turn finds them whichever shard it comes to; bounded, the
// oldest go first. Locks itself, once for each signed call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/arena.h"
#include "json/tree.h"
#include "providers/call_signatures.h"

namespace sluice::pipeline {

class SignatureCache {
public:
    // Of the process; some ten thousand signatures.
    static constexpr size_t kBytesMax = size_t{16} * 1024 * 1024;
    // Longer ones are not kept; they have at most five thousand bytes.
    static constexpr size_t kSignatureBytesMax = size_t{64} * 1024;

    void keep(std::string_view tenant, std::string_view id, std::string_view signature);
    // In the arena; empty when there is none.
    std::string_view find(std::string_view tenant, std::string_view id, Arena& arena);
    // What it holds, its own bookkeeping included.
    size_t size_bytes();

private:
    static constexpr size_t kParts = 16;

    // A digest of tenant and id, so that neither can be mistaken for another.
    struct Key {
        uint64_t high;
        uint64_t low;
        bool operator==(const Key&) const = default;
    };
    struct HashOfKey {
        size_t operator()(const Key& key) const { return key.low; }
    };
    struct Part {
        std::mutex mutex;
        std::unordered_map<Key, std::string, HashOfKey> signatures;
        std::deque<Key> order;  // The oldest first.
        size_t size_bytes = 0;
    };

    static Key key_of(std::string_view tenant, std::string_view id);
    Part& part_of(const Key& key) { return parts_[key.high % kParts]; }

    std::array<Part, kParts> parts_;
};

// One tenant's; of an exchange.
class TenantSignatures final : public providers::CallSignatures {
public:
    TenantSignatures(SignatureCache& cache, std::string_view tenant)
        : cache_(cache), tenant_(tenant) {}

    void keep(json::Text id, json::Text signature) override {
        cache_.keep(tenant_, id.raw, signature.raw);
    }
    json::Text find(json::Text id, Arena& arena) override {
        return {cache_.find(tenant_, id.raw, arena)};
    }

private:
    SignatureCache& cache_;
    std::string_view tenant_;
};

}  // namespace sluice::pipeline
