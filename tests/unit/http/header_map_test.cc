// Order, lookup and removal of fields.
#include "http/header_map.h"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using Field = std::pair<const char*, const char*>;

struct Filled {
    explicit Filled(std::initializer_list<Field> fields) : map(storage) {
        for (const auto& [name, value] : fields) {
            EXPECT_TRUE(map.add(name, value));
        }
    }
    std::string text() const {
        std::string all;
        for (const HeaderField& field : map) {
            all.append(field.name).append("=").append(field.value).append(";");
        }
        return all;
    }

    std::array<HeaderField, 16> storage;
    HeaderMap map;
};

TEST(HeaderMap, KeepsOrderAndSpelling) {
    const Filled filled({{"B", "1"}, {"hOsT", "a"}, {"A", ""}, {"b", "2"}});
    EXPECT_EQ(filled.text(), "B=1;hOsT=a;A=;b=2;");
    EXPECT_EQ(filled.map.size(), 4U);
    EXPECT_EQ(filled.map[1].id, HeaderId::host);
    EXPECT_EQ(filled.map[0].id, HeaderId::other);
}

TEST(HeaderMap, RefusesWhatDoesNotFit) {
    std::array<HeaderField, 2> storage;
    HeaderMap map(storage);
    EXPECT_TRUE(map.add("A", "1"));
    EXPECT_TRUE(map.add(HeaderId::host, "a"));
    EXPECT_FALSE(map.add(HeaderId::server, "x"));
    EXPECT_FALSE(map.add("B", "2"));
    EXPECT_EQ(map.size(), 2U);
    EXPECT_FALSE(map.has(HeaderId::server));
    HeaderMap none;
    EXPECT_FALSE(none.add("A", "1"));
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.find("A"), nullptr);
}

TEST(HeaderMap, FindsTheFirstByIdAndByName) {
    const Filled filled({{"X-A", "1"}, {"Cookie", "a"}, {"x-a", "2"}, {"cookie", "b"}});
    EXPECT_EQ(filled.map.find(HeaderId::cookie)->value, "a");
    EXPECT_EQ(filled.map.find("COOKIE")->value, "a");
    EXPECT_EQ(filled.map.find("X-a")->value, "1");
    EXPECT_EQ(filled.map.find("X-B"), nullptr);
    EXPECT_EQ(filled.map.find("Host"), nullptr);
    EXPECT_EQ(filled.map.find(HeaderId::host), nullptr);
    EXPECT_EQ(filled.map.value(HeaderId::cookie), "a");
    EXPECT_EQ(filled.map.value(HeaderId::host), "");
    EXPECT_EQ(filled.map.count(HeaderId::cookie), 2U);
    EXPECT_EQ(filled.map.count(HeaderId::host), 0U);
}

TEST(HeaderMap, IdsOfEveryMaskWordAreSeen) {
    // The first and the last id lie in different words of the presence mask.
    const Filled filled({{"accept", "1"}, {"x-should-retry", "2"}});
    EXPECT_TRUE(filled.map.has(HeaderId::accept));
    EXPECT_TRUE(filled.map.has(HeaderId::x_should_retry));
    EXPECT_FALSE(filled.map.has(HeaderId::accept_charset));
    EXPECT_FALSE(filled.map.has(HeaderId::x_request_id));
}

TEST(HeaderMap, RemovalLeavesNoIdBehind) {
    Filled filled({{"X-A", "1"}, {"Host", "h"}, {"x-b", "2"}});
    filled.map.remove("X-A");
    for (size_t i = 1; i < kHeaderIdCount; ++i) {
        const auto id = static_cast<HeaderId>(i);
        EXPECT_EQ(filled.map.has(id), id == HeaderId::host) << header_name(id);
    }
}

TEST(HeaderMap, RemovesEveryFieldOfAName) {
    Filled filled({{"X-A", "1"}, {"Cookie", "a"}, {"x-a", "2"}, {"cookie", "b"}, {"Host", "h"}});
    filled.map.remove(HeaderId::cookie);
    EXPECT_EQ(filled.text(), "X-A=1;x-a=2;Host=h;");
    EXPECT_FALSE(filled.map.has(HeaderId::cookie));
    filled.map.remove("X-a");
    EXPECT_EQ(filled.text(), "Host=h;");
    EXPECT_TRUE(filled.map.has(HeaderId::host));
    filled.map.remove("hOST");
    EXPECT_FALSE(filled.map.has(HeaderId::host));
    EXPECT_TRUE(filled.map.empty());
    filled.map.remove(HeaderId::host);
    EXPECT_TRUE(filled.map.add(HeaderId::host, "again"));
    EXPECT_TRUE(filled.map.has(HeaderId::host));
    filled.map.clear();
    EXPECT_TRUE(filled.map.empty());
    EXPECT_FALSE(filled.map.has(HeaderId::host));
}

TEST(HeaderMap, ListElements) {
    const Filled filled({{"Vary", "a, B"}, {"Vary", "c"}, {"Accept", "d"}});
    EXPECT_TRUE(filled.map.has_list_element(HeaderId::vary, "b"));
    EXPECT_TRUE(filled.map.has_list_element(HeaderId::vary, "C"));
    EXPECT_FALSE(filled.map.has_list_element(HeaderId::vary, "d"));
    EXPECT_FALSE(filled.map.has_list_element(HeaderId::vary, "a, B"));
    EXPECT_FALSE(filled.map.has_list_element(HeaderId::te, "a"));
}

TEST(HeaderMap, HopByHopFieldsGoWithoutBeingNamed) {
    Filled filled({{"Connection", "keep-alive"},
                   {"Keep-Alive", "timeout=5"},
                   {"Proxy-Connection", "close"},
                   {"Proxy-Authorization", "x"},
                   {"Proxy-Authenticate", "x"},
                   {"TE", "trailers"},
                   {"Trailer", "X"},
                   {"Transfer-Encoding", "chunked"},
                   {"Upgrade", "h2c"},
                   {"HTTP2-Settings", "x"},
                   {"Authorization", "stays"}});
    filled.map.remove_hop_by_hop();
    EXPECT_EQ(filled.text(), "Authorization=stays;");
}

TEST(HeaderMap, FieldsNamedByConnectionGo) {
    Filled filled({{"X-A", "1"},
                   {"Connection", "x-a, close"},
                   {"Cookie", "c"},
                   {"X-B", "2"},
                   {"connection", " ,X-B ,, cookie"},
                   {"X-C", "3"}});
    filled.map.remove_hop_by_hop();
    EXPECT_EQ(filled.text(), "X-C=3;");
}

TEST(HeaderMap, ConnectionFindsFieldsBeforeAndAfterIt) {
    Filled filled({{"X-A", "1"}, {"Connection", "x-a"}, {"Connection", "x-b"}, {"X-B", "2"}});
    filled.map.remove_hop_by_hop();
    EXPECT_EQ(filled.text(), "");
}

TEST(HeaderMap, ConnectionCannotTakeWhatTheMessageMeans) {
    const char* const fields = "Host=h;Content-Type=t;Content-Encoding=e;Content-Length=1;";
    Filled filled(
        {{"Host", "h"},
         {"Content-Type", "t"},
         {"Content-Encoding", "e"},
         {"Content-Length", "1"},
         {"Connection", "host, content-type, content-encoding, Content-Length, connection"}});
    filled.map.remove_hop_by_hop();
    EXPECT_EQ(filled.text(), fields);
}

}  // namespace
}  // namespace sluice::http
