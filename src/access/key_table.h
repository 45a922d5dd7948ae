// KeyTable: all virtual keys at one moment, which nobody can change any more; and the question
// whether what a client presented is one of them and may do what it asks for.
//
// The control thread makes a new table for every change and mails it to the shards. A shard keeps
// one reference and counts its exchanges locally, so that looking up shares nothing. About one
// microsecond, most of it SHA-256; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "access/virtual_key.h"
#include "crypto/digest.h"

namespace sluice::access {

enum class AccessReason : uint8_t {
    granted,
    missing,
    unknown,
    revoked,
    disabled,
    expired,
    model_not_allowed,
    route_not_allowed,
};
// A stable lower-case name for logs and metrics, "model_not_allowed".
std::string_view access_reason_name(AccessReason reason);

struct AccessVerdict {
    AccessReason reason = AccessReason::missing;
    // Whose it is, for the log also where it is refused; null when missing or unknown. Lives as
    // long as the table.
    const VirtualKey* key = nullptr;

    bool is_granted() const { return reason == AccessReason::granted; }
};

class KeyTable {
public:
    using KeyPtr = std::shared_ptr<const VirtualKey>;

    KeyTable() : KeyTable(std::vector<KeyPtr>()) {}
    // No two with the same hash.
    explicit KeyTable(std::vector<KeyPtr> keys);

    const VirtualKey* find(const crypto::Sha256& hash) const;
    std::span<const KeyPtr> keys() const { return keys_; }
    bool empty() const { return keys_.empty(); }

private:
    struct Slot {
        uint64_t hash_begin = 0;
        const VirtualKey* key = nullptr;  // Null: free.
    };

    std::vector<KeyPtr> keys_;
    std::vector<Slot> slots_;  // A power of two, at most half full.
};

// The control thread's and, one each, the shards'.
using KeyTablePtr = std::shared_ptr<const KeyTable>;

// `presented` is the bare key, without "Bearer". An empty model or route is not known yet and not
// checked; may_use() is for when it is.
AccessVerdict authenticate(const KeyTable& table,
                           std::string_view presented,
                           int64_t unix_s,
                           std::string_view model,
                           std::string_view route);
// granted, model_not_allowed or route_not_allowed.
AccessReason may_use(const VirtualKey& key, std::string_view model, std::string_view route);

// The key in the value of an `authorization` field; "" when that is of another scheme.
std::string_view bearer_token(std::string_view authorization);

}  // namespace sluice::access
