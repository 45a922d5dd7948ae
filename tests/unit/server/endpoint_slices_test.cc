// EndpointSlices: lists and events as the API of Kubernetes writes them.
#include "server/endpoint_slices.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balance/member.h"

namespace sluice::server {
namespace {

using balance::Member;
using testing::ElementsAre;
using testing::IsEmpty;
using Event = EndpointSlices::Event;

constexpr std::string_view kFirst = R"({
  "metadata": {"name": "llm-1", "resourceVersion": "7"}, "addressType": "IPv4",
  "ports": [{"name": "metrics", "port": 9000}, {"name": "http", "port": 8000}],
  "endpoints": [
    {"addresses": ["10.0.0.1"], "conditions": {"ready": true},
     "targetRef": {"kind": "Pod", "uid": "pod-1"}},
    {"addresses": ["10.0.0.2"], "conditions": {"ready": false}, "targetRef": {"uid": "pod-2"}},
    {"addresses": ["10.0.0.3"]},
    {"addresses": []}]})";
constexpr std::string_view kSixth = R"({
  "metadata": {"name": "llm-6", "resourceVersion": "8"}, "addressType": "IPv6",
  "ports": [{"name": "http", "port": 8000}],
  "endpoints": [{"addresses": ["fd00::1"], "conditions": {}}]})";

std::string list(std::string_view items, std::string_view version = "10") {
    return R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":")" + std::string(version) +
           R"("},"items":[)" + std::string(items) + "]}";
}

std::string event(std::string_view type, std::string_view object) {
    return R"({"type":")" + std::string(type) + R"(","object":)" + std::string(object) + "}";
}

TEST(EndpointSlices, AreListed) {
    EndpointSlices slices("http");
    ASSERT_TRUE(slices.take_list(list(std::string(kFirst) + "," + std::string(kSixth))));
    EXPECT_EQ(slices.version(), "10");
    EXPECT_THAT(
        slices.members(),
        ElementsAre(Member{.address = "10.0.0.1:8000", .instance = "pod-1"},
                    Member{.address = "10.0.0.3:8000"}, Member{.address = "[fd00::1]:8000"}));
    EndpointSlices by_first("");
    ASSERT_TRUE(by_first.take_list(list(kFirst)));
    EXPECT_EQ(by_first.members().front().address, "10.0.0.1:9000");
    EndpointSlices by_none("grpc");
    ASSERT_TRUE(by_none.take_list(list(kFirst)));
    EXPECT_THAT(by_none.members(), IsEmpty());
}

TEST(EndpointSlices, AreFollowed) {
    EndpointSlices slices("http");
    ASSERT_TRUE(slices.take_list(list("")));
    EXPECT_EQ(slices.take_event(event("ADDED", kFirst)).value(), Event::changed);
    EXPECT_EQ(slices.version(), "7");
    EXPECT_EQ(slices.take_event(event("ADDED", kSixth)).value(), Event::changed);
    EXPECT_EQ(slices.members().size(), 3U);
    EXPECT_EQ(slices.take_event(event("DELETED", kFirst)).value(), Event::changed);
    EXPECT_THAT(slices.members(), ElementsAre(Member{.address = "[fd00::1]:8000"}));
    EXPECT_EQ(
        slices.take_event(event("BOOKMARK", R"({"metadata":{"resourceVersion":"99"}})")).value(),
        Event::none);
    EXPECT_EQ(slices.version(), "99");
    std::string gone(kSixth);
    gone.replace(gone.find("\"conditions\": {}"), 16, "\"conditions\": {\"ready\": false}");
    EXPECT_EQ(slices.take_event(event("MODIFIED", gone)).value(), Event::changed);
    EXPECT_THAT(slices.members(), IsEmpty());
    EXPECT_EQ(slices.take_event(event("ERROR", R"({"code":410,"reason":"Expired"})")).value(),
              Event::expired);
    EXPECT_FALSE(slices.take_event(event("ERROR", R"({"code":500})")));
}

TEST(EndpointSlices, AListThatIsNoneChangesNothing) {
    EndpointSlices slices("http");
    ASSERT_TRUE(slices.take_list(list(kFirst)));
    for (const std::string& bad :
         {std::string(), std::string("{}"), std::string("[]"), list(kFirst).substr(0, 80),
          list("{}"), list(kFirst, ""), std::string(R"({"metadata":{"resourceVersion":"1"}})")}) {
        EXPECT_FALSE(slices.take_list(bad)) << bad;
    }
    EXPECT_FALSE(slices.take_event("{}"));
    EXPECT_FALSE(slices.take_event("no JSON"));
    EXPECT_EQ(slices.members().size(), 2U);
    EXPECT_EQ(slices.version(), "10");
}

TEST(EndpointSlices, TakeNoAddressThatIsNone) {
    EndpointSlices slices("");
    ASSERT_TRUE(slices.take_list(list(R"({"metadata":{"name":"a"},"ports":[{"port":80}],
        "endpoints":[{"addresses":["h/x"]},{"addresses":["u@h"]},{"addresses":["h"]},
                     {"addresses":[7]},{"addresses":[""]}]},
        {"metadata":{"name":"b"},"ports":[{"port":70000}],"endpoints":[{"addresses":["h"]}]})")));
    EXPECT_THAT(slices.members(), ElementsAre(Member{.address = "h:80"}));
}

}  // namespace
}  // namespace sluice::server
