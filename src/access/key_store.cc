// Checks come first, then the file, then the table: nothing after the file can fail but for room in
// the book, which is asked for before.
#include "access/key_store.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "access/key_file.h"
#include "access/key_json.h"
#include "access/key_table.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "access/virtual_key.h"
#include "crypto/digest.h"

namespace sluice::access {

namespace {

std::unexpected<Errors> fails(std::string error) {
    Errors errors;
    errors.push_back(std::move(error));
    return std::unexpected(std::move(errors));
}

void append_problems(std::string_view place,
                     const std::vector<std::string>& problems,
                     Errors& errors) {
    for (const std::string& problem : problems) {
        errors.push_back(fmt::format("{}: {}", place, problem));
    }
}

}  // namespace

KeyStore::KeyStore(LimitBook& book, const KeyStoreOptions& options)
    : book_(&book), options_(options) {}

std::string KeyStore::place_of(const KeyRecord& record) const {
    return record.origin == KeyOrigin::configuration
               ? fmt::format("[key.{}]", record.id)
               : fmt::format("{}: key '{}'", options_.file, record.name);
}

std::expected<std::vector<KeyRecord>, Errors> KeyStore::read_file() const {
    if (options_.file.empty()) {
        return {};
    }
    const auto content = read_private_file(options_.file, options_.file_bytes_max);
    if (!content) {
        return fails(fmt::format("{} {}", options_.file, content.error()));
    }
    const std::optional<std::string>& text = *content;
    if (!text) {
        return {};
    }
    KeyFileContent read = read_key_file(*text);
    if (!read.errors.empty()) {
        Errors errors;
        append_problems(options_.file, read.errors, errors);
        return std::unexpected(std::move(errors));
    }
    return std::move(read.keys);
}

std::expected<KeyStore::KeyPtr, Errors> KeyStore::make_key(KeyRecord record,
                                                           const Tenants& tenants,
                                                           const Moment& moment) {
    auto limits = book_->scope(ScopeKind::key, record.id, record.limits, record.budget, moment);
    if (!limits) {
        return fails(fmt::format("{}: {}", place_of(record), limits.error()));
    }
    const auto tenant = tenants.find(record.tenant);
    return std::make_shared<const VirtualKey>(
        VirtualKey{.record = std::move(record),
                   .limits = std::move(*limits),
                   .tenant = tenant == tenants.end() ? nullptr : tenant->second});
}

std::expected<void, Errors> KeyStore::load(std::vector<KeyRecord> configured,
                                           const std::vector<TenantRecord>& tenants,
                                           const Moment& moment) {
    auto stored = read_file();
    if (!stored) {
        return std::unexpected(std::move(stored.error()));
    }
    std::vector<KeyRecord> records = std::move(configured);
    std::ranges::move(*stored, std::back_inserter(records));
    Errors errors;
    std::map<crypto::Sha256, const KeyRecord*> by_hash;
    std::set<std::string_view> ids;
    for (const KeyRecord& record : records) {
        append_problems(place_of(record), problems_of(record), errors);
        if (!ids.insert(record.id).second) {
            errors.push_back(
                fmt::format("{}: id '{}' is another key's", place_of(record), record.id));
        }
        if (const auto [same, is_new] = by_hash.emplace(record.hash, &record); !is_new) {
            errors.push_back(fmt::format("{}: has the same secret as {}", place_of(record),
                                         place_of(*same->second)));
        }
    }
    for (const TenantRecord& tenant : tenants) {
        append_problems(fmt::format("[tenant.{}]", tenant.name),
                        problems_of(tenant.limits, tenant.budget), errors);
    }
    if (records.size() > options_.keys_max) {
        errors.push_back(
            fmt::format("there are {} keys, more than {}", records.size(), options_.keys_max));
    }
    if (!errors.empty()) {
        return std::unexpected(std::move(errors));
    }
    Tenants made_tenants;
    for (const TenantRecord& tenant : tenants) {
        auto limits =
            book_->scope(ScopeKind::tenant, tenant.name, tenant.limits, tenant.budget, moment);
        if (!limits) {
            return fails(fmt::format("[tenant.{}]: {}", tenant.name, limits.error()));
        }
        made_tenants.emplace(tenant.name, std::move(*limits));
    }
    std::vector<KeyPtr> keys;
    keys.reserve(records.size());
    for (KeyRecord& record : records) {
        auto key = make_key(std::move(record), made_tenants, moment);
        if (!key) {
            return std::unexpected(std::move(key.error()));
        }
        keys.push_back(std::move(*key));
    }
    tenants_ = std::move(made_tenants);
    table_ = std::make_shared<const KeyTable>(std::move(keys));
    return {};
}

const VirtualKey* KeyStore::find(std::string_view id) const {
    const auto found = std::ranges::find_if(
        table_->keys(), [&](const KeyPtr& key) { return key->record.id == id; });
    return found == table_->keys().end() ? nullptr : found->get();
}

std::expected<const VirtualKey*, Errors> KeyStore::find_stored(std::string_view id) const {
    const VirtualKey* const key = find(id);
    if (key == nullptr) {
        return fails(fmt::format("there is no key with the id '{}'", id));
    }
    if (key->record.origin == KeyOrigin::configuration) {
        return fails(fmt::format("[key.{}] is part of the configuration and changed there", id));
    }
    return key;
}

std::expected<void, Errors> KeyStore::store(KeyRecord changed, const Moment& moment) {
    if (options_.file.empty()) {
        return fails("there is no file to keep keys in: set keys.file");
    }
    Errors errors;
    append_problems(fmt::format("key '{}'", changed.name), problems_of(changed), errors);
    if (!errors.empty()) {
        return std::unexpected(std::move(errors));
    }
    std::vector<KeyPtr> keys(table_->keys().begin(), table_->keys().end());
    const auto place =
        std::ranges::find_if(keys, [&](const KeyPtr& key) { return key->record.id == changed.id; });
    const bool is_new = place == keys.end();
    if (is_new && keys.size() >= options_.keys_max) {
        return fails(fmt::format("there are {} keys already, which is the most", keys.size()));
    }
    std::vector<const KeyRecord*> records;
    for (const KeyPtr& key : keys) {
        if (key->record.origin == KeyOrigin::file) {
            records.push_back(key->record.id == changed.id ? &changed : &key->record);
        }
    }
    if (is_new) {
        records.push_back(&changed);
        // Room for its limits, before anything is written.
        auto limits =
            book_->scope(ScopeKind::key, changed.id, changed.limits, changed.budget, moment);
        if (!limits) {
            return fails(std::move(limits.error()));
        }
    }
    if (auto written = replace_private_file(options_.file, write_key_file(records)); !written) {
        return fails(fmt::format("{} {}", options_.file, written.error()));
    }
    auto key = make_key(std::move(changed), tenants_, moment);
    if (!key) {
        return std::unexpected(std::move(key.error()));
    }
    if (is_new) {
        keys.push_back(std::move(*key));
    } else {
        *place = std::move(*key);
    }
    table_ = std::make_shared<const KeyTable>(std::move(keys));
    return {};
}

std::expected<KeyStore::Created, Errors> KeyStore::create(KeyRecord draft,
                                                          std::span<const uint8_t> random,
                                                          const Moment& moment) {
    std::optional<NewSecret> made = make_secret(random);
    if (!made) {
        return fails(fmt::format("{} random bytes make no key", random.size()));
    }
    draft.id = made->id;
    draft.hash = hash_secret(made->secret.reveal());
    draft.display = display_of(made->secret.reveal());
    draft.created_at_s = moment.unix_s();
    draft.revoked_at_s = 0;
    draft.origin = KeyOrigin::file;
    // The same bytes twice: a source of randomness that is broken.
    if (find(draft.id) != nullptr || table_->find(draft.hash) != nullptr) {
        return fails("there is such a key already: the random bytes are not random");
    }
    if (auto stored = store(std::move(draft), moment); !stored) {
        return std::unexpected(std::move(stored.error()));
    }
    // Nobody has spent anything with it yet, so the ledger has nothing to tell.
    if (const auto* const key = find(made->id)) {
        key->limits->budget().take_wants_history();
    }
    return Created{.secret = std::move(made->secret), .id = std::move(made->id)};
}

std::expected<void, Errors> KeyStore::update(const KeyRecord& changed, const Moment& moment) {
    const auto key = find_stored(changed.id);
    if (!key) {
        return std::unexpected(key.error());
    }
    const KeyRecord& before = (*key)->record;
    KeyRecord record = changed;
    record.hash = before.hash;
    record.display = before.display;
    record.created_at_s = before.created_at_s;
    record.revoked_at_s = before.revoked_at_s;
    record.origin = before.origin;
    return store(std::move(record), moment);
}

std::expected<void, Errors> KeyStore::revoke(std::string_view id, const Moment& moment) {
    const auto key = find_stored(id);
    if (!key) {
        return std::unexpected(key.error());
    }
    KeyRecord record = (*key)->record;
    if (record.revoked_at_s == 0) {
        record.revoked_at_s = moment.unix_s();
    }
    return store(std::move(record), moment);
}

}  // namespace sluice::access
