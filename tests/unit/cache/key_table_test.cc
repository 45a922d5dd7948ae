// The table against a map, through growth, removal and one chain for all.
#include "cache/key_table.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "cache/cache_key.h"
#include "gtest/gtest.h"
#include "unit/cache/made.h"

namespace sluice::cache {

namespace {

struct Item {
    KeyRef key;
    Item* next_in_bucket = nullptr;
};

void compare_with_a_map(const KeyMaker& maker, uint32_t keys, uint32_t operations) {
    Prng prng(7);
    std::vector<KeyRef> made;
    made.reserve(keys);
    for (uint32_t i = 0; i < keys; ++i) {
        made.push_back(made_key(maker, i));
    }
    std::map<uint32_t, std::unique_ptr<Item>> model;
    KeyTable<Item> table;
    for (uint32_t i = 0; i < operations; ++i) {
        const uint32_t number = prng.below(keys);
        const auto found = model.find(number);
        ASSERT_EQ(table.find(*made_key(maker, number)),
                  found == model.end() ? nullptr : found->second.get());
        if (found != model.end()) {
            table.remove(*found->second);
            model.erase(found);
        } else {
            auto item = std::make_unique<Item>();
            item->key = made[number];
            table.insert(*item);
            model.emplace(number, std::move(item));
        }
        ASSERT_EQ(table.size(), model.size());
    }
    size_t walked = 0;
    for (size_t bucket = 0; bucket < table.buckets(); ++bucket) {
        for (const Item* item = table.first_in(bucket); item != nullptr;
             item = item->next_in_bucket) {
            ++walked;
        }
    }
    EXPECT_EQ(walked, model.size());
}

TEST(KeyTableTest, FindsWhatIsThere) {
    compare_with_a_map(KeyMaker("s"), 3000, 20'000);
}

TEST(KeyTableTest, FindsWhatIsThereInOneChain) {
    compare_with_a_map(colliding_maker(), 40, 2000);
}

}  // namespace

}  // namespace sluice::cache
