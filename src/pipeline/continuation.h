// Continuation: what a stream has told its client so far, so that another target can go on with it
// after the first one broke off: the next one gets the text as the beginning of its answer, and the
// client one stream, with one beginning and one end.
//
// Stands between the replies, one after the other, and the one encoder that writes for the client.
// Only for answers that are one plain text: who has begun to call tools, to think or to fill a
// prescribed form cannot be followed by another. Belongs to its exchange; in no other way shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/memory_pool.h"
#include "pipeline/output_text.h"
#include "pipeline/translated.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

class Continuation final : public Pooled, public providers::ReplyFilter {
public:
    // Longer answers cannot be continued.
    static constexpr size_t kTextBytesMax = size_t{256} * 1024;

    // Whether the answer to this can be continued at all: it is one text, in no prescribed form.
    static bool can_follow(const providers::ChatRequest& request);

    // Where the encoder writes.
    EventText& output() { return output_; }
    std::span<providers::ReplyFilter* const> as_filters() const { return filters_; }
    // Of the client's dialect, for a reply that is about to come: the same one for all of them. It
    // goes by the context of the first; they are of one request.
    providers::StreamEncoder& encoder(const Translated& translated, Arena& arena);

    // --- After the reply broke off.

    // What was told so far is a text that can be gone on with.
    bool can_continue() const { return is_plain_; }
    // The reply said itself that it failed. The client was not told yet.
    bool holds_error() const { return holds_error_; }
    // The same request with what was told as the beginning of the answer; in the arena.
    const providers::ChatRequest* continued(const providers::ChatRequest* request, Arena& arena);
    // Nobody goes on: the client's encoder is told.
    void give_up(const providers::ProviderError& error);

    // --- ReplyFilter.
    void on_start(const providers::ReplyStart& start) override;
    void on_text(uint32_t choice, providers::Text text) override;
    void on_reasoning(uint32_t choice, providers::Text text) override;
    void on_thinking_block(uint32_t choice, const providers::ThinkingBlock& block) override;
    void on_refusal(uint32_t choice, providers::Text text) override;
    void on_tool_call(uint32_t choice,
                      uint32_t call,
                      const providers::ToolCallStart& start) override;
    void on_logprobs(uint32_t choice, std::string_view json) override;
    void on_finish(uint32_t choice, providers::FinishReason reason) override;
    void on_usage(const providers::Usage& usage) override;
    void on_error(const providers::ProviderError& error) override;

private:
    void end_plain();
    std::string_view without_repeated_space(std::string_view text);

    providers::ReplyFilter* const filters_[1] = {this};
    EventText output_;
    providers::ReplyContext context_;
    providers::StreamEncoder* encoder_ = nullptr;  // In the exchange's arena.
    std::string told_;                             // Escaped as inside a JSON string.
    std::string_view cut_;      // Space at the end of told_ that the next target was not given.
    int64_t told_tokens_ = 0;   // About.
    int64_t given_tokens_ = 0;  // Of those, what the reply that goes on was given as its beginning.
    bool is_plain_ = true;
    bool holds_error_ = false;
};

}  // namespace sluice::pipeline
