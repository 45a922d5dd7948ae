// Traces: both formats, what is refused and how that is said, and made ones.
#include "llm-fleet/trace.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/made_trace.h"

namespace sluice::llm_fleet {
namespace {

constexpr std::string_view kAzure = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";

std::string mooncake_error(std::string_view text) {
    Trace trace;
    return read_mooncake(text, "t.jsonl", trace);
}

std::string azure_error(std::string_view rows) {
    Trace trace;
    return read_azure(std::string(kAzure) + std::string(rows), "t.csv", trace);
}

TEST(Trace, MooncakeRowsShareTheBlocksTheyBeginWith) {
    Trace trace;
    ASSERT_EQ(
        read_mooncake(
            R"({"timestamp": 0, "input_length": 1025, "output_length": 5, "hash_ids": [0, 1, 2]})"
            "\n"
            R"({"timestamp": 27, "input_length": 1000, "output_length": 6, "hash_ids": [0, 7]})"
            "\n"
            R"({"timestamp": 27, "input_length": 600, "output_length": 6, "hash_ids": [9, 7]})",
            "t.jsonl", trace),
        "");
    ASSERT_EQ(trace.rows.size(), 3U);
    EXPECT_EQ(trace.rows[1].at, Duration::milliseconds(27));
    EXPECT_EQ(trace.rows[1].input_tokens, 1'000U);
    EXPECT_EQ(trace.rows[1].output_tokens, 6U);
    const auto first = trace.blocks_of(trace.rows[0]);
    const auto second = trace.blocks_of(trace.rows[1]);
    const auto third = trace.blocks_of(trace.rows[2]);
    EXPECT_EQ(first[0], second[0]);
    EXPECT_NE(first[1], second[1]);
    EXPECT_NE(second[1], third[1]) << "equal text after another beginning is another block";
    EXPECT_EQ(trace.input_tokens(), 2'625U);
    EXPECT_EQ(trace.output_tokens(), 17U);
}

TEST(Trace, BadRowsAreNamedByFileAndLine) {
    constexpr std::string_view kGood =
        R"({"timestamp": 5, "input_length": 1, "output_length": 1, "hash_ids": [0]})"
        "\n";
    const auto second = [&](std::string_view row) {
        return mooncake_error(std::string(kGood) + std::string(row));
    };
    EXPECT_EQ(second("{"), "t.jsonl:2: not JSON: expected the rest of the text");
    EXPECT_EQ(second(R"({"timestamp": 6, "input_length": 0, "output_length": 1, "hash_ids": []})"),
              "t.jsonl:2: \"input_length\" must be a number of tokens, 1 or more");
    EXPECT_EQ(second(R"({"timestamp": 6, "input_length": 1, "hash_ids": [0]})"),
              "t.jsonl:2: \"output_length\" must be a number of tokens");
    EXPECT_EQ(
        second(R"({"timestamp": 6, "input_length": 513, "output_length": 1, "hash_ids": [0]})"),
        "t.jsonl:2: \"hash_ids\" must be 2 numbers, one for each begun 512 tokens");
    EXPECT_EQ(
        second(R"({"timestamp": 6, "input_length": 2, "output_length": 1, "hash_ids": ["a"]})"),
        "t.jsonl:2: \"hash_ids\" must be whole numbers");
    EXPECT_EQ(second(R"({"timestamp": 4, "input_length": 1, "output_length": 1, "hash_ids": [0]})"),
              "t.jsonl:2: earlier than the row before it");
    EXPECT_EQ(mooncake_error(""), "t.jsonl: no rows");
}

TEST(Trace, AzureRowsCountFromTheFirstAndShareNothing) {
    Trace trace;
    ASSERT_EQ(read_azure(std::string(kAzure) + "2023-11-16 23:59:59.5000000,513,44\r\n"
                                               "2023-11-17 00:00:00.7500001,513,109\r\n",
                         "t.csv", trace),
              "");
    ASSERT_EQ(trace.rows.size(), 2U);
    EXPECT_EQ(trace.rows[0].at, Duration());
    EXPECT_EQ(trace.rows[1].at.ns(), 1'250'000'100);
    EXPECT_EQ(trace.rows[1].block_count, 2U);
    EXPECT_NE(trace.blocks_of(trace.rows[0])[0], trace.blocks_of(trace.rows[1])[0]);
}

TEST(Trace, BadAzureRowsAreNamedByFileAndLine) {
    EXPECT_EQ(azure_error("2023-11-16 18:15:46.6805900,374\n"), "t.csv:2: three fields are needed");
    EXPECT_EQ(azure_error("2023-11-16T18:15:46.6805900,374,44\n"),
              "t.csv:2: the time must be like 2023-11-16 18:15:46.6805900");
    EXPECT_EQ(azure_error("2023-11-16 18:15:46.6805900,x,44\n"),
              "t.csv:2: tokens must be whole numbers, of the context 1 or more");
    Trace trace;
    EXPECT_EQ(read_azure("time\n", "t.csv", trace),
              "t.csv:1: the first line must be \"TIMESTAMP,ContextTokens,GeneratedTokens\"");
    EXPECT_EQ(read_trace("/nonexistent/t.csv", trace),
              "/nonexistent/t.csv: No such file or directory");
}

TEST(MadeTrace, ReadsItsWordsAndKeepsItsRate) {
    MadeOptions options;
    EXPECT_EQ(read_made("cold,requests=500,rate=20,input=1000,output=7", options), "");
    const Trace trace = make_trace(options);
    EXPECT_EQ(trace.rows.size(), 500U);
    EXPECT_NEAR(trace.length().as_seconds(), 25, 3);
    EXPECT_EQ(read_made("tepid", options),
              "made: the kind must be one of cold, shared, hot, sessions");
    EXPECT_EQ(read_made("cold,rate=0", options), "made: cannot read rate=\"0\"");
    EXPECT_EQ(read_made("cold,rate", options), "made: \"rate\" is not like name=value");
}

TEST(MadeTrace, SessionsGrowAndSharedOnesBeginAlike) {
    MadeOptions options;
    ASSERT_EQ(read_made("sessions,sessions=1,requests=9,input=512", options), "");
    const Trace sessions = make_trace(options);
    for (uint32_t i = 0; i < 8; ++i) {
        EXPECT_EQ(sessions.rows[i].block_count, i + 1);
        EXPECT_EQ(sessions.blocks_of(sessions.rows[i])[0], sessions.blocks_of(sessions.rows[0])[0]);
    }
    EXPECT_NE(sessions.blocks_of(sessions.rows[8])[0], sessions.blocks_of(sessions.rows[0])[0]);
    ASSERT_EQ(read_made("shared,prefix=1024,requests=2,input=512", options), "");
    const Trace shared = make_trace(options);
    EXPECT_TRUE(std::ranges::equal(shared.blocks_of(shared.rows[0]).first(2),
                                   shared.blocks_of(shared.rows[1]).first(2)));
    EXPECT_NE(shared.blocks_of(shared.rows[0])[2], shared.blocks_of(shared.rows[1])[2]);
}

TEST(Fault, IsReadFromWords) {
    Fault fault;
    EXPECT_EQ(read_fault("worker=3,from=60s,until=5m,kind=slow,factor=5", fault), "");
    EXPECT_EQ(fault.worker, 3U);
    EXPECT_EQ(fault.from, Duration::seconds(60));
    EXPECT_EQ(fault.until, Duration::seconds(300));
    EXPECT_EQ(fault.kind, FaultKind::slow);
    EXPECT_EQ(fault.factor, 5);
    EXPECT_EQ(read_fault("kind=slow", fault), "worker and kind are needed");
    EXPECT_EQ(read_fault("worker=1,kind=tired", fault),
              "kind must be one of slow, fail, hang, restart, flap, join, leave, answer");
    EXPECT_EQ(read_fault("worker=1,kind=slow,from=2m,until=90s", fault), "until is before from");
    EXPECT_EQ(read_fault("worker=1,kind=slow,from=soon", fault), "cannot read from=\"soon\"");
    fault = {};
    EXPECT_EQ(read_fault("worker=1,kind=slow,shape=odd", fault),
              "unknown \"shape\"; known are worker, kind, from, until, factor, period");
    EXPECT_EQ(read_fault("worker=1,kind=answer,silent", fault),
              "kind=answer is for servers; see llm-fleet serve --help");
}

TEST(Fault, OfAServerMayBeOneOfItsAnswers) {
    Fault fault;
    const auto read = [&](std::string_view text) {
        fault = {};
        return read_fault(text, fault, FaultUse::served_worker);
    };
    EXPECT_EQ(read("kind=answer,status=429,until=2s,retry-after=3"), "");
    EXPECT_EQ(fault.until, Duration::seconds(2));
    EXPECT_EQ(fault.answer.status, 429);
    EXPECT_EQ(fault.answer.retry_after, "3");
    EXPECT_EQ(read("silent,kind=answer"), "");
    EXPECT_EQ(fault.answer.start, llm_kit::FaultStart::silent);
    EXPECT_EQ(read("kind=answer"), "kind=answer says nothing of what is wrong");
    EXPECT_EQ(read("kind=answer,sullen"), "there is no fault \"sullen\"");
    EXPECT_EQ(read("kind=hang,silent"),
              "unknown \"silent\"; known are worker, kind, from, until, factor, period");
    EXPECT_EQ(read("kind=leave"), "who joins and leaves is a matter of the gateway");
    EXPECT_EQ(read("until=2s"), "kind is needed");
}

}  // namespace
}  // namespace sluice::llm_fleet
