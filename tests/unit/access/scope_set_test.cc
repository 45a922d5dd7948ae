// Scopes on demand: one for each name, a bound that holds for every number of threads, and new
// numbers for all of them.
#include "access/scope_set.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "base/time.h"

namespace sluice::access {
namespace {

constexpr Moment kMoment = {Instant::from_ns(8'640'000'000'000'000), 1'795'902'330'000};

int64_t limit_of(ScopeLimits& scope) {
    return scope.rate(LimitName::requests_per_minute).peek(kMoment.now, 0).limit;
}

TEST(ScopeSet, GivesEachNameItsOwn) {
    ScopeSet set(ScopeKind::model, 10, kMoment);
    set.configure({.requests_per_minute = 5}, kMoment);
    ScopeLimits& a = set.scope("a", kMoment);
    ScopeLimits& b = set.scope("b", kMoment);
    EXPECT_NE(&a, &b);
    EXPECT_EQ(&a, &set.scope("a", kMoment));
    EXPECT_EQ(a.name(), "a");
    EXPECT_EQ(a.kind(), ScopeKind::model);
    EXPECT_EQ(limit_of(a), 5);
    set.configure({.requests_per_minute = 7}, kMoment);
    EXPECT_EQ(limit_of(a), 7);
    EXPECT_EQ(limit_of(set.scope("c", kMoment)), 7);
    EXPECT_EQ(set.size(), 3U);
}

TEST(ScopeSet, NamesBeyondTheBoundShareOne) {
    ScopeSet set(ScopeKind::model, 2, kMoment);
    set.configure({.requests_per_minute = 5}, kMoment);
    ScopeLimits& a = set.scope("a", kMoment);
    ScopeLimits& b = set.scope("b", kMoment);
    ScopeLimits& c = set.scope("c", kMoment);
    EXPECT_EQ(&c, &set.scope("d", kMoment));
    EXPECT_EQ(&a, &set.scope("a", kMoment));
    EXPECT_EQ(&b, &set.scope("b", kMoment));
    EXPECT_EQ(c.name(), "others");
    EXPECT_EQ(limit_of(c), 5);
    EXPECT_EQ(set.size(), 2U);
}

TEST(ScopeSet, IsOneRecordWhereNoneIsAllowed) {
    ScopeSet set(ScopeKind::gateway, 0, kMoment);
    set.configure({.requests_per_minute = 5}, kMoment);
    EXPECT_EQ(&set.scope("a", kMoment), &set.scope("b", kMoment));
    EXPECT_EQ(set.scope("a", kMoment).name(), "gateway");
    EXPECT_EQ(set.size(), 0U);
}

TEST(ScopeSet, ManyThreadsMakeNoTwinsAndNotTooMany) {
    constexpr size_t kMax = 100;
    ScopeSet set(ScopeKind::model, kMax, kMoment);
    set.configure({.concurrency_max = 3}, kMoment);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&set, t] {
            for (int i = 0; i < 1000; ++i) {
                const std::string name = std::to_string((i * 7 + t) % 150);
                ScopeLimits& scope = set.scope(name, kMoment);
                EXPECT_TRUE(scope.name() == name || scope.name() == "others");
                EXPECT_EQ(scope.concurrency().max(), 3);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::set<std::string> names;
    size_t count = 0;
    set.for_each([&](ScopeLimits& scope) {
        names.insert(scope.name());
        ++count;
    });
    EXPECT_EQ(count, kMax + 1);  // And the one that the others share.
    EXPECT_EQ(names.size(), count);
    EXPECT_EQ(set.size(), kMax);
}

}  // namespace
}  // namespace sluice::access
