// Methods, versions and status texts.
#include "http/types.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Types, MethodsRoundTrip) {
    for (const Method method :
         {Method::get, Method::head, Method::post, Method::put, Method::delete_method,
          Method::options, Method::patch, Method::trace, Method::connect}) {
        EXPECT_EQ(method_from(method_name(method)), method) << method_name(method);
    }
    EXPECT_EQ(method_name(Method::delete_method), "DELETE");
    EXPECT_EQ(method_name(Method::connect), "CONNECT");
    EXPECT_EQ(method_name(Method::other), "");
}

TEST(Types, MethodNamesAreCaseSensitiveAndExact) {
    for (const char* text : {"", "get", "Get", "GE", "GETS", " GET", "PROPFIND"}) {
        EXPECT_EQ(method_from(text), Method::other) << text;
    }
}

TEST(Types, StatusTexts) {
    EXPECT_EQ(status_text(100), "Continue");
    EXPECT_EQ(status_text(200), "OK");
    EXPECT_EQ(status_text(429), "Too Many Requests");
    EXPECT_EQ(status_text(511), "Network Authentication Required");
    EXPECT_EQ(status_text(299), "");
    EXPECT_EQ(status_text(0), "");
}

TEST(Types, InformationalStatuses) {
    EXPECT_FALSE(is_informational(99));
    EXPECT_TRUE(is_informational(100));
    EXPECT_TRUE(is_informational(199));
    EXPECT_FALSE(is_informational(200));
}

TEST(Types, Versions) {
    EXPECT_EQ(version_name(Version::http_1_0), "HTTP/1.0");
    EXPECT_EQ(version_name(Version::http_1_1), "HTTP/1.1");
}

}  // namespace
}  // namespace sluice::http
