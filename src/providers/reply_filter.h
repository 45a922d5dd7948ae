// ReplyFilter: stands between ReplyOrder and the encoder of the client's dialect, and decides what
// of a reply goes on.
//
// It may hold texts back for a while, leave out, change, and refuse the rest: then the client gets
// an error and nothing more. What it does not look at passes. Several may stand in a row. In the
// frame of its exchange.
#pragma once

#include <cstdint>
#include <string_view>

#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

class ReplyFilter : public ReplySink {
public:
    void lead_to(ReplySink& next) { next_ = &next; }

    // Anything has gone on. What it refuses before that can be answered with a status of its own.
    bool has_started() const { return has_started_; }
    // Why the rest of the reply does not go on; null while it does.
    virtual const ProviderError* refusal() const { return nullptr; }

    void on_start(const ReplyStart& start) override { start_next(start); }
    void on_text(uint32_t choice, Text text) override { next().on_text(choice, text); }
    void on_reasoning(uint32_t choice, Text text) override { next().on_reasoning(choice, text); }
    void on_thinking_block(uint32_t choice, const ThinkingBlock& block) override {
        next().on_thinking_block(choice, block);
    }
    void on_refusal(uint32_t choice, Text text) override { next().on_refusal(choice, text); }
    void on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) override {
        next().on_tool_call(choice, call, start);
    }
    void on_arguments(uint32_t choice, uint32_t call, Text fragment) override {
        next().on_arguments(choice, call, fragment);
    }
    void on_logprobs(uint32_t choice, std::string_view json) override {
        next().on_logprobs(choice, json);
    }
    void on_extension(uint32_t choice, const Member& member) override {
        next().on_extension(choice, member);
    }
    void on_finish(uint32_t choice, FinishReason reason) override {
        next().on_finish(choice, reason);
    }
    void on_usage(const Usage& usage) override { next().on_usage(usage); }
    void on_end() override { next().on_end(); }
    void on_error(const ProviderError& error) override { next().on_error(error); }

protected:
    ~ReplyFilter() = default;
    ReplySink& next() { return *next_; }
    void start_next(const ReplyStart& start) {
        has_started_ = true;
        next_->on_start(start);
    }

private:
    ReplySink* next_ = nullptr;
    bool has_started_ = false;
};

}  // namespace sluice::providers
