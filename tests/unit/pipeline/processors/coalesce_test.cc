// The step that shares calls: who leads, who follows, and when the call is wanted without its
// client.
#include "pipeline/processors/coalesce.h"

#include <memory>
#include <string_view>

#include "base/error.h"
#include "gtest/gtest.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "unit/pipeline/processors/sharing_fixture.h"

namespace sluice::pipeline {

namespace {

using Kind = Verdict::Kind;

constexpr std::string_view kBody = R"({"model":"m","temperature":0})";

class CoalesceTest : public SharingTest {
protected:
    struct Asked {
        Asked(CoalesceTest& test, std::string_view body, bool is_stream)
            : made(test, body, is_stream),
              step(test.options_, test.resources()),
              verdict(step.on_request(made.context)) {}
        Kind kind() const { return verdict.kind(); }

        Made made;
        Coalesce step;
        Verdict verdict;
    };

    CoalesceOptions options_;
};

TEST_F(CoalesceTest, OneLeadsAndOthersWait) {
    Asked leader(*this, kBody, false);
    EXPECT_EQ(leader.kind(), Kind::proceed);
    EXPECT_FALSE(leader.step.has_followers());
    {
        const Asked follower(*this, kBody, false);
        EXPECT_EQ(follower.kind(), Kind::wait);
        EXPECT_TRUE(leader.step.has_followers());
        EXPECT_FALSE(follower.step.has_followers());
    }
    EXPECT_FALSE(leader.step.has_followers());
    leader.made.answer(leader.step, "{}", "application/json");
    EXPECT_EQ(part_->flights(), 0U);
    EXPECT_EQ(part_->statistics().entries, 0U);
    const Asked next(*this, kBody, false);
    EXPECT_EQ(next.kind(), Kind::proceed);
}

TEST_F(CoalesceTest, AStreamUnderWayIsReadAtOnce) {
    Asked leader(*this, kBody, true);
    leader.step.on_response_head(leader.made.context,
                                 {.status = 200, .content_type = "text/event-stream"});
    leader.step.on_response_body(leader.made.context, "data: 1\n\n");
    // The first one to join makes the leader tell what there is, at the end of its turn.
    const Asked first(*this, kBody, true);
    EXPECT_EQ(first.kind(), Kind::wait);
    shard_->proactor().turn({});
    const Asked second(*this, kBody, true);
    EXPECT_EQ(second.kind(), Kind::answer);
    EXPECT_EQ(second.made.record.cache, CacheOutcome::join);
    EXPECT_TRUE(second.made.record.is_cached);
    leader.made.answer(leader.step, "data: [DONE]\n\n", "text/event-stream");
}

TEST_F(CoalesceTest, OnlyWhatIsTheSameEachTime) {
    const Asked first(*this, R"({"model":"m"})", false);
    const Asked second(*this, R"({"model":"m"})", false);
    EXPECT_EQ(first.kind(), Kind::proceed);
    EXPECT_EQ(second.kind(), Kind::proceed);
    EXPECT_EQ(part_->flights(), 0U);
    options_.any = true;
    const Asked third(*this, R"({"model":"m"})", false);
    const Asked fourth(*this, R"({"model":"m"})", false);
    EXPECT_EQ(fourth.kind(), Kind::wait);
}

TEST_F(CoalesceTest, AnErrorOfTheLeaderAloneIsToldToNobody) {
    Asked leader(*this, kBody, false);
    const Asked follower(*this, kBody, false);
    ASSERT_EQ(follower.kind(), Kind::wait);
    leader.made.record.error = {.kind = ErrorKind::rate_limited, .source = ErrorSource::client};
    leader.made.answer(leader.step, R"({"error":{}})", "application/json");
    EXPECT_EQ(part_->flights(), 1U) << "the follower leads now";
}

}  // namespace

}  // namespace sluice::pipeline
