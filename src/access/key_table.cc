// Open addressing by the first eight bytes of a hash, which is as random as one could wish.
#include "access/key_table.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "access/virtual_key.h"
#include "base/text.h"
#include "crypto/digest.h"

namespace sluice::access {

namespace {

constexpr size_t kSlotsMin = 8;

uint64_t begin_of(const crypto::Sha256& hash) {
    uint64_t begin = 0;
    std::memcpy(&begin, hash.data(), sizeof begin);
    return begin;
}

AccessReason state_of(const KeyRecord& record, int64_t unix_s) {
    if (record.revoked_at_s != 0) {
        return AccessReason::revoked;
    }
    if (record.is_disabled) {
        return AccessReason::disabled;
    }
    const bool is_expired = record.expires_at_s != 0 && unix_s >= record.expires_at_s;
    return is_expired ? AccessReason::expired : AccessReason::granted;
}

}  // namespace

std::string_view access_reason_name(AccessReason reason) {
    constexpr std::string_view kNames[] = {"granted",           "missing",          "unknown",
                                           "revoked",           "disabled",         "expired",
                                           "model_not_allowed", "route_not_allowed"};
    return kNames[static_cast<size_t>(reason)];
}

KeyTable::KeyTable(std::vector<KeyPtr> keys)
    : keys_(std::move(keys)), slots_(std::bit_ceil(std::max(kSlotsMin, 2 * keys_.size()))) {
    for (const KeyPtr& key : keys_) {
        const uint64_t begin = begin_of(key->record.hash);
        size_t at = begin & (slots_.size() - 1);
        while (slots_[at].key != nullptr) {
            at = (at + 1) & (slots_.size() - 1);
        }
        slots_[at] = {begin, key.get()};
    }
}

// Whoever guesses does not choose the hash, so where a search ends tells nothing of use; the bytes
// that decide are compared in constant time all the same.
const VirtualKey* KeyTable::find(const crypto::Sha256& hash) const {
    const uint64_t begin = begin_of(hash);
    for (size_t at = begin & (slots_.size() - 1); slots_[at].key != nullptr;
         at = (at + 1) & (slots_.size() - 1)) {
        if (slots_[at].hash_begin == begin &&
            crypto::equal_in_constant_time(slots_[at].key->record.hash, hash)) {
            return slots_[at].key;
        }
    }
    return nullptr;
}

AccessReason may_use(const VirtualKey& key, std::string_view model, std::string_view route) {
    if (!route.empty() && !allows(key.record.routes, route)) {
        return AccessReason::route_not_allowed;
    }
    if (!model.empty() && !allows(key.record.models, model)) {
        return AccessReason::model_not_allowed;
    }
    return AccessReason::granted;
}

AccessVerdict authenticate(const KeyTable& table,
                           std::string_view presented,
                           int64_t unix_s,
                           std::string_view model,
                           std::string_view route) {
    if (presented.empty()) {
        return {AccessReason::missing, nullptr};
    }
    const VirtualKey* const key =
        presented.size() <= kSecretBytesMax ? table.find(hash_secret(presented)) : nullptr;
    if (key == nullptr) {
        return {AccessReason::unknown, nullptr};
    }
    const AccessReason state = state_of(key->record, unix_s);
    return {state == AccessReason::granted ? may_use(*key, model, route) : state, key};
}

std::string_view bearer_token(std::string_view authorization) {
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view value = trim_ows(authorization);
    if (value.size() <= kScheme.size() ||
        !equals_ignoring_case(value.substr(0, kScheme.size()), kScheme)) {
        return {};
    }
    return trim_ows(value.substr(kScheme.size()));
}

}  // namespace sluice::access
