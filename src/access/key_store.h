// KeyStore: the virtual keys of the configuration and of keys.json, and what changes them.
//
// Control thread only; shards get the table. Every change is written to the file first and shown
// in a new table after, so that a key which was handed out survives a crash, and a change that
// cannot be written has not happened. Errors are whole sentences without a full stop: file, key,
// member, what was expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/key_table.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/virtual_key.h"
#include "base/secret.h"

namespace sluice::access {

using Errors = std::vector<std::string>;

class KeyStore {
public:
    // The book outlives the store.
    KeyStore(LimitBook& book, const KeyStoreOptions& options);
    KeyStore(const KeyStore&) = delete;
    KeyStore& operator=(const KeyStore&) = delete;

    // At the start and at every reload: these keys and tenants instead of the former ones, and the
    // file anew. With an error everything stays as it was.
    std::expected<void, Errors> load(std::vector<KeyRecord> configured,
                                     const std::vector<TenantRecord>& tenants,
                                     const Moment& moment);

    const KeyStoreOptions& options() const { return options_; }
    // What shards look up. Never null.
    std::shared_ptr<const KeyTable> table() const { return table_; }
    // Null when there is no such key.
    const VirtualKey* find(std::string_view id) const;

    // A new key with what the draft says of name, tenant, models, routes, limits, budget, expiry
    // and metadata. The secret is in the answer and nowhere else, never again.
    struct Created {
        Secret secret;
        std::string id;
    };
    std::expected<Created, Errors> create(KeyRecord draft,
                                          std::span<const uint8_t> random,
                                          const Moment& moment);
    // The same members of the key with this id; what was used of its limits stays used.
    std::expected<void, Errors> update(const KeyRecord& changed, const Moment& moment);
    // For good. The record stays, so that the log's ids keep their meaning.
    std::expected<void, Errors> revoke(std::string_view id, const Moment& moment);

private:
    using KeyPtr = KeyTable::KeyPtr;
    using Tenants = std::map<std::string, ScopeLimitsPtr, std::less<>>;

    std::expected<std::vector<KeyRecord>, Errors> read_file() const;
    std::expected<KeyPtr, Errors> make_key(KeyRecord record,
                                           const Tenants& tenants,
                                           const Moment& moment);
    // The keys of the file with `changed` in the place of the one with its id, or at the end.
    std::expected<void, Errors> store(KeyRecord changed, const Moment& moment);
    std::expected<const VirtualKey*, Errors> find_stored(std::string_view id) const;
    std::string place_of(const KeyRecord& record) const;

    LimitBook* book_;
    KeyStoreOptions options_;
    Tenants tenants_;
    std::shared_ptr<const KeyTable> table_ = std::make_shared<const KeyTable>();
};

}  // namespace sluice::access
