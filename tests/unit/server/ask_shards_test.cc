// Questions to the shards: every answer, none, too few, and a client that leaves meanwhile.
#include "server/ask_shards.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin_fixture.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/shard.h"

namespace sluice::server {

namespace {

using testing::ElementsAre;
using testing::Optional;

class AskShards : public AdminTest {
protected:
    using Answers = std::vector<std::optional<std::string>>;

    void SetUp() override {
        AdminTest::SetUp();
        signal_.emplace(control_->proactor().ready());
        scope_.emplace(control_->proactor().ready());
    }
    void TearDown() override {
        scope_.reset();
        signal_.reset();
        AdminTest::TearDown();
    }
    void ask_all(Duration timeout) {
        scope_->spawn(run(timeout));
        world_.wake_shard(control_->proactor());
    }
    coro::Task<void> run(Duration timeout) {
        const auto name_of = [this](net::Shard& shard) {
            ++asked_;
            return "shard " + std::to_string(shard.index());
        };
        const auto is_over = [this] { return client_left_; };
        answers_ = co_await ask_shards(*desk_, *signal_, name_of, timeout, is_over);
    }
    bool is_done() {
        return world_.run_until([&] { return scope_->running() == 0; }, Duration::seconds(60));
    }

    std::optional<coro::Signal> signal_;
    std::optional<coro::TaskScope> scope_;
    Answers answers_;
    uint32_t asked_ = 0;
    bool client_left_ = false;
};

TEST_F(AskShards, WaitsForAllAnswers) {
    ask_all(Duration::seconds(1));
    EXPECT_EQ(scope_->running(), 1U) << "nobody has answered yet";
    ASSERT_TRUE(is_done());
    EXPECT_THAT(answers_,
                ElementsAre(Optional(std::string("shard 0")), Optional(std::string("shard 1"))));
}

TEST_F(AskShards, GoesOnWithoutAShardThatDoesNotTurn) {
    ask_all(Duration::milliseconds(100));
    // Only the control shard runs for as long as the patience lasts.
    const Instant end = control_->proactor().ring().now() + Duration::milliseconds(100);
    while (scope_->running() > 0) {
        control_->proactor().turn(Duration::milliseconds(10));
        ASSERT_LE(control_->proactor().ring().now(), end + Duration::seconds(1));
    }
    EXPECT_THAT(answers_, ElementsAre(std::nullopt, std::nullopt));
    EXPECT_EQ(asked_, 0U);
    // Their answers come late, and find nobody.
    EXPECT_TRUE(world_.run_until([&] { return asked_ == kShards; }, Duration::seconds(60)));
    run_for(Duration::milliseconds(10));
}

TEST_F(AskShards, EndsWhenTheClientLeaves) {
    ask_all(Duration::seconds(30));
    client_left_ = true;
    signal_->raise();
    control_->proactor().turn(Duration());
    EXPECT_EQ(scope_->running(), 0U);
    run_for(Duration::milliseconds(10));
    EXPECT_EQ(asked_, kShards);
}

TEST_F(AskShards, KeepsTwoQuestionsApart) {
    ask_all(Duration::seconds(1));
    client_left_ = true;
    signal_->raise();
    control_->proactor().turn(Duration());
    client_left_ = false;
    answers_.clear();
    ask_all(Duration::seconds(1));
    ASSERT_TRUE(is_done());
    EXPECT_EQ(asked_, 2 * kShards);
    EXPECT_THAT(answers_,
                ElementsAre(Optional(std::string("shard 0")), Optional(std::string("shard 1"))));
}

}  // namespace

}  // namespace sluice::server
