// logging: which exchanges get a line, and what stands in it.
#include "pipeline/processors/logging.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/time.h"
#include "pipeline/exchange_record.h"
#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kBody =
    R"({"messages":[{"role":"user","content":"old"},{"role":"user","content":[)"
    R"({"type":"image_url"},{"type":"text","text":"My key is sk-abcdefghij0123456789,)"
    R"(\nkeep it"}]},)"
    R"({"role":"assistant","content":"No."}],"tools":[{"type":"function"}]})";

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class LoggingTest : public StepTest {
protected:
    LoggingTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        const auto sink = writer_.add_sink((folder_ / "log").string());
        EXPECT_TRUE(sink);
        lane_ = &writer_.add_lane(*sink, size_t{1} << 20U);
        writer_.start();
    }
    ~LoggingTest() override { std::filesystem::remove_all(folder_); }

    // The line of one exchange; "" when there is none.
    std::string line(const LoggingOptions& options,
                     std::string_view body = kBody,
                     std::string_view reply = "") {
        {
            const Log log(*lane_, LogFormat::json);
            make("logging", options);
            EXPECT_EQ(request(kChat, body).kind(), Verdict::Kind::proceed);
            context_->body = RequestBody(arena_);  // As when it has been sent.
            for (const char c : reply) {
                step_->on_response_body(*context_, {&c, 1});
            }
            end();
        }
        writer_.stop();
        std::ifstream file(folder_ / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::filesystem::path folder_;
    LogWriter writer_{{}};
    LogLane* lane_ = nullptr;
};

TEST_F(LoggingTest, TellsWhatWasAskedFor) {
    record_.key_name = "team-key";
    record_.tenant = "acme";
    record_.status = 200;
    record_.upstream_model = "m-1-2026";
    record_.usage = {.prompt_tokens = 7, .completion_tokens = 3, .is_known = true};
    record_.began = Instant::from_ns(1);
    record_.ended = Instant::from_ns(1'500'000'001);
    const std::string told = line({});
    EXPECT_THAT(told, AllOf(HasSubstr(R"("level":"info","room":"pipeline","text":"exchange")"),
                            HasSubstr(R"("request_id":"req-1")"), HasSubstr(R"("model":"m-1")"),
                            HasSubstr(R"("upstream_model":"m-1-2026")"),
                            HasSubstr(R"("key":"team-key","tenant":"acme","status":200)"),
                            HasSubstr(R"("messages":3,"images":1,"has_tools":true)")));
    EXPECT_THAT(told, AllOf(HasSubstr(R"("prompt_tokens":7,"completion_tokens":3)"),
                            HasSubstr(R"("usage":"told","finish":"complete","error":"-")"),
                            HasSubstr(R"("total_s":1.500000)"), Not(HasSubstr("keep it")),
                            HasSubstr(R"("content":"","reply":"")")));
}

TEST_F(LoggingTest, SummarisesTheLastTextOfTheUser) {
    EXPECT_THAT(line({.content = LoggedContent::summary}),
                HasSubstr(R"("content":"My key is [key],\nkeep it","reply":"")"));
}

TEST_F(LoggingTest, SummarisesWithoutCuttingASecretOpen) {
    EXPECT_THAT(line({.content = LoggedContent::summary, .content_bytes_max = 17}),
                HasSubstr(R"("content":"My key is [key],\n")"));
}

TEST_F(LoggingTest, CutsBetweenCharacters) {
    EXPECT_THAT(
        line({.content = LoggedContent::summary, .content_bytes_max = 4},
             "{\"messages\":[{\"role\":\"user\",\"content\":\"\xC3\xBC\xC3\xBC\xC3\xBC\"}]}"),
        HasSubstr("\"content\":\"\xC3\xBC\xC3\xBC\",\"reply\""));
}

TEST_F(LoggingTest, TellsBothBodiesInFullUpToALimit) {
    EXPECT_THAT(line({.content = LoggedContent::full, .content_bytes_max = 12},
                     R"({"messages":[]})", "data: 0123456789"),
                HasSubstr(R"("content":"{\"messages\":","reply":"data: 012345")"));
    EXPECT_TRUE(factory_->needs().response_body);
}

TEST_F(LoggingTest, TellsLongContentsWhole) {
    const std::string reply(5'000, 'x');
    EXPECT_THAT(line({.content = LoggedContent::full, .content_bytes_max = 8'000}, "{}", reply),
                HasSubstr(reply));
}

TEST_F(LoggingTest, LeavesOutWhatIsNotInTheSample) {
    record_.status = 200;
    EXPECT_EQ(line({.sample_percent = 0}), "");
}

TEST_F(LoggingTest, TellsOfErrorsAlways) {
    record_.status = 502;
    record_.error = {.kind = ErrorKind::first_byte_timeout};
    record_.ended_in = Phase::first_byte;
    EXPECT_THAT(line({.sample_percent = 0}),
                AllOf(HasSubstr(R"("finish":"first_byte","error":"first_byte_timeout")"),
                      HasSubstr(R"("messages":3)")));
}

TEST_F(LoggingTest, UnlessThatIsNotWanted) {
    record_.status = 502;
    EXPECT_EQ(line({.sample_percent = 0, .errors_always = false}), "");
}

TEST(LoggingSample, IsTheSameForAnIdAndAboutAsLarge) {
    int count = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::string id = "req-" + std::to_string(i);
        EXPECT_EQ(is_in_sample(id, 30), is_in_sample(id, 30));
        EXPECT_TRUE(!is_in_sample(id, 30) || is_in_sample(id, 60));
        count += is_in_sample(id, 30) ? 1 : 0;
    }
    EXPECT_GT(count, 2'700);
    EXPECT_LT(count, 3'300);
    EXPECT_TRUE(is_in_sample("x", 100));
    EXPECT_FALSE(is_in_sample("x", 0));
}

}  // namespace
}  // namespace sluice::pipeline
