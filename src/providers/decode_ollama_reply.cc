// Replies of Ollama's /api/chat: lines of a stream and a whole reply have the same form, and the
// last line of a stream says what the whole reply says besides its message.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/compact.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/ollama.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

using json::Value;

constexpr uint32_t kChoice = 0;  // There is one only.

class OllamaReplyDecoder final : public ReplyDecoder {
public:
    explicit OllamaReplyDecoder(ReplyOrder& order) : order_(&order) {}

    Status on_message(std::string_view, std::string_view data, Arena& scratch) override {
        return read(data, scratch);
    }
    Status on_whole(std::string_view body, Arena& scratch) override { return read(body, scratch); }
    void on_end() override { order_->end(); }

private:
    Status read(std::string_view line, Arena& scratch);
    void read_error(const Value& line, Arena& scratch);
    void read_message(const Value& message, Arena& scratch);
    void read_tool_call(const Value& function, Text id, Arena& scratch);
    void read_end(const Value& line);

    ReplyOrder* order_;
};

Status OllamaReplyDecoder::read(std::string_view line, Arena& scratch) {
    TRY(const Value* const tree, Value::parse(line, scratch, ErrorSource::upstream));
    if ((*tree)["error"].is_present()) {
        read_error(*tree, scratch);
        return {};
    }
    order_->start({.model = (*tree)["model"].text()});
    read_message((*tree)["message"], scratch);
    if ((*tree)["logprobs"].size() > 0) {
        order_->logprobs(kChoice, scratch.join({R"({"content":)", (*tree)["logprobs"].raw(), "}"}));
    }
    if ((*tree)["done"].is_true()) {
        read_end(*tree);
    }
    return {};
}

// Some versions say which status it would have been.
void OllamaReplyDecoder::read_error(const Value& line, Arena& scratch) {
    const int64_t status = line["status"].integer().value_or(0);
    const bool is_error_status = status >= 400 && status < 600;
    order_->error(classify_error(is_error_status ? static_cast<uint16_t>(status) : uint16_t{0},
                                 read_error_words(line, scratch), scratch));
}

void OllamaReplyDecoder::read_message(const Value& message, Arena& scratch) {
    order_->reasoning(kChoice, message["thinking"].text());
    order_->text(kChoice, message["content"].text());
    for (const Value& call : message["tool_calls"]) {
        read_tool_call(call["function"], call["id"].text(), scratch);
    }
}

// Complete in one piece. Its index is not to be trusted: old servers have none, and others count
// anew in every line.
void OllamaReplyDecoder::read_tool_call(const Value& function, Text id, Arena& scratch) {
    const uint32_t call = order_->tool_call(kChoice, {.id = id, .name = function["name"].text()});
    const Value& arguments = function["arguments"];
    if (arguments.is_object()) {
        order_->arguments(kChoice, call, json::compact_text(arguments.raw(), scratch));
    }
    order_->tool_call_end(kChoice, call);
}

void OllamaReplyDecoder::read_end(const Value& line) {
    // Calls of tools end with "stop" as well; the order knows better.
    order_->finish(kChoice, line["done_reason"].text() == "length" ? FinishReason::length
                                                                   : FinishReason::stop);
    // Counts of zero are left out.
    const auto count = [&line](std::string_view key) {
        return std::max<int64_t>(0, line[key].integer().value_or(0));
    };
    order_->usage(
        {.prompt_tokens = count("prompt_eval_count"), .completion_tokens = count("eval_count")});
    order_->complete();
}

}  // namespace

ReplyDecoder& make_ollama_decoder(ReplyOrder& order, const Target&, Arena& arena) {
    return arena.make<OllamaReplyDecoder>(order);
}

}  // namespace sluice::providers
