// headers: what is noted for either side.
#include "pipeline/processors/headers.h"

#include <gtest/gtest.h>

#include "pipeline/header_edits.h"
#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

using HeadersTest = StepTest;

TEST_F(HeadersTest, EditsBothSides) {
    make("headers", HeadersOptions{.request_set = {{"x-a", "1"}},
                                   .request_remove = {"x-b"},
                                   .response_add = {{"x-c", "2"}}});
    EXPECT_EQ(request(kChat, "{}").kind(), Verdict::Kind::proceed);
    EXPECT_TRUE(context_->request_fields.removes("X-A"));
    EXPECT_TRUE(context_->request_fields.removes("x-b"));
    EXPECT_FALSE(context_->response_fields.removes("x-c"));
    EXPECT_FALSE(context_->response_fields.empty());
    EXPECT_FALSE(context_->body.has_changed());
    EXPECT_FALSE(factory_->needs().body);
}

}  // namespace
}  // namespace sluice::pipeline
