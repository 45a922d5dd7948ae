// Chain hashes, and the index of who has which prefix: against an exact LRU of each target.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "balance/prefix_hash.h"
#include "balance/prefix_index.h"
#include "base/prng.h"

namespace sluice::balance {
namespace {

std::vector<uint64_t> hash(std::string_view text, uint64_t seed = 1) {
    std::vector<uint64_t> blocks(text.size() / kPrefixBlockBytes + 1);
    PrefixHasher hasher(seed, blocks);
    hasher.add(text);
    blocks.resize(hasher.blocks().size());
    return blocks;
}

std::string random_text(size_t size, uint64_t seed) {
    Prng prng(seed);
    std::string text(size, ' ');
    for (char& c : text) {
        c = static_cast<char>('a' + prng.below(26));
    }
    return text;
}

TEST(PrefixHash, IsTheSameForEverySplitOfTheText) {
    const std::string text = random_text(1'100, 1);
    const auto whole = hash(text);
    ASSERT_EQ(whole.size(), 4U);
    for (size_t first = 0; first <= text.size(); ++first) {
        std::vector<uint64_t> blocks(8);
        PrefixHasher hasher(1, blocks);
        hasher.add(std::string_view(text).substr(0, first));
        const size_t second = first + (text.size() - first) / 3;
        hasher.add(std::string_view(text).substr(first, second - first));
        hasher.add(std::string_view(text).substr(second));
        ASSERT_TRUE(std::ranges::equal(hasher.blocks(), whole)) << first;
    }
}

TEST(PrefixHash, StandsForEverythingBefore) {
    const std::string text = random_text(2'048, 2);
    const auto whole = hash(text);
    for (size_t at = 0; at < text.size(); at += 37) {
        std::string changed = text;
        changed[at] ^= 1;
        const auto other = hash(changed);
        for (size_t i = 0; i < whole.size(); ++i) {
            EXPECT_EQ(whole[i] == other[i], i < at / kPrefixBlockBytes);
        }
    }
    EXPECT_NE(hash(text, 1)[0], hash(text, 2)[0]);
    EXPECT_NE(prefix_seed("m", ""), prefix_seed("n", ""));
    EXPECT_NE(prefix_seed("m", "a"), prefix_seed("m", "b"));
    EXPECT_NE(affinity_of(""), 0U);
}

TEST(PrefixHash, ReadsNoMoreThanFits) {
    const std::string text = random_text(10'000, 3);
    const auto whole = hash(text);
    std::vector<uint64_t> blocks(3);
    PrefixHasher hasher(1, blocks);
    for (size_t i = 0; i < text.size(); i += 100) {
        hasher.add(std::string_view(text).substr(i, 100));
    }
    EXPECT_TRUE(std::ranges::equal(hasher.blocks(), std::span(whole).first(3)));
}

// Blocks of a prompt that shares its beginning with others of its group.
std::vector<uint64_t> prompt(uint64_t group, size_t shared, uint64_t own, size_t length) {
    std::vector<uint64_t> blocks;
    blocks.reserve(length);
    uint64_t chain = group * 0x9e3779b97f4a7c15ULL + 1;
    for (size_t i = 0; i < length; ++i) {
        chain = (chain ^ (i < shared ? group : own)) * 0xd6e8feb86659fd93ULL;
        chain ^= chain >> 32U;
        blocks.push_back(chain);
    }
    return blocks;
}

uint32_t depth_at(const PrefixIndex& index, uint16_t id, const std::vector<uint64_t>& blocks) {
    std::array<PrefixIndex::Hit, PrefixIndex::kHitsMax> hits;
    const PrefixIndex::Found found = index.find(blocks, hits);
    uint32_t depth = found.common_blocks;
    for (size_t i = 0; i < found.count; ++i) {
        depth = hits[i].id == id ? std::max(depth, hits[i].blocks) : depth;
    }
    return depth;
}

TEST(PrefixIndex, KnowsHowDeepEachTargetIs) {
    PrefixIndex index({.targets = 8, .cache_tokens = 8'000'000, .bytes_max = 64U << 20U});
    std::array<uint16_t, 3> ids = {};
    for (uint16_t& id : ids) {
        id = index.claim(1'000'000);
    }
    const auto whole = prompt(1, 200, 2, 500);
    const auto sister = prompt(1, 200, 3, 500);
    index.insert(ids[0], whole, 500 * 64);
    index.insert(ids[1], sister, 500 * 64);
    index.insert(ids[2], std::span(whole).first(50), 50 * 64);
    EXPECT_EQ(depth_at(index, ids[0], whole), 500U);
    // Depths are found to a sixty-fourth of the deepest.
    EXPECT_NEAR(depth_at(index, ids[1], whole), 200, 8);
    EXPECT_NEAR(depth_at(index, ids[2], whole), 50, 8);
    EXPECT_NEAR(depth_at(index, ids[0], sister), 200, 8);
    EXPECT_EQ(depth_at(index, ids[1], sister), 500U);
    EXPECT_EQ(depth_at(index, ids[0], prompt(9, 10, 9, 500)), 0U);
    EXPECT_EQ(depth_at(index, ids[0], {}), 0U);
    index.clear(ids[0]);
    EXPECT_EQ(depth_at(index, ids[0], whole), 0U);
    EXPECT_NEAR(depth_at(index, ids[1], whole), 200, 8);
}

TEST(PrefixIndex, TextThatAllHaveCountsForAll) {
    PrefixIndex index({.targets = 100, .cache_tokens = 100'000'000, .bytes_max = 64U << 20U});
    std::vector<uint16_t> ids;
    ids.reserve(100);
    for (int i = 0; i < 100; ++i) {
        ids.push_back(index.claim(1'000'000));
    }
    for (size_t i = 0; i < 60; ++i) {
        index.insert(ids[i], prompt(1, 20, 100 + i, 30), 30 * 64);
    }
    EXPECT_EQ(depth_at(index, ids[99], prompt(1, 20, 7, 30)), 20U);
    EXPECT_EQ(depth_at(index, ids[59], prompt(1, 20, 159, 30)), 30U);
}

// What a cache of so many blocks really has, the least recently used leaving first.
class ExactLru {
public:
    explicit ExactLru(size_t capacity) : capacity_(capacity) {}

    uint32_t depth(const std::vector<uint64_t>& blocks) const {
        uint32_t depth = 0;
        while (depth < blocks.size() && places_.contains(blocks[depth])) {
            ++depth;
        }
        return depth;
    }
    void use(const std::vector<uint64_t>& blocks) {
        // The end of a prompt is older than its beginning, as caches evict leaves first.
        for (size_t i = blocks.size(); i > 0; --i) {
            const uint64_t block = blocks[i - 1];
            if (const auto found = places_.find(block); found != places_.end()) {
                order_.erase(found->second);
            }
            order_.push_front(block);
            places_[block] = order_.begin();
        }
        while (order_.size() > capacity_) {
            places_.erase(order_.back());
            order_.pop_back();
        }
    }

private:
    size_t capacity_;
    std::list<uint64_t> order_;
    std::unordered_map<uint64_t, std::list<uint64_t>::iterator> places_;
};

TEST(PrefixIndex, FollowsAnLruOfItsCapacity) {
    constexpr size_t kBlocks = 4'096;
    constexpr uint32_t kTokens = 64;
    PrefixIndex index(
        {.targets = 4, .cache_tokens = 4 * kBlocks * kTokens, .bytes_max = 64U << 20U});
    std::vector<uint16_t> ids;
    ids.reserve(4);
    std::vector<ExactLru> exact(4, ExactLru(kBlocks));
    for (int i = 0; i < 4; ++i) {
        ids.push_back(index.claim(kBlocks * kTokens));
    }
    // Conversations that grow turn by turn and come back after different times, at one of the
    // targets: with a hot beginning that all share, and more of them than fit.
    Prng prng(11);
    std::vector<size_t> turns(600, 0);
    double predicted = 0;
    double real = 0;
    double wrong = 0;
    for (int step = 0; step < 40'000; ++step) {
        const uint32_t spread = prng.chance(0.5) ? 60U : 600U;
        const uint32_t conversation = prng.below(spread);
        const size_t target = conversation % 4;
        turns[conversation] = turns[conversation] >= 20 ? 1 : turns[conversation] + 1;
        const auto blocks = prompt(1, 16, 1'000 + conversation, 16 + 6 * turns[conversation]);
        const double said = depth_at(index, ids[target], blocks);
        const double had = exact[target].depth(blocks);
        predicted += said;
        real += had;
        wrong += std::abs(said - had);
        index.insert(ids[target], blocks, static_cast<uint32_t>(blocks.size()) * kTokens);
        exact[target].use(blocks);
    }
    // The test means nothing if everything fits or nothing does.
    EXPECT_GT(real, 40'000 * 20.0);
    EXPECT_NEAR(predicted / real, 1.0, 0.05);
    EXPECT_LT(wrong / real, 0.08);
    for (const uint16_t id : ids) {
        EXPECT_NEAR(static_cast<double>(index.cache(id).held_tokens()), kBlocks * kTokens,
                    kBlocks * kTokens * 0.05);
    }
}

TEST(PrefixIndex, IsBoundedWhateverComes) {
    for (const uint64_t bytes_max : {1ULL << 20U, 8ULL << 20U}) {
        PrefixIndex index({.targets = 8, .cache_tokens = 1ULL << 40U, .bytes_max = bytes_max});
        EXPECT_LE(index.entries() * 64, bytes_max);
        EXPECT_GE(index.entries() * 64, bytes_max / 2);
        const size_t before = index.bytes();
        const uint16_t id = index.claim(1ULL << 40U);
        for (uint64_t i = 0; i < 40'000; ++i) {
            index.insert(id, prompt(i, 10, i, 10), 640);
        }
        EXPECT_EQ(index.bytes(), before);
        // What came last is there still.
        int found = 0;
        for (uint64_t i = 39'000; i < 40'000; ++i) {
            found += depth_at(index, id, prompt(i, 10, i, 10)) == 10 ? 1 : 0;
        }
        EXPECT_GE(found, 950);
    }
}

TEST(PrefixIndex, GrowsWithWhatItKnows) {
    PrefixIndex small({.targets = 4, .cache_tokens = 400'000, .bytes_max = 64U << 20U});
    const uint16_t id = small.claim(100'000);
    const auto blocks = prompt(1, 100, 1, 100);
    small.insert(id, blocks, 6'400);
    const PrefixIndex::Size more = {
        .targets = 40, .cache_tokens = 40'000'000, .bytes_max = 64U << 20U};
    EXPECT_FALSE(small.fits(more));
    PrefixIndex large(more);
    EXPECT_TRUE(large.fits(more));
    large.take_over(small);
    EXPECT_EQ(depth_at(large, id, blocks), 100U);
    EXPECT_NE(large.claim(1'000), id);
}

}  // namespace
}  // namespace sluice::balance
