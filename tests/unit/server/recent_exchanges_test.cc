// The ring of the last exchanges: its bound, its order, what of a record it keeps; and the answer
// that tells it, against its description.
#include "server/recent_exchanges.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin_description.h"
#include "admin_fixture.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/time.h"
#include "json/tree.h"
#include "pipeline/exchange_record.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "trace/content.h"

namespace sluice::server {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kWallClockNs = 1'800'000'000'123'000'000;

pipeline::ExchangeRecord usual(std::string_view request_id) {
    pipeline::ExchangeRecord record;
    record.request_id = request_id;
    record.method = "POST";
    record.path = "/v1/chat/completions";
    record.operation = "chat";
    record.model = "m";
    record.upstream_model = "m-large";
    record.upstream_name = record.upstream_series = "up";
    record.pool_name = "chat";
    record.key_name = "ci";
    record.tenant = "research";
    record.status = 200;
    record.upstream_status = 200;
    record.attempts = 1;
    record.is_stream = true;
    record.is_priced = true;
    record.cost_pico_usd = 1'500'000;
    record.usage = {.prompt_tokens = 5, .completion_tokens = 2, .is_known = true};
    record.began = Instant::from_ns(1'000'000);
    record.received = Instant::from_ns(1'500'000);
    record.lease_begun = record.leased = Instant::from_ns(1'600'000);
    record.sent = Instant::from_ns(1'700'000);
    record.first_byte = record.responded = Instant::from_ns(5'000'000);
    record.first_event = Instant::from_ns(6'000'000);
    record.ended = Instant::from_ns(11'000'000);
    return record;
}

void add(RecentExchanges& to, std::string_view request_id) {
    to.add(usual(request_id), "/v1", 0, kWallClockNs);
}

std::vector<std::string> ids(const RecentExchanges& of, size_t count) {
    std::vector<std::string> ids;
    for (const RecentExchange& exchange : of.newest(count)) {
        ids.emplace_back(exchange.request_id.view());
    }
    return ids;
}

TEST(RecentExchanges, KeepsTheNewest) {
    RecentExchanges recent;
    add(recent, "none");
    EXPECT_THAT(ids(recent, 10), ElementsAre());
    recent.set_limit(3);
    for (const std::string_view id : {"a", "b"}) {
        add(recent, id);
    }
    EXPECT_THAT(ids(recent, 10), ElementsAre("b", "a"));
    for (const std::string_view id : {"c", "d", "e", "f", "g"}) {
        add(recent, id);
        EXPECT_LE(recent.newest(10).size(), 3U);
    }
    EXPECT_THAT(ids(recent, 10), ElementsAre("g", "f", "e"));
    EXPECT_THAT(ids(recent, 2), ElementsAre("g", "f"));
    EXPECT_THAT(ids(recent, 0), ElementsAre());
}

TEST(RecentExchanges, KeepsWhatHasRoomWhenTheLimitChanges) {
    RecentExchanges recent;
    recent.set_limit(3);
    for (const std::string_view id : {"a", "b", "c", "d"}) {
        add(recent, id);
    }
    recent.set_limit(2);
    EXPECT_THAT(ids(recent, 10), ElementsAre("d", "c"));
    recent.set_limit(4);
    for (const std::string_view id : {"e", "f", "g"}) {
        add(recent, id);
    }
    EXPECT_THAT(ids(recent, 10), ElementsAre("g", "f", "e", "d"));
    recent.set_limit(0);
    EXPECT_THAT(ids(recent, 10), ElementsAre());
}

void add_with_content(RecentExchanges& to, std::string_view request_id, std::string_view body) {
    pipeline::ExchangeRecord record = usual(request_id);
    trace::Content content;
    content.request.add(body, 4);
    content.reply.add("reply", 100);
    record.content = std::make_shared<const trace::Content>(std::move(content));
    to.add(record, "/v1", 0, kWallClockNs);
}

// Empty for none.
std::string request_of(const RecentExchanges& of, uint64_t number) {
    const std::optional<ExchangeWithContent> found = of.find(number);
    const bool has_content = found && found->content != nullptr;
    EXPECT_EQ(has_content, found && found->exchange.has_content);
    return has_content ? std::string(found->content->request.view()) : "";
}

TEST(RecentExchanges, KeepNoContentUnlessTheyAreToldTo) {
    RecentExchanges recent;
    recent.set_limit(3);
    EXPECT_FALSE(recent.keeps_content());
    add_with_content(recent, "a", "one");
    EXPECT_EQ(request_of(recent, 1), "");
    recent.keep_content(true);
    EXPECT_TRUE(recent.keeps_content());
    add_with_content(recent, "b", "two");
    add(recent, "c");
    EXPECT_EQ(request_of(recent, 1), "");
    EXPECT_EQ(request_of(recent, 2), "two");
    EXPECT_EQ(request_of(recent, 3), "");
    EXPECT_FALSE(recent.find(4));
}

TEST(RecentExchanges, ContentGoesWithItsExchange) {
    RecentExchanges recent;
    recent.set_limit(2);
    recent.keep_content(true);
    for (const std::string_view body : {"one", "two", "three"}) {
        add_with_content(recent, body, body);
    }
    EXPECT_FALSE(recent.find(1));
    EXPECT_EQ(request_of(recent, 2), "two");
    EXPECT_EQ(request_of(recent, 3), "thre");
    recent.set_limit(4);
    EXPECT_EQ(request_of(recent, 2), "two");
    for (const std::string_view body : {"four", "five", "six"}) {
        add_with_content(recent, body, body);
    }
    EXPECT_FALSE(recent.find(2));
    EXPECT_EQ(request_of(recent, 3), "thre");
    EXPECT_EQ(request_of(recent, 6), "six");
    recent.set_limit(1);
    EXPECT_FALSE(recent.find(5));
    EXPECT_EQ(request_of(recent, 6), "six");
}

TEST(RecentExchanges, ForgetContentWhenItIsSwitchedOff) {
    RecentExchanges recent;
    recent.keep_content(true);
    EXPECT_FALSE(recent.keeps_content());
    recent.set_limit(2);
    EXPECT_TRUE(recent.keeps_content());
    add_with_content(recent, "a", "one");
    const std::weak_ptr<const trace::Content> watched = recent.find(1)->content;
    recent.keep_content(false);
    EXPECT_TRUE(watched.expired());
    EXPECT_EQ(request_of(recent, 1), "");
    recent.keep_content(true);
    EXPECT_EQ(request_of(recent, 1), "");
}

TEST(RecentExchanges, OfTheSameInstantTheLaterOneIsNewer) {
    RecentExchanges recent;
    recent.set_limit(2);
    add(recent, "a");
    add(recent, "b");
    const std::vector<RecentExchange> both = recent.newest(2);
    EXPECT_TRUE(both[0].is_newer_than(both[1]));
    EXPECT_FALSE(both[1].is_newer_than(both[0]));
}

TEST(RecentExchanges, OfAllShardsTheNewestComeFirst) {
    std::vector<std::optional<std::vector<RecentExchange>>> parts(3);
    for (const uint32_t shard : {0U, 2U}) {
        RecentExchanges recent;
        recent.set_limit(4);
        for (int64_t i = 0; i < 4; ++i) {
            // Those of shard 2 end between those of shard 0.
            recent.add(usual("id"), "/v1", shard, kWallClockNs + i * 10 + shard);
        }
        parts[shard] = recent.newest(4);
    }
    const auto order = [&parts](size_t count) {
        std::vector<int64_t> ends;
        for (const RecentExchange* const exchange : newest_of(parts, count)) {
            ends.push_back(exchange->ended_at_ns - kWallClockNs);
        }
        return ends;
    };
    EXPECT_THAT(order(3), ElementsAre(32, 30, 22));
    EXPECT_THAT(order(100), ElementsAre(32, 30, 22, 20, 12, 10, 2, 0));
    EXPECT_THAT(order(0), ElementsAre());
}

TEST(KeptText, IsCutBetweenCharacters) {
    KeptText<4> text;
    text.set("abcdef");
    EXPECT_EQ(text.view(), "abcd");
    text.set("abc\u00e9");
    EXPECT_EQ(text.view(), "abc");
    text.set("ab\u00e9");
    EXPECT_EQ(text.view(), "ab\u00e9");
    text.set("");
    EXPECT_EQ(text.view(), "");
}

class AdminExchanges : public AdminTest {
protected:
    std::string tell(const pipeline::ExchangeRecord& record) {
        RecentExchanges recent;
        recent.set_limit(1);
        recent.add(record, "/v1", 1, kWallClockNs);
        return tell(recent).body;
    }
    AdminAnswer tell(const RecentExchanges& recent) {
        const std::vector<std::optional<std::vector<RecentExchange>>> parts = {recent.newest(10)};
        return tell_exchanges(newest_of(parts, 10), config_, true);
    }
};

TEST_F(AdminExchanges, AreAsDescribed) {
    pipeline::ExchangeRecord broken = usual("req_2");
    broken.error = {.kind = ErrorKind::reset, .source = ErrorSource::upstream, .where = "a\"b"};
    RecentExchanges recent;
    recent.set_limit(2);
    add(recent, "req_1");
    recent.add(broken, "/v1", 0, kWallClockNs);
    expect_as_described(tell(recent), Method::get, "/v1/exchanges", 200);
}

TEST_F(AdminExchanges, TellTimesFromTheFirstByteOn) {
    Arena arena;
    const std::string body = tell(usual("req_1"));
    const json::Value& exchange = *parse(body, arena)["exchanges"].begin();
    EXPECT_EQ(exchange["started_at"].text().raw, "2027-01-15T08:00:00.113Z");
    EXPECT_EQ(exchange["offsets_ms"]["received"].number(), 0.5);
    EXPECT_EQ(exchange["offsets_ms"]["first_event"].number(), 5.0);
    EXPECT_EQ(exchange["offsets_ms"]["ended"].number(), 10.0);
    EXPECT_EQ(exchange["cost_usd"].number(), 0.0000015);
    EXPECT_EQ(exchange["tokens"]["completion"].integer(), 2);
    EXPECT_EQ(exchange["shard"].integer(), 1);
    EXPECT_EQ(exchange["number"].integer(), 1);
}

TEST_F(AdminExchanges, TellOfTheQueue) {
    pipeline::ExchangeRecord late = usual("req_1");
    late.is_queued = true;
    late.queue_wait = Duration::microseconds(2'500);
    EXPECT_THAT(tell(late), HasSubstr(R"("queued_ms":2.5,)"));
    EXPECT_THAT(tell(late), HasSubstr(R"("queue_refusal":null,)"));
    late.queue_refusal = pipeline::QueueRefusal::pushed_out;
    EXPECT_THAT(tell(late), HasSubstr(R"("queue_refusal":"pushed_out",)"));
    expect_as_described({.body = tell(late)}, Method::get, "/v1/exchanges", 200);
}

TEST_F(AdminExchanges, LeaveOutWhatDidNotHappen) {
    pipeline::ExchangeRecord refused;
    refused.status = 400;
    refused.error = {.kind = ErrorKind::invalid_json, .source = ErrorSource::client};
    const std::string body = tell(refused);
    EXPECT_THAT(body, HasSubstr(R"("first_byte":null)"));
    EXPECT_THAT(body, HasSubstr(R"("tokens":null,"cost_usd":null)"));
    EXPECT_THAT(body, HasSubstr(R"("model":null)"));
    EXPECT_THAT(body, HasSubstr(R"("queued_ms":0,)"));
    EXPECT_THAT(body, HasSubstr(R"("error":{"kind":"invalid_json","source":"client")"));
}

TEST_F(AdminExchanges, OneHasItsContent) {
    RecentExchanges recent;
    recent.set_limit(1);
    recent.keep_content(true);
    add_with_content(recent, "req_1", "a\"bc\xff");
    const AdminAnswer answer = tell_exchange(*recent.find(1), config_);
    EXPECT_THAT(answer.body, HasSubstr(R"("content":{"request":{"text":"a\"bc","is_cut":true},)"
                                       R"("response":{"text":"reply","is_cut":false}}})"));
    EXPECT_THAT(answer.body, HasSubstr(R"("has_content":true})"));
    expect_as_described(answer, Method::get, "/v1/exchanges/{shard}/{number}", 200);
    recent.keep_content(false);
    EXPECT_THAT(tell_exchange(*recent.find(1), config_).body, HasSubstr(R"("content":null})"));
}

TEST_F(AdminExchanges, OneThatIsNotThere) {
    for (const char* const path :
         {"/v1/exchanges/0/1", "/v1/exchanges/7/1", "/v1/exchanges/x/1", "/v1/exchanges/0/-1"}) {
        expect_as_described(ask(Method::get, path), Method::get, "/v1/exchanges/{shard}/{number}",
                            404);
    }
    EXPECT_EQ(ask(Method::get, "/v1/exchanges/0/1?limit=1").status, 400);
}

TEST_F(AdminExchanges, AreAskedOfTheShards) {
    const AdminAnswer answer = ask(Method::get, "/v1/exchanges?limit=5");
    EXPECT_EQ(answer.body, R"({"recent_exchanges_max":200,"complete":true,"exchanges":[]})");
    EXPECT_EQ(ask(Method::get, "/v1/exchanges?limit=1001").status, 400);
    EXPECT_EQ(ask(Method::get, "/v1/exchanges?model=m").status, 400);
}

class AdminHistograms : public AdminTest {
protected:
    void record(MetricId id, std::initializer_list<std::string_view> labels, int64_t ms) {
        store_.histogram(id, labels).record(Duration::milliseconds(ms));
    }
};

TEST_F(AdminHistograms, AreAsDescribed) {
    for (const MetricId id :
         {MetricId::request_duration_seconds, MetricId::time_to_first_byte_seconds,
          MetricId::overhead_seconds, MetricId::time_to_first_token_seconds,
          MetricId::inter_token_seconds}) {
        record(id, {"/v1", "up"}, 10);
    }
    for (const std::string_view phase : {"receive", "connect", "upstream", "relay"}) {
        record(MetricId::phase_seconds, {"/v1", "up", phase}, 10);
    }
    expect_as_described(ask(Method::get, "/v1/histograms"), Method::get, "/v1/histograms", 200);
}

TEST_F(AdminHistograms, AreSumsOverRoutes) {
    record(MetricId::time_to_first_token_seconds, {"/v1", "up"}, 10);
    record(MetricId::time_to_first_token_seconds, {"/v2", "up"}, 10);
    record(MetricId::time_to_first_token_seconds, {"/v2", "up"}, 3'600'000);
    Arena arena;
    const std::string body = ask(Method::get, "/v1/histograms").body;
    const json::Value& all = parse(body, arena)["time_to_first_token"];
    EXPECT_EQ(all["count"].integer(), 3);
    EXPECT_EQ(all["sum_seconds"].number(), 3600.02);
    ASSERT_EQ(all["buckets"].size(), 2U);
    const json::Value& first = *all["buckets"].begin();
    EXPECT_EQ(first["count"].integer(), 2);
    EXPECT_LT(*first["above_seconds"].number(), 0.01);
    EXPECT_GE(*first["up_to_seconds"].number(), 0.01);
    EXPECT_THAT(body, HasSubstr(R"("up_to_seconds":null,"count":1)"));
    EXPECT_EQ(parse(body, arena)["upstreams"].size(), 1U);
}

}  // namespace

}  // namespace sluice::server
