// Both forms of the line, what is left out of it, and what a client cannot do to it.
#include "server/access_log.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "json/document.h"
#include "net/address.h"
#include "pipeline/exchange_record.h"
#include "server/options.h"

namespace sluice::server {

namespace {

constexpr int64_t kWallClockNs = 1'800'000'000'123'000'000;

pipeline::ExchangeRecord usual() {
    pipeline::ExchangeRecord record;
    record.client = net::Address::loopback(4711);
    record.request_id = "req_1";
    record.method = "POST";
    record.path = "/v1/chat/completions";
    record.model = "m";
    record.status = 200;
    record.upstream_status = 200;
    record.attempts = 1;
    record.began = Instant::from_ns(1'000'000);
    record.received = Instant::from_ns(2'500'000);
    record.lease_begun = record.leased = Instant::from_ns(2'600'000);
    record.ended = Instant::from_ns(12'345'678);
    return record;
}

std::string line_of(const pipeline::ExchangeRecord& record, AccessLogFormat format) {
    AccessLogLine line(format);
    return std::string(
        line.write(record, {.route = "/v1", .upstream = "mock", .shard = 3}, kWallClockNs));
}

TEST(AccessLog, SaysWhatIsNotAsUsual) {
    EXPECT_EQ(line_of(usual(), AccessLogFormat::human),
              "2027-01-15T08:00:00.123Z client=127.0.0.1:4711 request_id=req_1 method=POST "
              "path=/v1/chat/completions status=200 model=m route=/v1 upstream=mock "
              "request_bytes=0 response_bytes=0 total_ms=11.345 receive_ms=1.500 reused=false "
              "shard=3\n");
    pipeline::ExchangeRecord record = usual();
    record.status = 502;
    record.is_stream = true;
    record.events = 7;
    record.attempts = 2;
    record.retry_reason = pipeline::RetryReason::throttled;
    record.retries[static_cast<size_t>(pipeline::RetryReason::throttled)] = 1;
    record.leased = Instant::from_ns(4'000'000);
    record.usage = {.prompt_tokens = 5, .completion_tokens = 2, .is_known = true};
    record.error = {.kind = ErrorKind::reset, .source = ErrorSource::upstream, .where = "a b"};
    const std::string line = line_of(record, AccessLogFormat::human);
    for (const std::string_view part :
         {" status=502 ", " upstream_status=200 ", " stream=true ", " events=7 ", " attempts=2 ",
          " retry_reason=throttled ", " connect_ms=1.400 ", " prompt_tokens=5 completion_tokens=2 ",
          " error_detail=\"a b\" "}) {
        EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
    }
}

TEST(AccessLog, SaysWhoWasAskedAtTheSameTime) {
    pipeline::ExchangeRecord record = usual();
    record.attempts = 2;
    record.hedge = pipeline::HedgeOutcome::lost;
    record.hedge_upstream = "second";
    const std::string line = line_of(record, AccessLogFormat::human);
    EXPECT_NE(line.find(" attempts=2 hedge=lost hedge_upstream=second "), std::string::npos)
        << line;
    EXPECT_EQ(line.find("retry_reason"), std::string::npos) << "nothing was sent again: " << line;
}

TEST(AccessLog, TellsPartsFromEnhancers) {
    pipeline::ExchangeRecord record = usual();
    pipeline::ExtraUsage enhancer = {.upstream_name = "small", .model = "e", .usage = {}};
    enhancer.usage.prompt_tokens = 3;
    pipeline::ExtraUsage part = {
        .upstream_name = "broken", .model = "p", .usage = {}, .is_part = true, .next = &enhancer};
    part.usage.completion_tokens = 4;
    record.extra_usages = &part;
    const std::string line = line_of(record, AccessLogFormat::human);
    EXPECT_NE(line.find(" enhancer_model=e enhancer_upstream=small enhancer_prompt_tokens=3 "
                        "enhancer_completion_tokens=0 part_model=p part_upstream=broken "
                        "part_prompt_tokens=0 part_completion_tokens=4 "),
              std::string::npos)
        << line;
}

TEST(AccessLog, NamesTheTimeInLogfmt) {
    const std::string human = line_of(usual(), AccessLogFormat::human);
    EXPECT_EQ(line_of(usual(), AccessLogFormat::logfmt), "time=" + human);
}

TEST(AccessLog, WritesWhatReadersOfWebServersKnow) {
    pipeline::ExchangeRecord record = usual();
    record.response_body_bytes = 77;
    EXPECT_EQ(line_of(record, AccessLogFormat::combined),
              "127.0.0.1 - - [15/Jan/2027:08:00:00 +0000] "
              "\"POST /v1/chat/completions HTTP/1.1\" 200 77 \"-\" \"-\"\n");
    record.client = {};
    record.method = {};
    record.path = "/a\" \n\\";
    record.key_name = "team one";
    EXPECT_EQ(line_of(record, AccessLogFormat::combined),
              "- - team_one [15/Jan/2027:08:00:00 +0000] "
              "\"- /a\\\"_\\n\\\\ HTTP/1.1\" 200 77 \"-\" \"-\"\n");
}

TEST(AccessLog, SaysWhatItHasCostToTheLastPlace) {
    pipeline::ExchangeRecord record = usual();
    record.usage = {.prompt_tokens = 5, .completion_tokens = 2, .is_known = true};
    record.cost_pico_usd = 1'000'000'000'001;
    for (const AccessLogFormat format : {AccessLogFormat::human, AccessLogFormat::json}) {
        const std::string_view member = format == AccessLogFormat::json
                                            ? R"(,"cost_usd":1.000000000001,)"
                                            : " cost_usd=1.000000000001 ";
        record.is_priced = true;
        EXPECT_NE(line_of(record, format).find(member), std::string::npos);
        record.is_priced = false;
        EXPECT_EQ(line_of(record, format).find("cost_usd"), std::string::npos);
    }
    record = usual();
    record.is_priced = true;
    EXPECT_EQ(line_of(record, AccessLogFormat::human).find("cost_usd"), std::string::npos)
        << "nobody was asked for anything";
}

TEST(AccessLog, SaysWhatProcessorsDid) {
    pipeline::ExtraUsage first = {
        .upstream_name = "helper",
        .model = "small",
        .usage = {.prompt_tokens = 1, .completion_tokens = 2, .is_known = true}};
    pipeline::ExtraUsage second = {
        .upstream_name = "helper",
        .model = "small",
        .usage = {.prompt_tokens = 10, .completion_tokens = 20, .is_known = true},
        .next = &first};
    pipeline::ExchangeRecord record = usual();
    record.guard = {.rule = "email", .redacted = 3, .flagged = 1};
    record.extra_usages = &second;
    const std::string line = line_of(record, AccessLogFormat::human);
    EXPECT_NE(line.find(" guard_rule=email guard_redacted=3 guard_flagged=1 enhancer_model=small "
                        "enhancer_upstream=helper enhancer_prompt_tokens=11 "
                        "enhancer_completion_tokens=22 "),
              std::string::npos)
        << line;
}

TEST(AccessLog, SaysWhoseRequestItWasAndWhatRefusedIt) {
    pipeline::ExchangeRecord record = usual();
    record.key_name = "ci runner";
    record.tenant = "team";
    record.status = 429;
    record.limit_scope = "key";
    record.limit = "requests_per_minute";
    record.error = {.kind = ErrorKind::rate_limited, .source = ErrorSource::client};
    const std::string human = line_of(record, AccessLogFormat::human);
    EXPECT_NE(human.find(" key=\"ci runner\" tenant=team "), std::string::npos) << human;
    EXPECT_NE(human.find(" limit_scope=key limit=requests_per_minute "), std::string::npos)
        << human;
    const std::string json = line_of(record, AccessLogFormat::json);
    EXPECT_NE(json.find(R"("key":"ci runner","tenant":"team")"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("limit":"requests_per_minute")"), std::string::npos) << json;
}

TEST(AccessLog, JsonIsValidWhateverAClientSends) {
    pipeline::ExchangeRecord record = usual();
    const std::string nasty = "a\"\\\n\x01\xff" + std::string(5000, '\x02');
    record.path = record.model = record.upstream_model = nasty;
    record.method = std::string_view(nasty).substr(0, 1);
    std::string line = line_of(record, AccessLogFormat::json);
    ASSERT_TRUE(line.ends_with("}\n"));
    line.pop_back();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    json::Document document;
    EXPECT_TRUE(document.parse(line)) << line;
    EXPECT_LT(line.size(), 8000U);
}

TEST(AccessLog, ALineIsOneLineInTheHumanFormToo) {
    pipeline::ExchangeRecord record = usual();
    record.model = "x\nstatus=200 \"y\"";
    const std::string line = line_of(record, AccessLogFormat::human);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_NE(line.find("model=\"x\\nstatus=200 \\\"y\\\"\""), std::string::npos) << line;
}

}  // namespace

}  // namespace sluice::server
