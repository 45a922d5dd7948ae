// Chain hashes of a prompt: one number for each block of text, which stands for everything up to
// the end of the block. Two prompts whose n-th numbers are equal are equal in all before.
//
// Of text and not of tokens, as no tokenizer is needed for it and the blocks of an engine are met
// within rounding. Models, and tenants that must not learn of each other what was asked, have
// seeds of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::balance {

inline constexpr size_t kPrefixBlockBytes = 256;

// `salt` keeps apart what must not share: a tenant, or nothing.
uint64_t prefix_seed(std::string_view model, std::string_view salt);

// For Ask::affinity: never 0.
uint64_t affinity_of(std::string_view value);

// Text comes in pieces of any length. What is left over after the last whole block counts for
// nothing; what does not fit in `out` is not read.
class PrefixHasher {
public:
    PrefixHasher(uint64_t seed, std::span<uint64_t> out) : chain_(seed), out_(out) {}

    void add(std::string_view text);
    std::span<const uint64_t> blocks() const { return out_.first(count_); }

private:
    void add_block(const char* block);

    uint64_t chain_;
    std::span<uint64_t> out_;
    size_t count_ = 0;
    size_t buffered_ = 0;
    std::array<char, kPrefixBlockBytes> buffer_;
};

}  // namespace sluice::balance
