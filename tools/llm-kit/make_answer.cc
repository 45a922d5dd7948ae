// The simulated LLM's events, each with the comment lines that were asked for.
#include "llm-kit/make_answer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "http/url.h"
#include "json/document.h"
#include "llm-kit/answer.h"
#include "llm-kit/model_call.h"
#include "llm-kit/request_scan.h"
#include "llm-kit/stamp.h"
#include "llm-kit/wire_form.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"
#include "providers/simulated_text.h"

namespace sluice::llm_kit {

namespace {

using providers::PromptMeter;
using providers::SimulatedAnswer;
using providers::SimulatedEndpoint;
using providers::SimulatedPace;
using providers::SimulatedRequest;
using providers::SimulatedSettings;

constexpr std::string_view kStampComment = ": t=";
constexpr std::string_view kFillComment = ": ";

// Of a body that does not say.
bool streams_unless_told(const ModelCall& call) {
    return call.is_stream || form_of(call.wire).streams_unless_told;
}

void append_fill(std::string& bytes, size_t event_begin, size_t rest_bytes, size_t wanted_bytes) {
    const size_t size = bytes.size() - event_begin + rest_bytes;
    constexpr size_t kOverhead = kFillComment.size() + 1;
    if (size + kOverhead < wanted_bytes) {
        bytes += kFillComment;
        bytes.append(wanted_bytes - size - kOverhead, '.');
        bytes += '\n';
    }
}

void append_event(Answer& answer,
                  std::string_view event,
                  SimulatedPace pace,
                  const AnswerOptions& options) {
    AnswerEvent next = {.pace = pace};
    const bool has_comments = form_of(answer.wire).has_comments;
    const size_t begin = answer.bytes.size();
    if (options.stamped && has_comments) {
        answer.bytes += kStampComment;
        next.stamp = static_cast<uint32_t>(answer.bytes.size());
        answer.bytes += kNoStamp;
        answer.blanks.push_back({next.stamp, static_cast<uint32_t>(answer.bytes.size())});
        answer.bytes += '\n';
    }
    if (has_comments) {
        append_fill(answer.bytes, begin, event.size(), options.event_bytes);
    }
    answer.bytes += event;
    next.end = static_cast<uint32_t>(answer.bytes.size());
    answer.events.push_back(next);
}

// The same text in a form of another dialect. The model thinks before the first event, whatever
// that is, and makes one token after the other.
void append_in_form(Answer& answer,
                    const SimulatedRequest& request,
                    const SimulatedAnswer& source,
                    const AnswerOptions& options) {
    const WireForm& form = form_of(answer.wire);
    std::string text;
    source.append_text(text, 0);
    const bool is_call = !source.tool_name().empty() && form.call != nullptr;
    if (is_call && source.is_cut()) {
        text = "{}";  // These dialects have no arguments that are not an object.
    }
    const std::string id = providers::make_id("", request.prompt.hash());
    const Said said = {.model = source.model(),
                       .id = id,
                       .text = text,
                       .usage = source.usage(),
                       .is_cut = source.is_cut(),
                       .tool_name = is_call ? source.tool_name() : std::string_view()};
    if (!request.stream) {
        answer.bytes = form.body(said);
        return;
    }
    const auto add = [&](std::string_view event, SimulatedPace pace) {
        append_event(answer, event, answer.events.empty() ? SimulatedPace::first_token : pace,
                     options);
    };
    for (const std::string& event : form.opening(said)) {
        add(event, SimulatedPace::at_once);
    }
    if (is_call) {
        add(form.call(said), SimulatedPace::next_token);
    }
    for (uint32_t i = 0; !is_call && i < source.tokens_to_make(); ++i) {
        add(form.token(said, source.word(i)),
            i == 0 ? SimulatedPace::at_once : SimulatedPace::next_token);
    }
    for (const std::string& event : form.closing(said)) {
        add(event, SimulatedPace::at_once);
    }
}

Answer build(const SimulatedRequest& request,
             const SimulatedSettings& settings,
             const AnswerOptions& options,
             Wire wire) {
    SimulatedAnswer source(request, settings);
    Answer answer;
    answer.wire = wire;
    answer.tokens = source.tokens_to_make();
    if (wire != Wire::openai) {
        append_in_form(answer, request, source, options);
        return answer;
    }
    if (!request.stream || request.endpoint == SimulatedEndpoint::embeddings) {
        source.append_body(answer.bytes);
        return answer;
    }
    std::string event;
    while (source.has_event()) {
        const SimulatedPace pace = source.pace();
        event.clear();
        source.append_event(event);
        append_event(answer, event, pace, options);
    }
    return answer;
}

bool is_id_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// What differs between answers with different ids and times is a blank, and so are the letters and
// digits around it, which may be equal by chance.
void find_blanks(Answer& answer, const SimulatedRequest& request, const AnswerOptions& options) {
    constexpr uint64_t kSeeds = 4;
    std::string differs(answer.bytes.size(), '\0');
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const SimulatedSettings settings = {.tokens = options.tokens,
                                            .created_s = kCreatedS + 1'111'111'111,
                                            .id_seed = seed * 0x9e3779b97f4a7c15ULL};
        const Answer other = build(request, settings, options, answer.wire);
        for (size_t i = 0; i < std::min(answer.bytes.size(), other.bytes.size()); ++i) {
            differs[i] = answer.bytes[i] != other.bytes[i] ? '\1' : differs[i];
        }
    }
    std::vector<Blank> found;
    for (size_t i = 0; i < differs.size(); ++i) {
        if (differs[i] == '\0') {
            continue;
        }
        size_t begin = i;
        while (begin > 0 && is_id_character(answer.bytes[begin - 1])) {
            --begin;
        }
        while (i < answer.bytes.size() && is_id_character(answer.bytes[i])) {
            ++i;
        }
        found.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(i)});
    }
    answer.blanks.insert(answer.blanks.end(), found.begin(), found.end());
    std::sort(answer.blanks.begin(), answer.blanks.end(),
              [](const Blank& a, const Blank& b) { return a.begin < b.begin; });
}

Answer finish(SimulatedRequest& request, Wire wire, const AnswerOptions& options) {
    if (!options.model.empty()) {
        request.model = options.model;
    }
    Answer answer = build(
        request,
        {.tokens = options.tokens, .created_s = kCreatedS, .cached_tokens = options.cached_tokens},
        options, wire);
    if (options.has_own_ids) {
        find_blanks(answer, request, options);
    }
    return answer;
}

std::string_view path_model(const ModelCall& call, Arena& arena) {
    return http::percent_decode(arena, call.model).value_or(call.model);
}

Answer answer_large(const ModelCall& call, std::string_view body, const AnswerOptions& options) {
    const RequestScan scan = scan_request(body.substr(0, kInspectedBytesMax));
    Arena arena;
    SimulatedRequest request;
    request.endpoint = call.endpoint;
    request.model = call.model.empty() ? scan.model : path_model(call, arena);
    request.prompt.add(scan.prompt);
    request.stream = scan.names_stream ? scan.stream : streams_unless_told(call);
    request.include_usage = scan.include_usage;
    request.tokens_max = scan.tokens_max;
    request.inputs = std::span<const PromptMeter>(&request.prompt, 1);
    return finish(request, call.wire, options);
}

Result<Answer> answer_in_form(const ModelCall& call,
                              std::string_view body,
                              const AnswerOptions& options) {
    Arena arena;
    json::Document document;
    TRY_VOID(document.parse(body));
    SimulatedRequest request;
    if (call.model.empty()) {
        const Result<std::string_view> model = document.string("/model");
        if (!model) {
            return providers::bad_simulated_field("'model' is required");
        }
        request.model = arena.copy(*model);
    } else {
        request.model = path_model(call, arena);
    }
    request.stream =
        call.is_stream || document.boolean("/stream").value_or(streams_unless_told(call));
    TRY_VOID(form_of(call.wire).read(document, request, arena));
    return finish(request, call.wire, options);
}

}  // namespace

Result<Answer> make_answer(const ModelCall& call,
                           std::string_view body,
                           uint64_t body_bytes,
                           const AnswerOptions& options) {
    if (body_bytes > kInspectedBytesMax && !options.reads_all) {
        return answer_large(call, body, options);
    }
    if (call.wire != Wire::openai) {
        return answer_in_form(call, body, options);
    }
    Arena arena;
    json::Document document({.text_bytes_max = std::max(kInspectedBytesMax, body.size())});
    TRY(providers::SimulatedRequestTexts texts,
        providers::read_simulated_request(call.endpoint, body, document, arena));
    return finish(texts.request, call.wire, options);
}

void append_answer_key(std::string& key,
                       const ModelCall& call,
                       std::string_view body,
                       uint64_t body_bytes,
                       const AnswerOptions& options) {
    const auto add_number = [&key](uint64_t number) {
        key.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    add_number(static_cast<uint64_t>(call.endpoint) | (options.stamped ? 8U : 0U) |
               (call.is_stream ? 16U : 0U) | static_cast<uint64_t>(call.wire) << 8U |
               uint64_t{options.event_bytes} << 32U);
    add_number(call.model.size());
    key += call.model;
    add_number(options.tokens);
    add_number(body_bytes);
    if (body_bytes > kInspectedBytesMax) {
        // The prompt decides by its beginning only; the rest of the answer by the scan's members.
        const RequestScan scan = scan_request(body.substr(0, kInspectedBytesMax));
        add_number(scan.tokens_max.value_or(UINT32_MAX) | (scan.stream ? 1ULL << 32U : 0U) |
                   (scan.include_usage ? 1ULL << 33U : 0U));
        key += scan.model;
        key += scan.prompt;
    } else {
        key += body;
    }
}

}  // namespace sluice::llm_kit
