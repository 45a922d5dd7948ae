// Gemini's replies: a streamed event and a whole reply have the same form and are read alike
// (translation rules B2 to B4 and B7).
//
// An event says what was added to each candidate. Nothing marks the end but the end of the body, so
// a reply is complete when a candidate has given its reason to stop, or the prompt was blocked.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/compact.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/call_signatures.h"
#include "providers/canonical.h"
#include "providers/dialect_gemini.h"
#include "providers/gemini_partial_arguments.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

using json::Text;
using json::Value;

// What is not listed counts as a plain stop: the list is an open one.
FinishReason finish_reason(const Value& reason) {
    using enum FinishReason;
    static constexpr std::pair<std::string_view, FinishReason> kReasons[] = {
        {"MAX_TOKENS", length},
        {"SAFETY", content_filter},
        {"RECITATION", content_filter},
        {"LANGUAGE", content_filter},
        {"BLOCKLIST", content_filter},
        {"PROHIBITED_CONTENT", content_filter},
        {"SPII", content_filter},
        {"MODEL_ARMOR", content_filter},
        {"IMAGE_SAFETY", content_filter},
        {"IMAGE_PROHIBITED_CONTENT", content_filter},
        {"IMAGE_RECITATION", content_filter},
        // Vertex may have been told to write enums as numbers. Beyond these the services differ.
        {"2", length},
        {"3", content_filter},
        {"4", content_filter},
    };
    const std::string_view name = reason.is_number() ? reason.raw() : reason.text().raw;
    const auto* const found =
        std::ranges::find(kReasons, name, &std::pair<std::string_view, FinishReason>::first);
    return found == std::end(kReasons) ? stop : found->second;
}

int64_t audio_tokens(const Value& details) {
    for (const Value& detail : details) {
        if (detail["modality"].text() == "AUDIO") {
            return detail["tokenCount"].integer().value_or(-1);
        }
    }
    return -1;
}

// In the form of OpenAI, whose clients index into it.
void write_logprob(const Value& token, json::Writer& writer) {
    writer.key("token").text(token["token"].text().raw);
    const Value& value = token["logProbability"];
    writer.key("logprob").raw(value.is_number() ? value.raw() : "0");
    writer.key("bytes").null();
}

std::string_view logprobs_of(const Value& result, Arena& arena) {
    json::ArenaText text(arena, result.raw().size());
    json::Writer writer(text);
    writer.begin_object().key("content").begin_array();
    const Value& alternatives = result["topCandidates"];
    auto alternative = alternatives.begin();
    for (const Value& token : result["chosenCandidates"]) {
        writer.begin_object();
        write_logprob(token, writer);
        writer.key("top_logprobs").begin_array();
        if (alternative != alternatives.end()) {
            for (const Value& other : (*alternative)["candidates"]) {
                writer.begin_object();
                write_logprob(other, writer);
                writer.end_object();
            }
            ++alternative;
        }
        writer.end_array().end_object();
    }
    writer.end_array().key("refusal").null().end_object();
    return text.view();
}

class GeminiDecoder final : public ReplyDecoder {
public:
    GeminiDecoder(ReplyOrder& order, CallSignatures* signatures, Arena& arena)
        : order_(&order), signatures_(signatures), arena_(&arena), open_calls_(arena) {}

    Status on_message(std::string_view name, std::string_view data, Arena& scratch) override;
    Status on_whole(std::string_view body, Arena& scratch) override;
    void on_end() override;

private:
    // The call of a candidate whose arguments come in pieces.
    struct OpenCall {
        uint32_t choice;
        uint32_t call;
        GeminiPartialArguments* arguments;  // Null once it is closed.
    };

    void take(const Value& event, Arena& scratch);
    void take_blocked_prompt(const Value& feedback);
    void take_candidate(const Value& candidate, Arena& scratch);
    void take_part(uint32_t choice, const Value& part, Arena& scratch);
    void take_call(uint32_t choice, const Value& part, Arena& scratch);
    void begin_pieces(uint32_t choice, uint32_t call);
    void take_pieces(uint32_t choice, const Value& call, Arena& scratch);
    void close_call(uint32_t choice, Arena& scratch);
    void take_usage(const Value& usage);

    OpenCall* open_call(uint32_t choice);
    Text make_call_id(uint32_t choice, Arena& scratch);

    ReplyOrder* order_;
    CallSignatures* signatures_;  // Null: they are not remembered.
    Arena* arena_;
    ArenaList<OpenCall> open_calls_;
    std::string_view reply_id_;
    bool has_answer_ = false;  // A candidate, or the reason why there is none.
};

Status GeminiDecoder::on_message(std::string_view, std::string_view data, Arena& scratch) {
    if (data.empty()) {
        return {};
    }
    TRY(const Value* const event, Value::parse(data, scratch, ErrorSource::upstream));
    take(*event, scratch);
    return {};
}

Status GeminiDecoder::on_whole(std::string_view body, Arena& scratch) {
    TRY_VOID(on_message({}, body, scratch));
    if (!has_answer_) {
        order_->error(invalid_reply("The upstream's reply holds no candidates."));
    }
    order_->complete();
    return {};
}

void GeminiDecoder::on_end() {
    order_->end();
}

void GeminiDecoder::take(const Value& event, Arena& scratch) {
    if (event.is_array()) {
        // What is not asked for as server-sent events comes as one list of events.
        for (const Value& item : event) {
            take(item, scratch);
        }
        return;
    }
    if (event["error"].is_object()) {
        order_->error(classify_error(0, read_error_words(event, scratch), scratch));
        return;
    }
    if (reply_id_.empty()) {
        reply_id_ = arena_->copy(event["responseId"].text().raw);
    }
    order_->start({.id = {reply_id_}, .model = event["modelVersion"].text()});
    take_blocked_prompt(event["promptFeedback"]);
    for (const Value& candidate : event["candidates"]) {
        take_candidate(candidate, scratch);
    }
    take_usage(event["usageMetadata"]);
}

void GeminiDecoder::take_blocked_prompt(const Value& feedback) {
    if (!feedback["blockReason"].is_nothing()) {
        has_answer_ = true;
        order_->refusal(0, feedback["blockReasonMessage"].text());
        order_->finish(0, FinishReason::content_filter);
    }
}

void GeminiDecoder::take_candidate(const Value& candidate, Arena& scratch) {
    has_answer_ = true;
    const int64_t index = candidate["index"].integer().value_or(0);
    if (index < 0 || index >= ReplyOrder::kChoicesMax) {
        return;
    }
    const auto choice = static_cast<uint32_t>(index);
    for (const Value& part : candidate["content"]["parts"]) {
        take_part(choice, part, scratch);
    }
    if (const Value& logprobs = candidate["logprobsResult"]; logprobs.is_object()) {
        order_->logprobs(choice, logprobs_of(logprobs, scratch));
    }
    if (const Value& reason = candidate["finishReason"]; !reason.is_nothing()) {
        close_call(choice, scratch);
        order_->finish(choice, finish_reason(reason));
    }
}

void GeminiDecoder::take_part(uint32_t choice, const Value& part, Arena& scratch) {
    if (part["functionCall"].is_object()) {
        take_call(choice, part, scratch);
    } else if (part["thought"].is_true()) {
        order_->reasoning(choice, part["text"].text());
    } else {
        // A signature that stands here belongs to no call, and nothing has to bring it back.
        order_->text(choice, part["text"].text());
    }
}

void GeminiDecoder::take_call(uint32_t choice, const Value& part, Arena& scratch) {
    const Value& call = part["functionCall"];
    const Text name = call["name"].text();
    if (name.empty()) {
        take_pieces(choice, call, scratch);
        return;
    }
    close_call(choice, scratch);
    Text id = call["id"].text();
    if (id.empty()) {
        id = make_call_id(choice, scratch);
    }
    const Text signature = part["thoughtSignature"].text();
    if (signatures_ != nullptr && !id.empty() && !signature.empty()) {
        signatures_->keep(id, signature);
    }
    const uint32_t index =
        order_->tool_call(choice, {.id = id, .name = name, .signature = signature});
    if (call["willContinue"].is_true() || call["partialArgs"].is_array()) {
        begin_pieces(choice, index);
        take_pieces(choice, call, scratch);
        return;
    }
    if (const Value& arguments = call["args"]; arguments.is_object()) {
        order_->arguments(choice, index, json::compact_text(arguments.raw(), scratch));
    }
    order_->tool_call_end(choice, index);
}

GeminiDecoder::OpenCall* GeminiDecoder::open_call(uint32_t choice) {
    OpenCall* const found = std::ranges::find_if(open_calls_, [&](const OpenCall& open) {
        return open.choice == choice && open.arguments != nullptr;
    });
    return found == open_calls_.end() ? nullptr : found;
}

void GeminiDecoder::begin_pieces(uint32_t choice, uint32_t call) {
    const OpenCall open = {.choice = choice,
                           .call = call,
                           .arguments = &arena_->make<GeminiPartialArguments>(*arena_)};
    OpenCall* const closed = std::ranges::find(open_calls_, nullptr, &OpenCall::arguments);
    if (closed == open_calls_.end()) {
        open_calls_.push_back(open);
    } else {
        *closed = open;
    }
}

void GeminiDecoder::take_pieces(uint32_t choice, const Value& call, Arena& scratch) {
    OpenCall* const open = open_call(choice);
    if (open == nullptr) {
        return;
    }
    json::ArenaText text(scratch);
    for (const Value& piece : call["partialArgs"]) {
        open->arguments->add(piece, text);
    }
    order_->arguments(choice, open->call, json::escape(text.view(), scratch));
    if (!call["willContinue"].is_true()) {
        close_call(choice, scratch);
    }
}

void GeminiDecoder::close_call(uint32_t choice, Arena& scratch) {
    OpenCall* const open = open_call(choice);
    if (open == nullptr) {
        return;
    }
    json::ArenaText text(scratch);
    open->arguments->finish(text);
    order_->arguments(choice, open->call, json::escape(text.view(), scratch));
    order_->tool_call_end(choice, open->call);
    open->arguments = nullptr;
}

// The same for the same reply, so that whoever sees it twice sees one call. Empty, for the client's
// side to choose, when the reply itself has no id.
Text GeminiDecoder::make_call_id(uint32_t choice, Arena& scratch) {
    constexpr size_t kDigestBytesUsed = 12;
    constexpr size_t kDecimalBytesMax = 20;
    if (reply_id_.empty()) {
        return {};
    }
    json::ArenaText seed(scratch, reply_id_.size() + 2 * kDecimalBytesMax + 2);
    seed.append(reply_id_);
    for (const uint32_t number : {choice, order_->tool_calls(choice)}) {
        seed.append('/');
        seed.commit(write_decimal(number, seed.room(kDecimalBytesMax)));
    }
    json::ArenaText id(scratch, 32);
    id.append("call_");
    constexpr char kDigits[] = "0123456789abcdef";
    const crypto::Sha256 digest = crypto::sha256(seed.view());
    for (const uint8_t byte : std::span(digest).first(kDigestBytesUsed)) {
        id.append(kDigits[byte >> 4U]);
        id.append(kDigits[byte & 15U]);
    }
    return {id.view()};
}

// Cumulative; what is absent is zero. Thoughts are not part of the candidates' count, cached tokens
// are part of the prompt's.
void GeminiDecoder::take_usage(const Value& usage) {
    if (!usage.is_object()) {
        return;
    }
    const auto count = [&](std::string_view name) { return usage[name].integer().value_or(0); };
    const Text word = usage["serviceTier"].text();
    const ServiceTier tier =
        service_tier_of(word.empty() ? usage["trafficType"].text().raw : word.raw);
    const bool has_counts =
        usage["promptTokenCount"].is_number() || usage["totalTokenCount"].is_number();
    if (!has_counts && order_->usage_so_far().is_known()) {
        // Vertex says what kind of traffic it is before it has counted, and after.
        order_->usage({.tier = tier});
        return;
    }
    order_->usage({
        .prompt_tokens = count("promptTokenCount") + count("toolUsePromptTokenCount"),
        .completion_tokens = count("candidatesTokenCount") + count("thoughtsTokenCount"),
        .cached_tokens = count("cachedContentTokenCount"),
        .reasoning_tokens = count("thoughtsTokenCount"),
        .audio_prompt_tokens = audio_tokens(usage["promptTokensDetails"]),
        .audio_completion_tokens = audio_tokens(usage["candidatesTokensDetails"]),
        .tier = tier,
    });
}

}  // namespace

ReplyDecoder& make_gemini_decoder(ReplyOrder& order, const Target& target, Arena& arena) {
    return arena.make<GeminiDecoder>(order, target.signatures, arena);
}

}  // namespace sluice::providers
