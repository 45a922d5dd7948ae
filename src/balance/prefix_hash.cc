// XXH3 of each block by itself, so that they do not wait for each other; the chain is one
// multiplication.
#include "balance/prefix_hash.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::balance {

namespace {

uint64_t mix(uint64_t chain, uint64_t block) {
    // The golden ratio; with a finish, as what comes out is used as it is.
    uint64_t mixed = (chain ^ block) * 0x9e3779b97f4a7c15ULL + block;
    mixed = (mixed ^ (mixed >> 32U)) * 0xd6e8feb86659fd93ULL;
    return mixed ^ (mixed >> 32U);
}

}  // namespace

uint64_t prefix_seed(std::string_view model, std::string_view salt) {
    return XXH3_64bits_withSeed(salt.data(), salt.size(), XXH3_64bits(model.data(), model.size()));
}

uint64_t affinity_of(std::string_view value) {
    const uint64_t hash = XXH3_64bits(value.data(), value.size());
    return hash == 0 ? 1 : hash;
}

void PrefixHasher::add_block(const char* block) {
    chain_ = mix(chain_, XXH3_64bits(block, kPrefixBlockBytes));
    out_[count_++] = chain_;
}

void PrefixHasher::add(std::string_view text) {
    if (buffered_ > 0) {
        const size_t taken = std::min(text.size(), kPrefixBlockBytes - buffered_);
        memcpy(buffer_.data() + buffered_, text.data(), taken);
        buffered_ += taken;
        text.remove_prefix(taken);
        if (buffered_ < kPrefixBlockBytes || count_ == out_.size()) {
            return;
        }
        add_block(buffer_.data());
        buffered_ = 0;
    }
    while (text.size() >= kPrefixBlockBytes && count_ < out_.size()) {
        add_block(text.data());
        text.remove_prefix(kPrefixBlockBytes);
    }
    if (count_ < out_.size()) {
        memcpy(buffer_.data(), text.data(), text.size());
        buffered_ = text.size();
    }
}

}  // namespace sluice::balance
