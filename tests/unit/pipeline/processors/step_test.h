// What tests of processors share: one step, made by the factory of its type, in an exchange made by
// hand.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/types.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

inline constexpr std::string_view kChat = "/v1/chat/completions";
inline constexpr std::string_view kMessages = "/v1/messages";
inline constexpr std::string_view kResponses = "/v1/responses";
inline constexpr std::string_view kCompletions = "/v1/completions";

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class StepTest : public testing::Test {
protected:
    StepTest() {
        head_.headers = http::HeaderMap(fields_);
        record_.request_id = "req-1";
        record_.model = "m-1";
        record_.method = "POST";
    }
    ~StepTest() override { end(); }

    template <class Options>
    void make(std::string_view type, const Options& options) {
        end();
        options_.name = "under_test";
        options_.type = type;
        options_.config = options;
        const ProcessorType* const found = find_processor_type(type);
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->config_index, options_.config.index());
        factory_ = found->compile(options_, {});
        step_ = &factory_->make(arena_);
    }

    // The request's phases of a step that was made.
    Verdict request(std::string_view path, std::string_view body) {
        record_.path = path;
        context_ = std::make_unique<ProcessorContext>(arena_, record_);
        context_->head = &head_;
        context_->call = client_call(http::Method::post, path);
        context_->wall_clock_ns = 1'769'904'000'000'000'000;  // 2026-02-01.
        if (!body.empty()) {
            context_->body.take_text(body);
        }
        const Verdict verdict = step_->on_head(*context_);
        return verdict.kind() == Verdict::Kind::proceed ? step_->on_request(*context_) : verdict;
    }
    // The body after a request that goes on.
    std::string edited(std::string_view path, std::string_view body) {
        const Verdict verdict = request(path, body);
        EXPECT_EQ(verdict.kind(), Verdict::Kind::proceed);
        EXPECT_EQ(context_->body.has_changed(), context_->body.text() != body);
        EXPECT_TRUE(context_->body.empty() || context_->body.tree()) << context_->body.text();
        return std::string(context_->body.text());
    }
    // "status code param: message" of a refusal; "" when there is none.
    std::string refusal(std::string_view path, std::string_view body) {
        const Verdict verdict = request(path, body);
        const providers::ProviderError* const told = verdict.told();
        if (verdict.kind() != Verdict::Kind::refuse || told == nullptr) {
            return "";
        }
        return std::to_string(told->status) + " " + std::string(told->code) + " " +
               std::string(told->param) + ": " + std::string(told->message);
    }

    void end() {
        if (step_ != nullptr && context_ != nullptr) {
            step_->on_end(*context_);
        }
        if (step_ != nullptr) {
            std::exchange(step_, nullptr)->~Processor();
        }
    }

    Arena arena_;
    ExchangeRecord record_;
    http::HeaderField fields_[8];
    http::RequestHead head_;
    ProcessorOptions options_;
    std::unique_ptr<ProcessorFactory> factory_;
    std::unique_ptr<ProcessorContext> context_;
    Processor* step_ = nullptr;
};

}  // namespace sluice::pipeline
