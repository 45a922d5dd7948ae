// Whose turn it is, against a scheduler that looks at everybody each time; and who has to leave.
#include "balance/waiting_room.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/priority.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

using Facts = WaitingRoom::Facts;
using Refusal = WaitingRoom::Refusal;

constexpr Duration kPatience = Duration::seconds(30);

class Guest final : public WaitingRoom::Waiter {
public:
    explicit Guest(const Facts& facts) : Waiter(facts) {}
    void on_news() override { ++news; }
    uint32_t news = 0;
};

// A room, and those in it by number.
class WaitingRoomTest : public testing::Test {
public:
    ~WaitingRoomTest() override {
        for (auto& [number, guest] : guests_) {
            room_.leave(*guest, false, now_);
        }
    }

protected:
    WaitingRoom::Entry enter(int number, const Facts& facts, uint32_t waiting_max = 10'000) {
        auto guest = std::make_unique<Guest>(facts);
        const WaitingRoom::Entry entry = room_.enter(*guest, waiting_max, kPatience, now_);
        if (entry.refusal == Refusal::none) {
            guests_[number] = std::move(guest);
        }
        return entry;
    }
    int called() {
        for (const auto& [number, guest] : guests_) {
            if (room_.standing(*guest).is_called) {
                return number;
            }
        }
        return -1;
    }
    void leave(int number, bool is_served = false) {
        room_.leave(*guests_.at(number), is_served, now_);
        guests_.erase(number);
    }
    // There is room for one: returns who gets it.
    int serve() {
        room_.look();
        const int number = called();
        if (number >= 0) {
            leave(number, true);
        }
        return number;
    }
    std::vector<int> serve_all() {
        std::vector<int> order;
        for (int number = serve(); number >= 0; number = serve()) {
            order.push_back(number);
        }
        return order;
    }
    bool is_out(int number) { return room_.standing(*guests_.at(number)).is_pushed_out; }

    WaitingRoom room_;
    std::map<int, std::unique_ptr<Guest>> guests_;
    Instant now_ = kStart;
};

TEST_F(WaitingRoomTest, NobodyWaits) {
    EXPECT_FALSE(room_.has_waiting());
    EXPECT_EQ(room_.look().count, 0U);
    EXPECT_EQ(room_.take_news(3), nullptr);
    Guest guest({});
    room_.leave(guest, false, now_);  // Who never came may leave.
    EXPECT_EQ(room_.expected_wait({}, now_), Duration());
}

TEST_F(WaitingRoomTest, ClassesInTheirOrder) {
    enter(1, {.priority = Priority::low});
    enter(2, {.priority = Priority::normal});
    enter(3, {.priority = Priority::high});
    enter(4, {.priority = Priority::high});
    EXPECT_EQ(room_.waiting(Priority::high), 2U);
    EXPECT_EQ(room_.waiting(Priority::low), 1U);
    // The first one is called when it comes, as there may be room already.
    EXPECT_EQ(called(), 1);
    room_.pass(*guests_.at(1), 0);
    EXPECT_EQ(called(), 3);  // Others came meanwhile, so there is another round.
    leave(3, true);
    EXPECT_EQ(serve_all(), (std::vector<int>{4, 2, 1}));
    EXPECT_FALSE(room_.has_waiting());
}

TEST_F(WaitingRoomTest, SharesOfClassesThatAllWait) {
    std::map<int, Priority> classes;
    for (int i = 0; i < 900; ++i) {
        classes[i] = static_cast<Priority>(i % 3);
        enter(i,
              {.priority = classes[i], .prompt_tokens = 1U + static_cast<uint32_t>(i) * 7 % 900});
    }
    // From then on, as whoever came first was called at once.
    std::array<int, kPriorities> served = {};
    for (int i = 0; i < 210; ++i) {
        const int number = serve();
        ++served[static_cast<size_t>(classes[number])];
    }
    EXPECT_NEAR(served[0], 160, 2);
    EXPECT_NEAR(served[1], 40, 2);
    EXPECT_NEAR(served[2], 10, 2);
    // A class of its own gets everything.
    for (auto it = guests_.begin(); it != guests_.end();) {
        const int number = it++->first;
        if (classes[number] != Priority::low) {
            leave(number);
        }
    }
    EXPECT_EQ(serve_all().size(), 290U);
}

TEST_F(WaitingRoomTest, AThousandOfOneTenantDelayAnotherByItsShare) {
    for (int i = 0; i < 1'000; ++i) {
        enter(i, {.tenant = 1, .prompt_tokens = 100});
    }
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(serve(), i);
    }
    enter(2'000, {.tenant = 2, .prompt_tokens = 100});
    room_.look();
    EXPECT_EQ(called(), 5);  // It was called before the other one came.
    leave(5, true);
    EXPECT_EQ(called(), 2'000);
    leave(2'000, true);
    EXPECT_EQ(called(), 6);
    // Who comes back at once has had its share, also without anybody waiting in between.
    enter(2'001, {.tenant = 2, .prompt_tokens = 100});
    leave(6, true);
    EXPECT_EQ(called(), 2'001);
    leave(2'001, true);
    EXPECT_EQ(called(), 7);
}

TEST_F(WaitingRoomTest, TenantsShareTokensNotRequests) {
    std::map<uint64_t, uint64_t> tokens;
    for (int i = 0; i < 2'000; ++i) {
        const bool is_long = i % 2 == 0;
        enter(i, {.tenant = is_long ? 1U : 2U, .prompt_tokens = is_long ? 1'000U : 50U});
    }
    for (int i = 0; i < 700; ++i) {
        const int number = serve();
        tokens[number % 2 == 0 ? 1 : 2] += number % 2 == 0 ? 1'000 : 50;
    }
    const auto difference = static_cast<int64_t>(tokens[1]) - static_cast<int64_t>(tokens[2]);
    EXPECT_LE(std::abs(difference), 2'000);
}

TEST_F(WaitingRoomTest, OneThatFindsNothingBlocksOnlyWhoNeedsTheSame) {
    enter(1, {.needs = 0b011});
    enter(2, {.needs = 0b011});
    enter(3, {.needs = 0b111});
    enter(4, {.needs = 0b100});
    enter(5, {.needs = 0b001});
    EXPECT_EQ(called(), 1);
    room_.pass(*guests_.at(1), 0b011);
    EXPECT_EQ(called(), 4);  // Neither 2 nor 3.
    room_.pass(*guests_.at(4), 0b100);
    EXPECT_EQ(called(), 5);
    leave(5, true);
    EXPECT_EQ(called(), 1);  // Once more, as others came.
    room_.pass(*guests_.at(1), 0b011);
    EXPECT_EQ(called(), 4);
    room_.pass(*guests_.at(4), 0b100);
    EXPECT_EQ(called(), -1);
    room_.pass(*guests_.at(2), 0);  // It was not called.
    EXPECT_EQ(called(), -1);
    room_.look();
    EXPECT_EQ(called(), 1);
    leave(1, true);
    EXPECT_EQ(called(), 2);
}

TEST_F(WaitingRoomTest, ManyOfOneNeedDoNotBlockAnother) {
    for (int i = 0; i < 1'000; ++i) {
        enter(i, {.needs = 0b1});
    }
    enter(1'000, {.needs = 0b10});
    EXPECT_EQ(called(), 0);
    room_.pass(*guests_.at(0), 0b1);
    EXPECT_EQ(called(), 1'000);
}

TEST_F(WaitingRoomTest, WhoLeavesWhileItIsCalledGivesItsTurnOn) {
    enter(1, {});
    enter(2, {});
    EXPECT_EQ(called(), 1);
    leave(1);
    EXPECT_EQ(called(), 2);
    EXPECT_TRUE(room_.standing(*guests_.at(2)).is_watcher);
}

TEST_F(WaitingRoomTest, AHigherClassPushesTheNewestOfTheLowestOut) {
    enter(1, {.priority = Priority::normal}, 4);
    enter(2, {.priority = Priority::low, .tenant = 7}, 4);
    enter(3, {.priority = Priority::low, .tenant = 8}, 4);
    enter(4, {.priority = Priority::low, .tenant = 7}, 4);
    EXPECT_EQ(enter(5, {.priority = Priority::low, .tenant = 8}, 4).refusal, Refusal::full);
    EXPECT_EQ(enter(6, {.priority = Priority::high}, 4).refusal, Refusal::none);
    EXPECT_TRUE(is_out(4));
    EXPECT_EQ(guests_.at(4)->news, 0U);
    WaitingRoom::Waiter* news = room_.take_news(0);
    bool has_heard = false;
    for (; news != nullptr; news = room_.take_news(0)) {
        has_heard = has_heard || news == guests_.at(4).get();
    }
    EXPECT_TRUE(has_heard);
    EXPECT_EQ(enter(7, {.priority = Priority::normal}, 4).refusal, Refusal::none);
    EXPECT_TRUE(is_out(3));
    EXPECT_EQ(enter(8, {.priority = Priority::normal}, 4).refusal, Refusal::none);
    EXPECT_TRUE(is_out(2));
    EXPECT_EQ(enter(9, {.priority = Priority::low}, 4).refusal, Refusal::full);
    EXPECT_EQ(enter(10, {.priority = Priority::normal, .tenant = 0}, 4).refusal, Refusal::full);
    EXPECT_EQ(room_.waiting(Priority::low), 0U);
    EXPECT_EQ(room_.waiting(Priority::normal), 3U);
    EXPECT_EQ(enter(11, {.priority = Priority::high}, 4).refusal, Refusal::none);
    EXPECT_TRUE(is_out(8));
}

TEST_F(WaitingRoomTest, AFullRoomOfOneTenantMakesPlaceForAnother) {
    for (int i = 0; i < 4; ++i) {
        enter(i, {.tenant = 1}, 4);
    }
    EXPECT_EQ(enter(4, {.tenant = 1}, 4).refusal, Refusal::full);
    EXPECT_EQ(enter(5, {.tenant = 2}, 4).refusal, Refusal::none);
    EXPECT_TRUE(is_out(3));
    EXPECT_EQ(enter(6, {.tenant = 2}, 4).refusal, Refusal::none);
    EXPECT_TRUE(is_out(2));
    // As many as it would have.
    EXPECT_EQ(enter(7, {.tenant = 2}, 4).refusal, Refusal::full);
    EXPECT_EQ(enter(8, {.tenant = 3}, 4).refusal, Refusal::none);
}

TEST_F(WaitingRoomTest, NobodyIsPushedOutWhileItLooksForATarget) {
    enter(1, {.priority = Priority::low}, 1);
    ASSERT_EQ(called(), 1);
    EXPECT_EQ(enter(2, {.priority = Priority::high}, 1).refusal, Refusal::full);
    room_.pass(*guests_.at(1), 0);
    EXPECT_EQ(enter(3, {.priority = Priority::high}, 1).refusal, Refusal::none);
    EXPECT_TRUE(is_out(1));
    EXPECT_TRUE(room_.standing(*guests_.at(3)).is_watcher);
}

TEST_F(WaitingRoomTest, WhoWouldComeTooLateIsToldAtOnce) {
    for (int i = 0; i < 200; ++i) {
        enter(i, {.tenant = 1, .prompt_tokens = 10});
    }
    for (int i = 0; i < 20; ++i) {
        now_ = now_ + Duration::seconds(1);
        serve();
    }
    // One a second: 180 wait, of which it would have to wait for all.
    const WaitingRoom::Entry entry = enter(500, {.tenant = 1, .prompt_tokens = 10});
    EXPECT_EQ(entry.refusal, Refusal::hopeless);
    EXPECT_NEAR(entry.retry_after.as_seconds(), 181 - 30, 8);
    // But not one of another tenant, or of a higher class.
    EXPECT_NEAR(room_.expected_wait({.tenant = 2}, now_).as_seconds(), 2, 1.1);
    EXPECT_EQ(enter(501, {.tenant = 2, .prompt_tokens = 10}).refusal, Refusal::none);
    EXPECT_NEAR(room_.expected_wait({.priority = Priority::high, .tenant = 1}, now_).as_seconds(),
                1, 1.1);
    // A lower one would get one of five turns.
    EXPECT_NEAR(room_.expected_wait({.priority = Priority::low}, now_).as_seconds(), 5, 1.5);
    // What a pause takes says nothing.
    room_.pause();
    now_ = now_ + Duration::seconds(20);
    EXPECT_EQ(room_.expected_wait({.tenant = 1}, now_), Duration());
    serve();
    EXPECT_NEAR(room_.expected_wait({.tenant = 1}, now_).as_seconds(), 180, 10);
    // After a silence nobody expects as much as before.
    now_ = now_ + Duration::seconds(40);
    EXPECT_GT(room_.expected_wait({.tenant = 1}, now_).as_seconds(), 300);
}

// The time in which nobody waited is no time that anybody took.
TEST_F(WaitingRoomTest, AfterAnIdleTimeNobodyIsTurnedAway) {
    for (const int64_t idle_s : {0, 50, 1'000}) {
        now_ = now_ + Duration::seconds(idle_s);
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(enter(i, {}).refusal, Refusal::none) << idle_s << " s";
        }
        for (int i = 0; i < 20; ++i) {
            now_ = now_ + Duration::milliseconds(100);
            EXPECT_EQ(serve(), i);
        }
    }
}

TEST_F(WaitingRoomTest, AQueueThatWasSlowIsTriedAgain) {
    for (int i = 0; i < 20; ++i) {
        enter(i, {});
    }
    for (int i = 0; i < 8; ++i) {
        now_ = now_ + Duration::seconds(40);
        serve();
    }
    EXPECT_EQ(enter(20, {}).refusal, Refusal::hopeless) << "others wait";
    while (!guests_.empty()) {
        leave(guests_.begin()->first);
    }
    for (int i = 0; i < 40; ++i) {
        now_ = now_ + Duration::seconds(1);
        EXPECT_EQ(enter(i, {}).refusal, Refusal::none) << "it is the only one";
        now_ = now_ + Duration::milliseconds(50);
        EXPECT_EQ(serve(), i);
    }
    EXPECT_EQ(enter(0, {}).refusal, Refusal::none);
    EXPECT_EQ(enter(1, {}).refusal, Refusal::none) << "it has become faster";
}

TEST_F(WaitingRoomTest, TheExpectedPlaceIsTheOneThatItGets) {
    Prng prng(3);
    for (int round = 0; round < 50; ++round) {
        WaitingRoom room;
        std::vector<std::unique_ptr<Guest>> guests;
        Instant now = kStart;
        const auto add = [&](const Facts& facts) {
            guests.push_back(std::make_unique<Guest>(facts));
            room.enter(*guests.back(), 1'000, Duration::seconds(100'000), now);
            return guests.back().get();
        };
        const auto called = [&]() -> Guest* {
            const auto found = std::ranges::find_if(
                guests, [&](const auto& guest) { return room.standing(*guest).is_called; });
            return found == guests.end() ? nullptr : found->get();
        };
        // Nobody stays called, so that each call is the choice of then.
        const auto settle = [&] {
            for (Guest* guest = called(); guest != nullptr; guest = called()) {
                room.pass(*guest, 0);
            }
        };
        const auto serve = [&] {
            settle();
            room.look();
            Guest* const guest = called();
            room.leave(*guest, true, now);
            settle();
            return guest;
        };
        const auto random_facts = [&] {
            return Facts{.priority = static_cast<Priority>(prng.below(3)),
                         .tenant = prng.below(4),
                         .prompt_tokens = 100};
        };
        for (int i = 0; i < 150; ++i) {
            add(random_facts());
        }
        for (int i = 0; i < 60; ++i) {
            now = now + Duration::seconds(1);
            serve();
        }
        const Facts facts = random_facts();
        const double expected_s = room.expected_wait(facts, now).as_seconds();
        Guest* const last = add(facts);
        double took_s = 1;
        while (serve() != last) {
            ++took_s;
        }
        EXPECT_NEAR(expected_s, took_s, 0.1) << round;
        for (const auto& guest : guests) {
            room.leave(*guest, false, now);
        }
    }
}

// What the room does, written down as the rule says it: everybody is looked at each time, and
// nothing is ever forgotten.
class Model {
public:
    void enter(int number, const Facts& facts) {
        const auto line = static_cast<size_t>(facts.priority);
        if (waiting(line) == 0) {
            finish_[line] = std::max(clock_, served_finish_[line]) + kSteps[line];
        }
        uint64_t& start = starts_[{line, facts.tenant}];
        if (waiting(line, facts.tenant) == 0) {
            start = std::max(start, tenant_clock_[line]);
        }
        all_.push_back({number, facts});
    }
    int next() const {
        size_t best_line = kPriorities;
        for (size_t line = 0; line < kPriorities; ++line) {
            const bool is_better = best_line == kPriorities || finish_[line] < finish_[best_line];
            best_line = waiting(line) > 0 && is_better ? line : best_line;
        }
        const Entry* best = nullptr;
        std::set<uint64_t> seen;
        for (const Entry& entry : all_) {
            if (static_cast<size_t>(entry.facts.priority) != best_line ||
                !seen.insert(entry.facts.tenant).second) {
                continue;  // Of each tenant only the first one.
            }
            if (best == nullptr || start_of(entry) < start_of(*best)) {
                best = &entry;
            }
        }
        return best == nullptr ? -1 : best->number;
    }
    void leave(int number, bool is_served) {
        const auto found = std::ranges::find(all_, number, &Entry::number);
        const Entry entry = *found;
        const auto line = static_cast<size_t>(entry.facts.priority);
        all_.erase(found);
        if (!is_served) {
            return;
        }
        clock_ = std::max(clock_, finish_[line]);
        served_finish_[line] = finish_[line];
        finish_[line] += kSteps[line];
        uint64_t& start = starts_[{line, entry.facts.tenant}];
        tenant_clock_[line] = std::max(tenant_clock_[line], start);
        start += std::max(entry.facts.prompt_tokens, 1U);
    }

private:
    static constexpr std::array<uint64_t, kPriorities> kSteps = {1, 4, 16};
    struct Entry {
        int number = 0;
        Facts facts;
    };
    uint64_t start_of(const Entry& entry) const {
        return starts_.at({static_cast<size_t>(entry.facts.priority), entry.facts.tenant});
    }
    size_t waiting(size_t line) const {
        return static_cast<size_t>(std::ranges::count_if(all_, [&](const Entry& entry) {
            return static_cast<size_t>(entry.facts.priority) == line;
        }));
    }
    size_t waiting(size_t line, uint64_t tenant) const {
        return static_cast<size_t>(std::ranges::count_if(all_, [&](const Entry& entry) {
            return static_cast<size_t>(entry.facts.priority) == line &&
                   entry.facts.tenant == tenant;
        }));
    }

    std::vector<Entry> all_;  // By arrival.
    std::array<uint64_t, kPriorities> finish_ = {};
    std::array<uint64_t, kPriorities> served_finish_ = {};
    uint64_t clock_ = 0;
    std::map<std::pair<size_t, uint64_t>, uint64_t> starts_;
    std::array<uint64_t, kPriorities> tenant_clock_ = {};
};

TEST_F(WaitingRoomTest, ServesAsTheRuleSays) {
    Model model;
    int next_number = 0;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        Prng prng(seed);
        // Whoever passes is asked again in the next round, so that a call is the choice of then.
        const auto settle = [&] {
            for (int number = called(); number >= 0; number = called()) {
                room_.pass(*guests_.at(number), 0);
            }
        };
        for (int step = 0; step < 1'500; ++step) {
            const bool is_busy = step / 300 % 2 == 0;
            const uint32_t action = prng.below(10);
            if (action < (is_busy ? 6U : 3U)) {
                const Facts facts = {.priority = static_cast<Priority>(prng.below(3)),
                                     .tenant = prng.below(6),
                                     .prompt_tokens = prng.below(400)};
                enter(next_number, facts);
                model.enter(next_number, facts);
                ++next_number;
            } else if (action < 9) {
                const int expected = model.next();
                room_.look();
                ASSERT_EQ(called(), expected) << "seed " << seed << ", step " << step;
                if (expected >= 0) {
                    leave(expected, true);
                    model.leave(expected, true);
                }
            } else if (!guests_.empty()) {
                auto it = guests_.begin();
                std::advance(it, prng.below(static_cast<uint32_t>(guests_.size())));
                const int number = it->first;
                leave(number);
                model.leave(number, false);
            }
            settle();
        }
        while (!guests_.empty()) {
            const int number = guests_.begin()->first;
            leave(number);
            model.leave(number, false);
        }
        ASSERT_FALSE(room_.has_waiting());
    }
}

}  // namespace
}  // namespace sluice::balance
