// SimulatedAnswer: what an LLM that speaks OpenAI's protocol would answer, without an LLM.
//
// A pure generator: the same request gives the same bytes, streamed or whole, and the whole text is
// the streamed text put together. It knows no clock and does no I/O; each event says what a model
// would spend on it, and the caller sleeps. Shapes: OpenAI API reference, chat completions,
// completions, responses, embeddings and models. Owned by the exchange that answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::providers {

enum class SimulatedEndpoint : uint8_t { chat, completions, responses, embeddings };

// Adds up the text of a prompt, in pieces. The "tokenizer" is the rule of thumb for English text:
// one token for every four bytes, rounded up, at least one.
class PromptMeter {
public:
    static constexpr uint64_t kBytesPerToken = 4;

    void add(std::string_view text);
    uint64_t hash() const { return hash_; }
    uint64_t bytes() const { return bytes_; }
    uint32_t tokens() const;

private:
    uint64_t hash_ = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bit.
    uint64_t bytes_ = 0;
};

// Whether the request forces a tool call.
enum class ToolForce : uint8_t {
    none,
    required,  // Any tool: ends with finish_reason tool_calls.
    named,     // This function: OpenAI ends such an answer with stop.
};

// What the answer depends on. Views must live until the SimulatedAnswer is made, no longer.
struct SimulatedRequest {
    SimulatedEndpoint endpoint = SimulatedEndpoint::chat;
    std::string_view model;
    PromptMeter prompt;
    bool stream = false;
    bool include_usage = false;  // stream_options.include_usage; chat and completions.
    uint32_t choices = 1;        // n
    // max_tokens, max_completion_tokens or max_output_tokens.
    std::optional<uint32_t> tokens_max;
    ToolForce tool_force = ToolForce::none;
    std::string_view tool_name;
    std::string_view tool_arguments;  // JSON; empty lets the simulator make some.
    // Embeddings: one prompt for each input; `prompt` covers them all.
    std::span<const PromptMeter> inputs;
    std::optional<uint32_t> dimensions;
    bool base64 = false;  // encoding_format
};

struct SimulatedSettings {
    uint32_t tokens = 64;  // Length of an answer, unless the request allows fewer.
    uint32_t embedding_dimensions = 256;
    int64_t created_s = 0;       // Seconds since 1970, for `created`.
    uint64_t id_seed = 0;        // Makes the ids of equal requests differ.
    uint32_t cached_tokens = 0;  // What the usage says of the prompt; the whole of it at most.
};

struct SimulatedUsage {
    uint32_t prompt_tokens = 0;
    uint32_t cached_tokens = 0;  // Of the prompt.
    uint32_t completion_tokens = 0;
    uint32_t total_tokens() const { return prompt_tokens + completion_tokens; }
};

// What a model does before it emits an event.
enum class SimulatedPace : uint8_t {
    at_once,      // Goes out with the event before it.
    first_token,  // Reads the prompt and thinks.
    next_token,   // Makes one more token.
};

class SimulatedAnswer {
public:
    // The limits on what one request may ask for; the caller refuses more (400).
    static constexpr uint32_t kChoicesMax = 128;
    static constexpr uint32_t kDimensionsMax = 8192;
    // All vectors of one answer together, about 12 MiB of JSON; they are cut to that.
    static constexpr uint64_t kEmbeddingValuesMax = 1'000'000;

    SimulatedAnswer(const SimulatedRequest& request, const SimulatedSettings& settings);

    // --- Streamed. Events are complete SSE events, blank line included.

    bool has_event() const { return step_ != Step::end; }
    // Of the event that comes next.
    SimulatedPace pace() const;
    // Appends the next event; has_event() must hold. Does not allocate once `out` has its size.
    void append_event(std::string& out);

    // --- Whole; at any time.

    void append_body(std::string& out) const;
    // Tokens that the model makes for it one after the other (choices are made side by side).
    uint32_t tokens_to_make() const { return tokens_; }

    const SimulatedUsage& usage() const { return usage_; }
    // The text of one choice, or the arguments of the tool call.
    void append_text(std::string& out, uint32_t choice) const;
    // For those who write it in another form: a token of the first choice's text, and whether the
    // request allowed fewer than there are.
    std::string_view word(uint32_t token) const;
    bool is_cut() const { return is_cut_; }
    // The tool that is called instead; empty when text is made.
    std::string_view tool_name() const { return tool_name_; }
    std::string_view model() const { return model_; }

private:
    // In the order of a stream; each endpoint has its own selection.
    enum class Step : uint8_t {
        created,      // Responses.
        in_progress,  // Responses.
        role,         // Chat.
        tool_header,  // Chat, when a tool is called.
        item_added,   // Responses.
        part_added,   // Responses, when text is made.
        content,      // A token of a choice.
        text_done,    // Responses: the text, or the arguments.
        part_done,    // Responses, when text is made.
        item_done,    // Responses.
        finish,       // Chat and completions.
        terminal,     // Responses.
        usage,        // Chat and completions, when asked for.
        done_mark,    // Chat and completions.
        end,
    };

    bool has_step(Step step) const;
    bool calls_tool() const { return !tool_name_.empty(); }
    bool is_responses() const { return endpoint_ == SimulatedEndpoint::responses; }
    bool is_per_choice(Step step) const;
    void advance();
    std::string_view finish_reason() const;
    uint64_t seed_of(uint32_t choice) const;
    std::string_view current_token() const;
    void append_quoted_text(std::string& out, uint32_t choice) const;
    void make_prefix();

    // Chat and completions: simulated_chat.cc.
    void append_chat_event(std::string& out) const;
    void append_delta(std::string& out) const;
    void append_chat_body(std::string& out) const;
    void append_message(std::string& out, uint32_t choice) const;
    void append_call_id(std::string& out, uint32_t choice) const;
    void append_chat_usage(std::string& out) const;

    // Responses: simulated_responses.cc.
    std::string_view terminal_status() const;
    std::string_view event_name() const;
    void append_response_event(std::string& out) const;
    void append_response(std::string& out, std::string_view status) const;
    void append_place(std::string& out) const;
    void append_item(std::string& out, bool is_whole) const;
    void append_part(std::string& out, bool is_whole) const;

    // Embeddings: simulated_embeddings.cc.
    void append_embeddings_body(std::string& out) const;

    const SimulatedEndpoint endpoint_;
    const bool include_usage_;
    const bool base64_;
    const ToolForce tool_force_;
    const uint32_t choices_;
    const uint32_t dimensions_;
    const int64_t created_s_;
    const std::optional<uint32_t> tokens_max_;
    const uint64_t model_hash_;
    const uint64_t seed_;  // Of the text; ids have their own.
    const std::string model_;
    const std::string id_;
    const std::string item_id_;
    const std::string call_id_;
    const std::string tool_name_;  // Empty when text is made.
    const std::string tool_arguments_;
    const std::vector<uint64_t> input_hashes_;
    std::string prefix_;  // What all events of a stream begin with.
    uint32_t tokens_ = 0;
    bool is_cut_ = false;  // The request allowed fewer tokens than the answer has.
    SimulatedUsage usage_;

    Step step_ = Step::end;
    uint32_t choice_ = 0;
    uint32_t token_ = 0;
    size_t argument_ = 0;  // Where the current token begins in the arguments.
    uint32_t sequence_number_ = 0;
};

// GET /v1/models, and one of its entries for GET /v1/models/{id}.
void append_simulated_models(std::string& out,
                             std::span<const std::string> models,
                             int64_t created_s);
void append_simulated_model(std::string& out, std::string_view model, int64_t created_s);

}  // namespace sluice::providers
