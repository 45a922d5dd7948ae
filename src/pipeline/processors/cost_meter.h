// cost_meter: tells the client what its answer has cost, and turns away models without a price.
//
// The cost itself is worked out for every exchange, with or without this step. A header can only
// tell it when the usage is there before the head is sent: of answers that are not streamed. For
// its sake such an answer is read whole, even where it could be relayed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/writer.h"
#include "pipeline/processor.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

enum class UnknownModel : uint8_t {
    allow,
    refuse,  // Whoever asks for a model without a price gets an error.
};

struct CostMeterOptions {
    std::string response_header = {};  // Its name; empty sends none.
    UnknownModel unknown_model = UnknownModel::allow;

    bool operator==(const CostMeterOptions&) const = default;
};

// Lets everything pass; what it is for is that the reply is read before it is written.
class MeteredReply final : public providers::ReplyFilter {
public:
    bool has_started() const override { return has_started_; }
    const providers::ProviderError* refusal() const override { return nullptr; }

    void on_start(const providers::ReplyStart& start) override;
    void on_text(uint32_t choice, json::Text text) override;
    void on_reasoning(uint32_t choice, json::Text text) override;
    void on_thinking_block(uint32_t choice, const providers::ThinkingBlock& block) override;
    void on_refusal(uint32_t choice, json::Text text) override;
    void on_tool_call(uint32_t choice,
                      uint32_t call,
                      const providers::ToolCallStart& start) override;
    void on_arguments(uint32_t choice, uint32_t call, json::Text fragment) override;
    void on_logprobs(uint32_t choice, std::string_view json) override;
    void on_extension(uint32_t choice, const providers::Member& member) override;
    void on_finish(uint32_t choice, providers::FinishReason reason) override;
    void on_usage(const providers::Usage& usage) override;
    void on_end() override;
    void on_error(const providers::ProviderError& error) override;

private:
    bool has_started_ = false;
};

class CostMeter final : public Processor {
public:
    explicit CostMeter(const CostMeterOptions& options) : options_(options) {}
    static Needs needs(const CostMeterOptions& options) {
        return {.body = options.unknown_model == UnknownModel::refuse,
                .response_text = !options.response_header.empty()};
    }

    Verdict on_request(ProcessorContext& context) override;
    providers::ReplyFilter* reply_filter(ProcessorContext& context) override;
    void on_response_head(ProcessorContext& context, const ResponseView& view) override;

private:
    const CostMeterOptions& options_;
    std::optional<MeteredReply> reply_;
};

}  // namespace sluice::pipeline
