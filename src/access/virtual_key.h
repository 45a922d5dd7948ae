// VirtualKey: who may ask, for what, and how much. A key of ours, never one of a provider's.
//
// The secret itself is nowhere: what is kept is its SHA-256. A fast hash is enough because a secret
// of ours has 238 bits of randomness, which no guessing reaches; slow hashes are for passwords.
// Made on the control thread, then never changed; shards read it through a KeyTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/limit_book.h"
#include "access/options.h"
#include "base/priority.h"
#include "base/secret.h"
#include "crypto/digest.h"

namespace sluice::access {

constexpr std::string_view kSecretPrefix = "sk-sluice-";
constexpr size_t kSecretRandomChars = 40;
constexpr std::string_view kIdPrefix = "key_";
constexpr size_t kIdRandomChars = 16;
// What is hashed at all; anything longer is no key.
constexpr size_t kSecretBytesMax = 512;
// Secrets that others chose: below, somebody may guess one.
constexpr size_t kSecretBytesMin = 20;
// Enough for a secret and an id, but for a chance of less than 2^-100 (see make_secret).
constexpr size_t kRandomBytes = 128;

// Of models and routes, of metadata, and of each text among them.
constexpr size_t kPatternsMax = 256;
constexpr size_t kMetadataMax = 64;
constexpr size_t kTextBytesMax = 512;

enum class KeyOrigin : uint8_t { configuration, file };

struct KeyRecord {
    std::string id = {};    // Unique; the name of its scope. In the file "key_" and 16 characters.
    std::string name = {};  // What people call it.
    std::string tenant = {};  // "" for none.
    crypto::Sha256 hash = {};
    std::string display = {};  // The first characters of the secret, "sk-sluice-AbCd".
    std::vector<std::string>
        models;  // Exact, or a beginning and '*'; none at all allows every one.
    std::vector<std::string> routes = {};   // Likewise.
    std::optional<Priority> priority = {};  // In queues; nothing takes that of the route.
    LimitOptions limits = {};
    BudgetOptions budget = {};
    int64_t created_at_s = 0;
    int64_t expires_at_s = 0;  // 0: never.
    int64_t revoked_at_s = 0;  // 0: it is not.
    bool is_disabled = false;
    std::vector<std::pair<std::string, std::string>> metadata = {};
    KeyOrigin origin = KeyOrigin::file;
};

struct TenantRecord {
    std::string name = {};
    LimitOptions limits = {};
    BudgetOptions budget = {};
};

// With the records that count for it.
struct VirtualKey {
    KeyRecord record = {};
    ScopeLimitsPtr limits = {};
    ScopeLimitsPtr tenant = {};  // Null without one, or when it is not configured.
};

// A new secret and an id for it, from random bytes that the caller drew (kRandomBytes of them).
// Nothing when they do not suffice.
struct NewSecret {
    Secret secret = {};
    std::string id = {};
};
std::optional<NewSecret> make_secret(std::span<const uint8_t> random);

crypto::Sha256 hash_secret(std::string_view secret);
// What may be shown of a secret; "" for one that is not of our making.
std::string display_of(std::string_view secret);

// Whether one of the patterns, exact or with a '*' at the end, fits. No pattern fits everything.
bool allows(std::span<const std::string> patterns, std::string_view name);

// What is wrong with a record, one phrase each, beginning with the field: "limits.x must be ...".
std::vector<std::string> problems_of(const KeyRecord& record);
std::vector<std::string> problems_of(const LimitOptions& limits, const BudgetOptions& budget);

}  // namespace sluice::access
