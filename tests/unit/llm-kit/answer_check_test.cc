// AnswerCheck over every split of an answer, and against every single wrong byte.
#include "llm-kit/answer_check.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-kit/answer.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/stamp.h"
#include "providers/simulated_llm.h"
#include "support/splits.h"

namespace sluice::llm_kit {
namespace {

constexpr std::string_view kBody =
    R"({"model":"m","stream":true,"max_tokens":2,"messages":[{"role":"user","content":"hi"}]})";

Answer stream_answer(const AnswerOptions& options = {}) {
    return *make_answer(providers::SimulatedEndpoint::chat, kBody, kBody.size(), options);
}

TEST(AnswerCheck, TakesTheRightAnswerInEverySplit) {
    const Answer answer = stream_answer();
    test::for_each_split(answer.bytes, [&](const test::Pieces& pieces) {
        AnswerCheck check;
        check.begin(&answer, true);
        std::vector<Instant> arrived;
        for (size_t i = 0; i < pieces.size(); ++i) {
            EXPECT_EQ(check.verdict(),
                      check.bytes() == answer.bytes.size() ? "" : "answer_too_short");
            ASSERT_TRUE(check.feed(pieces[i], arrived)) << pieces.describe();
        }
        EXPECT_EQ(check.verdict(), "");
        EXPECT_EQ(check.events(), answer.events.size());
        EXPECT_EQ(arrived, std::vector<Instant>(answer.events.size()));
    });
}

TEST(AnswerCheck, ReadsStampsInEverySplit) {
    const Answer answer = stream_answer({.stamped = true, .model = {}});
    std::string sent = answer.bytes;
    std::vector<Instant> stamps;
    for (const AnswerEvent& event : answer.events) {
        stamps.push_back(Instant::from_ns(0x0123456789abcdef + event.stamp));
        write_stamp(stamps.back(), sent.data() + event.stamp);
    }
    test::for_each_split(sent, [&](const test::Pieces& pieces) {
        AnswerCheck check;
        check.begin(&answer, true);
        std::vector<Instant> arrived;
        for (size_t i = 0; i < pieces.size(); ++i) {
            ASSERT_TRUE(check.feed(pieces[i], arrived)) << pieces.describe();
        }
        EXPECT_EQ(check.verdict(), "");
        EXPECT_EQ(arrived, stamps) << pieces.describe();
    });
}

TEST(AnswerCheck, SeesEveryWrongByteAndSaysWhere) {
    const Answer answer = stream_answer();
    for (size_t i = 0; i < answer.bytes.size(); ++i) {
        std::string sent = answer.bytes;
        sent[i] = static_cast<char>(sent[i] ^ 1);
        AnswerCheck check;
        check.begin(&answer, true);
        std::vector<Instant> arrived;
        ASSERT_FALSE(check.feed(sent, arrived)) << i;
        EXPECT_TRUE(check.difference().starts_with("at byte " + std::to_string(i) + " of"))
            << check.difference();
    }
}

TEST(AnswerCheck, SeesWhatIsTooMuchAndTooLittle) {
    const Answer answer = stream_answer();
    std::vector<Instant> arrived;
    AnswerCheck check;
    check.begin(&answer, true);
    EXPECT_FALSE(check.feed(answer.bytes + "x", arrived));
    check.begin(&answer, true);
    EXPECT_TRUE(check.feed(answer.bytes, arrived));
    EXPECT_FALSE(check.feed("x", arrived));
    check.begin(&answer, true);
    EXPECT_TRUE(check.feed(std::string_view(answer.bytes).substr(0, 100), arrived));
    EXPECT_EQ(check.verdict(), "answer_too_short");
    // An event that comes twice, or in the place of another.
    check.begin(&answer, true);
    EXPECT_TRUE(check.feed(answer.event(0), arrived));
    EXPECT_FALSE(check.feed(answer.event(0), arrived));
    check.begin(&answer, true);
    EXPECT_FALSE(check.feed(answer.event(1), arrived));
}

TEST(AnswerCheck, KnowsTheShapeOfUnknownStreams) {
    struct Case {
        std::string_view body;
        std::string_view verdict;
        uint32_t events;
    };
    constexpr Case kCases[] = {
        {"data: 1\n\ndata: [DONE]\n\n", "", 2},
        {"data: 1\r\n\r\ndata: [DONE]\n\n", "", 2},
        {"data: 1\n\n", "no_done_event", 1},
        {"", "no_done_event", 0},
        {"data: 1\n\ndata: [DO", "event_cut", 1},
        {"data: [DONE]\n\ndata: 1\n\n", "no_done_event", 2},
    };
    for (const Case& c : kCases) {
        test::for_each_split(c.body, [&](const test::Pieces& pieces) {
            AnswerCheck check;
            check.begin(nullptr, true);
            std::vector<Instant> arrived;
            for (size_t i = 0; i < pieces.size(); ++i) {
                EXPECT_TRUE(check.feed(pieces[i], arrived));
            }
            EXPECT_EQ(check.verdict(), c.verdict) << c.body << pieces.describe();
            EXPECT_EQ(check.events(), c.events) << c.body;
            EXPECT_EQ(arrived.size(), c.events);
        });
    }
    AnswerCheck check;
    check.begin(nullptr, false);
    EXPECT_EQ(check.verdict(), "answer_empty");
}

TEST(Stamp, IsReadAsItWasWritten) {
    for (const int64_t ns : {int64_t{0}, int64_t{1}, int64_t{0x0fedcba987654321}, INT64_MAX}) {
        char text[kStampBytes];
        write_stamp(Instant::from_ns(ns), text);
        EXPECT_EQ(read_stamp({text, sizeof text}), Instant::from_ns(ns));
    }
    EXPECT_FALSE(read_stamp(kNoStamp).is_set());
    EXPECT_FALSE(read_stamp("00000000000000g1").is_set());
}

}  // namespace
}  // namespace sluice::llm_kit
