// Keys are digests; each part drops its oldest.
#include "pipeline/signature_cache.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "crypto/digest.h"

namespace sluice::pipeline {

namespace {

// A node of the table and a place in the order, about.
constexpr size_t kEntryBytes = 128;

size_t cost_of(std::string_view signature) {
    return signature.size() + kEntryBytes;
}

}  // namespace

SignatureCache::Key SignatureCache::key_of(std::string_view tenant, std::string_view id) {
    std::string both(tenant);
    both += '\0';
    both += id;
    const crypto::Sha256 digest = crypto::sha256(both);
    Key key{};
    std::memcpy(&key, digest.data(), sizeof(key));
    return key;
}

void SignatureCache::keep(std::string_view tenant,
                          std::string_view id,
                          std::string_view signature) {
    if (signature.empty() || signature.size() > kSignatureBytesMax) {
        return;
    }
    const Key key = key_of(tenant, id);
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto [entry, is_new] = part.signatures.try_emplace(key);
    if (!is_new) {
        part.size_bytes -= cost_of(entry->second);
    } else {
        part.order.push_back(key);
    }
    entry->second = signature;
    part.size_bytes += cost_of(signature);
    while (part.size_bytes > kBytesMax / kParts) {
        const auto oldest = part.signatures.find(part.order.front());
        part.order.pop_front();
        part.size_bytes -= cost_of(oldest->second);
        part.signatures.erase(oldest);
    }
}

std::string_view SignatureCache::find(std::string_view tenant, std::string_view id, Arena& arena) {
    const Key key = key_of(tenant, id);
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto found = part.signatures.find(key);
    return found == part.signatures.end() ? std::string_view() : arena.copy(found->second);
}

size_t SignatureCache::size_bytes() {
    size_t sum = 0;
    for (Part& part : parts_) {
        const std::lock_guard lock(part.mutex);
        sum += part.size_bytes;
    }
    return sum;
}

}  // namespace sluice::pipeline
