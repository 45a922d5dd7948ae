// Cells, buckets, and the text of a scrape.
#include "base/metrics.h"

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/metric_families.h"
#include "base/metric_writer.h"
#include "base/metrics_text.h"
#include "base/time.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

std::string scrape(std::initializer_list<const MetricStore*> stores,
                   MetricsFormat format = MetricsFormat::prometheus) {
    const std::vector<const MetricStore*> all(stores);
    std::string text;
    MetricsScrape steps(all, format);
    while (steps.step(text)) {
    }
    return text;
}

bool has_line(const std::string& text, const std::string& line) {
    return text.starts_with(line + "\n") || text.find("\n" + line + "\n") != std::string::npos;
}

TEST(Histogram, PutsEachValueIntoTheFirstBucketWhoseBoundIsNotBelowIt) {
    const Histogram histogram(Duration::microseconds(100));
    EXPECT_EQ(histogram.bound(0), Duration::microseconds(100));
    EXPECT_EQ(histogram.bound(1), Duration::microseconds(150));
    EXPECT_EQ(histogram.bound(2), Duration::microseconds(200));
    EXPECT_GE(histogram.bound(Histogram::kBounds - 1), Duration::seconds(600));
    for (size_t i = 0; i < Histogram::kBounds; ++i) {
        const Duration bound = histogram.bound(i);
        EXPECT_EQ(histogram.bucket_of(bound), i);
        EXPECT_EQ(histogram.bucket_of(bound + Duration::nanoseconds(1)), i + 1);
        EXPECT_EQ(histogram.bucket_of(bound - Duration::nanoseconds(1)), i);
        if (i > 0) {
            EXPECT_LE(bound.ns() * 2, histogram.bound(i - 1).ns() * 3);
        }
    }
    EXPECT_EQ(histogram.bucket_of(Duration()), 0U);
    EXPECT_EQ(histogram.bucket_of(Duration::nanoseconds(-5)), 0U);
    EXPECT_EQ(histogram.bucket_of(Duration::nanoseconds(INT64_MAX)), Histogram::kBounds);
}

TEST(MetricFamilies, AreNamedAsPrometheusAdvises) {
    std::vector<std::string_view> names;
    for (const MetricFamily& family : kMetricFamilies) {
        EXPECT_TRUE(family.name.starts_with("sluice_")) << family.name;
        EXPECT_EQ(family.type == MetricType::counter, family.name.ends_with("_total"))
            << family.name;
        EXPECT_EQ(family.type == MetricType::histogram, family.first_bound_us != 0) << family.name;
        EXPECT_TRUE(family.help.ends_with(".")) << family.name;
        if (family.unit == MetricUnit::rate) {
            EXPECT_TRUE(family.name.ends_with("_per_second")) << family.name;
        }
        if (family.unit == MetricUnit::seconds) {
            EXPECT_TRUE(family.name.ends_with("_seconds")) << family.name;
        }
        names.push_back(family.name);
    }
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::unique(names).size(), 0U);
}

TEST(MetricStore, GivesTheSameCellForTheSameLabels) {
    MetricStore store;
    Counter& a = store.counter(MetricId::stream_events_total, {"/v1", "openai"});
    EXPECT_EQ(&store.counter(MetricId::stream_events_total, {"/v1", "openai"}), &a);
    EXPECT_NE(&store.counter(MetricId::stream_events_total, {"/v1", "other"}), &a);
    EXPECT_EQ(store.series_count(), 2U);
}

TEST(MetricsText, AddsShardsUp) {
    MetricStore one;
    MetricStore two;
    one.counter(MetricId::stream_events_total, {"r", "u"}).add(3);
    two.counter(MetricId::stream_events_total, {"r", "u"}).add(4);
    one.gauge(MetricId::upstream_waiters, {"u"}).set(5);
    two.gauge(MetricId::upstream_waiters, {"u"}).set(-2);
    one.gauge(MetricId::longest_turn_seconds, {"0"}).set(1'500'000);
    two.gauge(MetricId::longest_turn_seconds, {"0"}).set(2'000);
    const std::string text = scrape({&one, &two});
    EXPECT_TRUE(has_line(text, R"(sluice_stream_events_total{route="r",upstream="u"} 7)")) << text;
    EXPECT_TRUE(has_line(text, R"(sluice_upstream_waiters{upstream="u"} 3)")) << text;
    EXPECT_TRUE(has_line(text, R"(sluice_longest_turn_seconds{shard="0"} 0.0015)")) << text;
    EXPECT_TRUE(has_line(text, "# TYPE sluice_stream_events_total counter")) << text;
    EXPECT_TRUE(has_line(text, "# TYPE sluice_upstream_waiters gauge")) << text;
    EXPECT_EQ(text.find("sluice_retries_total"), std::string::npos) << "nothing without series";
}

TEST(MetricsText, PrintsHistogramsWithCumulatedBuckets) {
    MetricStore one;
    MetricStore two;
    Histogram& histogram = one.histogram(MetricId::request_duration_seconds, {"r", "u"});
    histogram.record(Duration::microseconds(50));
    histogram.record(Duration::microseconds(100));
    histogram.record(Duration::milliseconds(2));
    two.histogram(MetricId::request_duration_seconds, {"r", "u"}).record(Duration::seconds(1'000));
    const std::string text = scrape({&one, &two});
    const std::string name = R"(sluice_request_duration_seconds_bucket{route="r",upstream="u",le=)";
    EXPECT_TRUE(has_line(text, name + R"("0.0001"} 2)")) << text;
    EXPECT_TRUE(has_line(text, name + R"("0.00015"} 2)")) << text;
    EXPECT_TRUE(has_line(text, name + R"("0.0016"} 2)")) << text;
    EXPECT_TRUE(has_line(text, name + R"("0.0024"} 3)")) << text;
    EXPECT_TRUE(has_line(text, name + R"("629.1456"} 3)")) << text;
    EXPECT_TRUE(has_line(text, name + R"("+Inf"} 4)")) << text;
    EXPECT_TRUE(
        has_line(text, R"(sluice_request_duration_seconds_count{route="r",upstream="u"} 4)"))
        << text;
    EXPECT_TRUE(
        has_line(text, R"(sluice_request_duration_seconds_sum{route="r",upstream="u"} 1000.00215)"))
        << text;
}

TEST(MetricsText, EscapesLabelValues) {
    MetricStore store;
    store.counter(MetricId::stream_events_total, {"a\"b\\c\nd", "u"}).add();
    EXPECT_TRUE(has_line(scrape({&store}),
                         R"(sluice_stream_events_total{route="a\"b\\c\nd",upstream="u"} 1)"));
}

TEST(MetricsText, PrintsFamiliesWithoutLabels) {
    MetricStore store;
    store.counter(MetricId::dns_questions_total).publish(12);
    store.gauge(MetricId::start_time_seconds).set(1'700'000'000'000'000'000);
    const std::string text = scrape({&store});
    EXPECT_TRUE(has_line(text, "sluice_dns_questions_total 12")) << text;
    EXPECT_TRUE(has_line(text, "sluice_start_time_seconds 1700000000")) << text;
}

TEST(MetricsScrape, TakesLongListsInSteps) {
    MetricStore store;
    for (int i = 0; i < 100; ++i) {
        store.histogram(MetricId::overhead_seconds, {std::to_string(i), "u"})
            .record(Duration::milliseconds(i));
        store.counter(MetricId::stream_events_total, {std::to_string(i), "u"}).add(2);
    }
    const std::vector<const MetricStore*> stores = {&store, &store};
    MetricsScrape scrape(stores, MetricsFormat::prometheus);
    std::string text;
    size_t steps = 1;
    size_t largest = 0;
    for (size_t before = 0; scrape.step(text); before = text.size()) {
        largest = std::max(largest, text.size() - before);
        ++steps;
    }
    EXPECT_GE(steps, 10U);
    EXPECT_LT(largest, text.size() / 5);
    for (int i = 0; i < 100; ++i) {
        const std::string labels = "{route=\"" + std::to_string(i) + "\",upstream=\"u\"} ";
        EXPECT_TRUE(has_line(text, "sluice_overhead_seconds_count" + labels + "2")) << i;
        EXPECT_TRUE(has_line(text, "sluice_stream_events_total" + labels + "4")) << i;
    }
    EXPECT_EQ(text.find("# TYPE sluice_overhead"), text.rfind("# TYPE sluice_overhead"));
}

TEST(MetricsScrape, KeepsTheNewestExemplarOfAllShards) {
    MetricStore one;
    MetricStore two;
    const auto record = [](MetricStore& store, std::string_view id, int64_t wall_clock_ns) {
        store.histogram(MetricId::request_duration_seconds, {"r", "u"})
            .record(Duration::milliseconds(5), id, wall_clock_ns);
    };
    record(one, "older", 1'000'000'000);
    record(two, "newest", 3'500'000'000);
    record(one, "newer", 2'000'000'000);
    record(one, std::string(Exemplar::kIdBytesMax + 1, 'x'), 4'000'000'000);
    const std::string text = scrape({&one, &two}, MetricsFormat::open_metrics);
    EXPECT_TRUE(has_line(text, R"(sluice_request_duration_seconds_bucket{route="r",upstream="u",)"
                               R"(le="0.0064"} 4 # {request_id="newest"} 0.005 3.5)"))
        << text;
    EXPECT_TRUE(text.ends_with("\n# EOF\n"));
    EXPECT_EQ(scrape({&one, &two}).find("request_id"), std::string::npos);
}

TEST(MetricsScrape, PublishesTotalsAndTheImbalanceOfShards) {
    MetricStore one;
    MetricStore two;
    one.counter(MetricId::requests_total, {"r", "u", "200"}).add(3);
    two.counter(MetricId::requests_total, {"s", "u", "404"}).add(2);
    one.counter(MetricId::request_failures_total, {"s", "u"}).add(2);
    one.gauge(MetricId::client_connections, {"0"}).set(9);
    two.gauge(MetricId::client_connections, {"1"}).set(3);
    const std::string text = scrape({&one, &two});
    for (const std::string line :
         {"llm_requests_total 5", "llm_requests_failure 2", "llm_active_connections 12",
          "llm_cache_hits 0", R"(sluice_shard_imbalance_ratio{of="client_connections"} 1.5)",
          R"(sluice_shard_imbalance_ratio{of="exchanges"} 1)"}) {
        EXPECT_TRUE(has_line(text, line)) << line << " in " << text;
    }
}

TEST(MetricsScrape, NamesCountersAsOpenMetricsDoes) {
    MetricStore store;
    store.counter(MetricId::stream_events_total, {"r", "u"}).add(1);
    store.counter(MetricId::client_connections_total, {"0"}).add(1);
    const std::string text = scrape({&store}, MetricsFormat::open_metrics);
    EXPECT_TRUE(has_line(text, "# TYPE sluice_stream_events counter")) << text;
    EXPECT_TRUE(has_line(text, R"(sluice_stream_events_total{route="r",upstream="u"} 1)")) << text;
    // Its short name is a gauge's.
    EXPECT_TRUE(has_line(text, "# TYPE sluice_client_connections_total unknown")) << text;
}

TEST(MetricStore, BoundsItsSeries) {
    MetricStore store;
    for (int i = 0; i < 20'000; ++i) {
        store.counter(MetricId::dns_failures_total).add();
        if (i < 9'000) {
            store.counter(MetricId::upstream_connects_total, {std::to_string(i), "ok"}).add();
        }
    }
    EXPECT_LE(store.series_count(), 8'193U);
    EXPECT_TRUE(has_line(scrape({&store}),
                         R"(sluice_upstream_connects_total{upstream="other",result="other"} 809)"))
        << "what came after the limit is counted together";
}

TEST(MetricSums, AddUpAllShards) {
    MetricStore first;
    MetricStore second;
    first.counter(MetricId::stream_events_total, {"r", "u"}).add(2);
    second.counter(MetricId::stream_events_total, {"r", "u"}).add(3);
    second.counter(MetricId::stream_events_total, {"r", "v"}).add(4);
    const std::vector<const MetricStore*> stores = {&first, &second};
    const auto sums = MetricSums::of(MetricId::stream_events_total, stores);
    ASSERT_EQ(sums.size(), 2U);
    EXPECT_EQ(sums.at({"r", "u"}).counter, 5U);
    EXPECT_EQ(sums.at({"r", "v"}).counter, 4U);
}

TEST(MetricSums, EstimateQuantilesWithinABucket) {
    MetricStore store;
    Histogram& cell = store.histogram(MetricId::request_duration_seconds, {"r", "u"});
    const std::vector<const MetricStore*> stores = {&store};
    const auto quantile = [&](double share) {
        const auto sums = MetricSums::of(MetricId::request_duration_seconds, stores);
        return MetricSums::quantile(MetricId::request_duration_seconds, sums.at({"r", "u"}), share);
    };
    EXPECT_EQ(quantile(0.5), Duration());
    for (int i = 1; i <= 1000; ++i) {
        cell.record(Duration::milliseconds(i));
    }
    // A bound is at most half as large again as the one below, so that is how far it can be off.
    for (const double share : {0.1, 0.5, 0.9, 0.99}) {
        EXPECT_GT(quantile(share), Duration::microseconds(static_cast<int64_t>(share * 670'000)));
        EXPECT_LT(quantile(share), Duration::microseconds(static_cast<int64_t>(share * 1'500'000)));
    }
    EXPECT_LE(quantile(0.5), quantile(0.9));
    MetricSum both = MetricSums::of(MetricId::request_duration_seconds, stores).at({"r", "u"});
    both.add(both);
    EXPECT_EQ(both.count(), 2000U);
}

TEST(MetricStore, CanBeReadWhileItGrows) {
    MetricStore store;
    std::atomic<bool> is_over = false;
    std::thread reader([&] {
        while (!is_over) {
            const std::string text = scrape({&store});
            EXPECT_TRUE(text.empty() || text.ends_with("\n"));
        }
    });
    for (int i = 0; i < 200; ++i) {
        const std::string name = std::to_string(i);
        store.counter(MetricId::stream_events_total, {name, "u"}).add();
        store.histogram(MetricId::overhead_seconds, {name, "u"}).record(Duration::microseconds(3));
    }
    is_over = true;
    reader.join();
}

}  // namespace
}  // namespace sluice
