// A reply on its way from a provider's dialect to the client's, as events in canonical form.
//
//   ReplyDecoder --> ReplyOrder --> ReplySink (an encoder of the client's dialect)
//
// Decoders say what they see as they see it. ReplyOrder stands behind all of them and makes of it
// what every client may rely on, whatever the provider: one start, first; dense indices of tool
// calls; arguments for every call; exactly one finish for each choice, after everything else; then
// usage; then the end. An error ends everything, and a reply that stops without its provider
// having finished it becomes an error, never a finish of our own making. A reply that is not
// streamed runs the same way, in one go, into a ReplyCollector. In the arena of its exchange.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"

namespace sluice::providers {

struct ReplyStart {
    Text id = {};           // Empty: the client gets one of ours.
    Text model = {};        // Empty: the name that was asked for.
    int64_t created_s = 0;  // 0: now.
};

struct ToolCallStart {
    Text id = {};  // Empty: the client gets one of ours.
    Text name = {};
    Text signature = {};  // Gemini's.
};

// The client's side. Texts are valid during the call only. `choice` counts from 0; `call` is the
// index of a tool call within its choice.
class ReplySink {
public:
    virtual void on_start(const ReplyStart& start) = 0;
    virtual void on_text(uint32_t choice, Text text) = 0;
    virtual void on_reasoning(uint32_t choice, Text text) = 0;
    // A block of reasoning is complete; its text, if it had one, went by as on_reasoning.
    virtual void on_thinking_block(uint32_t choice, const ThinkingBlock& block) = 0;
    virtual void on_refusal(uint32_t choice, Text text) = 0;
    virtual void on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) = 0;
    // `fragment` is escaped as inside a JSON string.
    virtual void on_arguments(uint32_t choice, uint32_t call, Text fragment) = 0;
    // JSON; belongs to the text before it.
    virtual void on_logprobs(uint32_t choice, std::string_view json) = 0;
    // A member of the message that only services of OpenAI's kind have. Clients of other dialects
    // have no use for it.
    virtual void on_extension(uint32_t, const Member&) {}
    virtual void on_finish(uint32_t choice, FinishReason reason) = 0;
    virtual void on_usage(const Usage& usage) = 0;
    virtual void on_end() = 0;
    // Instead of finish, usage and end.
    virtual void on_error(const ProviderError& error) = 0;

protected:
    ~ReplySink() = default;
};

// What decoders talk to. Everything may be said at any time and more than once.
class ReplyOrder {
public:
    ReplyOrder(ReplySink& sink, Arena& arena) : sink_(&sink), choices_(arena), arena_(&arena) {}

    // What is known so far; the first of each that is not empty counts. Passed on with the first
    // content, or at the latest at the end. `commit` passes it on at once.
    void start(const ReplyStart& start, bool commit = false);
    void text(uint32_t choice, Text text);
    // The provider wrote a text without any character. Of whole replies only, where it differs from
    // no text.
    void empty_text(uint32_t choice);
    void reasoning(uint32_t choice, Text text);
    void thinking_block(uint32_t choice, const ThinkingBlock& block);
    void refusal(uint32_t choice, Text text);
    void logprobs(uint32_t choice, std::string_view json);
    void extension(uint32_t choice, const Member& member);
    // Returns the index that arguments() wants.
    uint32_t tool_call(uint32_t choice, const ToolCallStart& start);
    void arguments(uint32_t choice, uint32_t call, Text fragment);
    // The call got all its arguments; one without any is given "{}".
    void tool_call_end(uint32_t choice, uint32_t call);
    // The last reason said counts, but a plain stop never replaces another reason.
    void finish(uint32_t choice, FinishReason reason);
    // What is reported (not negative) replaces what was reported before.
    void usage(const Usage& usage);
    // The reply failed; whatever comes after it is ignored. The sink hears of it only if it has
    // seen something already; else the client can still get a response of its own.
    void error(const ProviderError& error);
    // The provider has said that the reply is complete: choices without a reason get "stop".
    void complete();
    // No more bytes will come. Without a finish of any choice, and without complete(), this is an
    // error.
    void end();

    bool has_started() const { return started_; }  // The client's side has seen something.
    bool is_over() const { return over_; }
    bool has_failed() const { return failed_; }
    const ProviderError& failure() const { return failure_; }
    bool has_finished(uint32_t choice) const;
    uint32_t tool_calls(uint32_t choice) const;
    const Usage& usage_so_far() const { return usage_; }

    // A provider with more choices than this has lost count.
    static constexpr uint32_t kChoicesMax = 128;
    static constexpr uint32_t kToolCallsMax = 1024;

private:
    struct Choice {
        uint32_t calls = 0;
        bool has_finish = false;
        FinishReason reason = FinishReason::stop;
        std::span<uint64_t> has_arguments = {};  // One bit for each call.
    };

    Choice* at(uint32_t choice);
    bool begin(uint32_t choice, Choice*& found);
    void say_finish(uint32_t choice);

    ReplySink* sink_;
    ArenaList<Choice> choices_;
    Arena* arena_;
    ReplyStart start_;
    Usage usage_;
    ProviderError failure_;
    bool started_ = false;
    bool complete_ = false;
    bool over_ = false;
    bool failed_ = false;
};

// The provider's side: reads messages of its wire form. `order` was given when it was made.
class ReplyDecoder {
public:
    // One event, line or frame. `name` is the event's name where the wire form has names. Texts
    // that must outlive the call are copied to the arena given when it was made; `scratch` is
    // cleared afterwards. Fails with malformed when the data is not what the protocol allows.
    virtual Status on_message(std::string_view name, std::string_view data, Arena& scratch) = 0;
    // A reply that is not streamed.
    virtual Status on_whole(std::string_view body, Arena& scratch) = 0;
    // All bytes have come; ends the order.
    virtual void on_end() = 0;

protected:
    ~ReplyDecoder() = default;
};

// One complete reply.
struct ReplyToolCall {
    ToolCallStart start = {};
    Text arguments = {};
};

struct ReplyChoice {
    Text text = {};
    bool has_text = false;
    Text reasoning = {};
    Text refusal = {};
    std::span<const ThinkingBlock> thinking = {};
    std::span<const ReplyToolCall> tool_calls = {};
    std::string_view logprobs = {};
    std::span<const Member> extensions = {};
    FinishReason finish = FinishReason::stop;
};

struct Reply {
    ReplyStart start = {};
    std::span<const ReplyChoice> choices = {};
    Usage usage = {};
};

// Gathers a reply that goes out whole.
class ReplyCollector final : public ReplySink {
public:
    explicit ReplyCollector(Arena& arena) : choices_(arena), arena_(&arena) {}

    // After the order ended without an error.
    Reply reply();

    void on_start(const ReplyStart& start) override;
    void on_text(uint32_t choice, Text text) override;
    void on_reasoning(uint32_t choice, Text text) override;
    void on_thinking_block(uint32_t choice, const ThinkingBlock& block) override;
    void on_refusal(uint32_t choice, Text text) override;
    void on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) override;
    void on_arguments(uint32_t choice, uint32_t call, Text fragment) override;
    void on_logprobs(uint32_t choice, std::string_view json) override;
    void on_extension(uint32_t choice, const Member& member) override;
    void on_finish(uint32_t choice, FinishReason reason) override;
    void on_usage(const Usage& usage) override;
    void on_end() override {}
    void on_error(const ProviderError&) override {}

private:
    // Grows by doubling; one piece is kept as a view, without a copy of its own.
    struct Growing {
        char* data = nullptr;
        size_t size = 0;
        size_t capacity = 0;
        bool was_set = false;
        Text text() const { return {{data, size}}; }
    };
    struct Call {
        ToolCallStart start = {};
        Growing arguments = {};
    };
    struct Choice {
        explicit Choice(Arena& arena) : thinking(arena), calls(arena), extensions(arena) {}
        Growing text;
        Growing reasoning;
        Growing refusal;
        ArenaList<ThinkingBlock> thinking;
        ArenaList<Call> calls;
        ArenaList<Member> extensions;
        std::string_view logprobs;
        FinishReason finish = FinishReason::stop;
    };

    // Choices stay where they are while the list of them grows.
    struct Place {
        Choice* choice = nullptr;
    };

    Choice& at(uint32_t choice);
    void append(Growing& to, Text text);
    Text keep(Text text) { return {arena_->copy(text.raw)}; }

    ArenaList<Place> choices_;
    Arena* arena_;
    ReplyStart start_;
    Usage usage_;
};

}  // namespace sluice::providers
