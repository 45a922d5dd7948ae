// Linking, unlinking by death, and moving whole lists.
#include "base/intrusive_list.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "gtest/gtest.h"

namespace sluice {

namespace {

struct Item : ListNode {
    explicit Item(int number) : value(number) {}
    int value;
};

std::vector<int> values_of(IntrusiveList<Item>& list) {
    std::vector<int> values;
    for (Item* item = list.front(); item != nullptr; item = list.next(*item)) {
        values.push_back(item->value);
    }
    return values;
}

TEST(IntrusiveList, KeepsOrderAtBothEnds) {
    Item one(1);
    Item two(2);
    Item three(3);
    IntrusiveList<Item> list;
    EXPECT_EQ(list.front(), nullptr);
    EXPECT_EQ(list.back(), nullptr);
    EXPECT_EQ(list.pop_front(), nullptr);
    list.push_back(two);
    list.push_back(three);
    list.push_front(one);
    EXPECT_EQ(values_of(list), (std::vector{1, 2, 3}));
    EXPECT_EQ(list.back(), &three);
    EXPECT_EQ(list.pop_front(), &one);
    EXPECT_FALSE(one.is_linked());
    two.unlink();
    two.unlink();
    EXPECT_EQ(values_of(list), (std::vector{3}));
    three.unlink();
    EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, AnItemThatDiesLeaves) {
    IntrusiveList<Item> list;
    Item first(1);
    list.push_back(first);
    {
        Item second(2);
        list.push_back(second);
    }
    EXPECT_EQ(values_of(list), (std::vector{1}));
    first.unlink();
}

TEST(IntrusiveList, TheCurrentItemMayLeaveDuringAWalk) {
    std::deque<Item> items;
    IntrusiveList<Item> list;
    for (int i = 0; i < 6; ++i) {
        list.push_back(items.emplace_back(i));
    }
    for (Item* item = list.front(); item != nullptr;) {
        Item* following = list.next(*item);
        if (item->value % 2 == 0) {
            item->unlink();
        }
        item = following;
    }
    EXPECT_EQ(values_of(list), (std::vector{1, 3, 5}));
    items.clear();
    EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, LinkingTwiceEndsTheProcess) {
    Item item(1);
    IntrusiveList<Item> list;
    list.push_back(item);
    EXPECT_DEATH(list.push_back(item), "assertion failed");
    item.unlink();
}

TEST(IntrusiveList, BehavesAsADeque) {
    Prng prng(3);
    std::deque<Item> items;
    for (int i = 0; i < 20; ++i) {
        items.emplace_back(i);
    }
    IntrusiveList<Item> lists[2];
    std::deque<int> models[2];
    for (int step = 0; step < 20'000; ++step) {
        const uint32_t which = prng.below(2);
        IntrusiveList<Item>& list = lists[which];
        std::deque<int>& model = models[which];
        Item& item = items[prng.below(20)];
        switch (prng.below(5)) {
            case 0:
            case 1:
                if (item.is_linked()) {
                    item.unlink();
                    std::erase(models[0], item.value);
                    std::erase(models[1], item.value);
                }
                list.push_back(item);
                model.push_back(item.value);
                break;
            case 2:
                if (!item.is_linked()) {
                    list.push_front(item);
                    model.push_front(item.value);
                }
                break;
            case 3:
                if (Item* first = list.pop_front(); first != nullptr) {
                    ASSERT_EQ(first->value, model.front());
                    model.pop_front();
                }
                break;
            default:
                list.move_all_to(lists[1 - which]);
                models[1 - which].insert(models[1 - which].end(), model.begin(), model.end());
                model.clear();
        }
        for (int i = 0; i < 2; ++i) {
            ASSERT_TRUE(std::ranges::equal(values_of(lists[i]), models[i])) << step;
        }
    }
    items.clear();
}

}  // namespace

}  // namespace sluice
