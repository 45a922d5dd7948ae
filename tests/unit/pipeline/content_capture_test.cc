// What of an exchange's bytes becomes its content, and that others see all of them as before.
#include "pipeline/content_capture.h"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/server_exchange.h"
#include "trace/content.h"

namespace sluice::pipeline {

namespace {

struct Listener final : http::BodyTap {
    void on_body(std::string_view bytes) override { body += bytes; }
    void on_hidden(std::string_view bytes) override { hidden += bytes; }

    std::string body;
    std::string hidden;
};

TEST(ContentCapture, KeepsBothBodiesAndNothingThatIsHidden) {
    ContentCapture capture(8);
    capture.on_request("ask ");
    capture.on_request("this");
    capture.on_body("data: ");
    capture.on_hidden("usage");
    capture.on_body("1\n\n");
    const std::shared_ptr<const trace::Content> content = capture.take();
    EXPECT_EQ(content->request.view(), "ask this");
    EXPECT_FALSE(content->request.is_cut());
    EXPECT_EQ(content->reply.view(), "data: 1\n");
    EXPECT_TRUE(content->reply.is_cut());
}

TEST(ContentCapture, PassesOnTheResponseToOneMore) {
    ContentCapture capture(2);
    Listener next;
    capture.on_body("before");
    capture.set_next(&next);
    capture.on_body("after");
    capture.on_hidden("usage");
    capture.set_next(nullptr);
    capture.on_body("the end");
    EXPECT_EQ(next.body, "after");
    EXPECT_EQ(next.hidden, "usage");
    EXPECT_EQ(capture.take()->reply.view(), "be");
}

}  // namespace

}  // namespace sluice::pipeline
