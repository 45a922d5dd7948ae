// CacheKey: everything that changes an answer, as one text and a keyed digest of it.
//
// The text has the identity of the call (operation, target, tenant, variant, each with its length)
// and the request's body in canonical form. The digest finds an entry and names it; two keys are
// equal only when their texts are. The secret of the digest is drawn for each process, so that no
// client can choose requests that crowd one bucket or one shard.
// Made by the exchange that asks, then shared and never changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "cache/counted.h"
#include "crypto/digest.h"
#include "crypto/fingerprint.h"
#include "json/tree.h"

namespace sluice::cache {

// Whose answer it is and who is asked for it. Views, for the length of a call.
struct KeyIdentity {
    std::string_view operation;  // The client's dialect and operation: "chat", "messages".
    std::string_view target;     // The route or the upstream, and what of it shapes answers.
    std::string_view tenant;     // Empty where entries are shared by all.
    std::string_view model;      // As invalidation names it.
    std::string_view variant;    // Whatever else the caller wants to be told apart.
};

class CacheKey final : public AtomicallyCounted {
public:
    const crypto::Sha256& digest() const { return digest_; }
    std::string_view text() const { return {bytes(), text_bytes_}; }
    std::string_view tenant() const { return text().substr(tenant_at_, tenant_bytes_); }
    std::string_view model() const { return text().substr(model_at_, model_bytes_); }

    // Spreads over a table. The word behind it spreads over shards, independently.
    uint64_t table_hash() const { return word(0); }
    uint64_t shard_hash() const { return word(sizeof(uint64_t)); }
    bool operator==(const CacheKey& other) const {
        return this == &other || (digest_ == other.digest_ && text() == other.text());
    }
    size_t memory_bytes() const { return memory_bytes_; }

    static void dispose(const CacheKey* key);

private:
    friend class KeyMaker;
    CacheKey() = default;
    ~CacheKey() = default;
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
    uint64_t word(size_t at) const {
        uint64_t value = 0;
        std::memcpy(&value, digest_.data() + at, sizeof value);
        return value;
    }

    crypto::Sha256 digest_ = {};
    size_t memory_bytes_ = 0;
    uint32_t text_bytes_ = 0;
    uint32_t tenant_at_ = 0;
    uint32_t tenant_bytes_ = 0;
    uint32_t model_at_ = 0;
    uint32_t model_bytes_ = 0;
};

using KeyRef = Ref<const CacheKey>;

// Which shard of `count` keeps what has this digest.
inline uint32_t owner_of(uint64_t shard_hash, size_t count) {
    return static_cast<uint32_t>(((shard_hash >> 32U) * count) >> 32U);
}

class KeyMaker {
public:
    using Digest = crypto::Sha256 (*)(std::string_view text);

    explicit KeyMaker(std::string_view secret) : fingerprint_(secret) {}
    // For tests, which force collisions.
    explicit KeyMaker(Digest digest) : fingerprint_(""), digest_(digest) {}

    // `body` is an object, parsed with all its numbers. Null when the text would be too large.
    KeyRef make(const KeyIdentity& identity, const json::Value& body) const;
    // The key that has this text, or null where it is none: for entries read from a file.
    KeyRef restore(std::string_view text) const;

    static constexpr size_t kTextBytesMax = 64UL * 1024 * 1024;

private:
    KeyRef finish(void* memory, size_t room_bytes, size_t text_bytes) const;

    crypto::KeyedFingerprint fingerprint_;
    Digest digest_ = nullptr;  // Instead of the fingerprint.
};

// Whether a member of the top object does not change the answer and is left out of the key.
bool is_left_out(std::string_view member);

}  // namespace sluice::cache
