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
#include "json/document.h"
#include "llm-kit/answer.h"
#include "llm-kit/request_scan.h"
#include "llm-kit/stamp.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"

namespace sluice::llm_kit {

namespace {

using providers::PromptMeter;
using providers::SimulatedAnswer;
using providers::SimulatedEndpoint;
using providers::SimulatedRequest;
using providers::SimulatedSettings;

// The first second of 2025: the same for everybody, for ever.
constexpr int64_t kCreatedS = 1'735'689'600;
constexpr std::string_view kStampComment = ": t=";
constexpr std::string_view kFillComment = ": ";

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
                  SimulatedAnswer& source,
                  std::string& event,
                  const AnswerOptions& options) {
    AnswerEvent next = {.pace = source.pace()};
    event.clear();
    source.append_event(event);
    const size_t begin = answer.bytes.size();
    if (options.stamped) {
        answer.bytes += kStampComment;
        next.stamp = static_cast<uint32_t>(answer.bytes.size());
        answer.bytes += kNoStamp;
        answer.blanks.push_back({next.stamp, static_cast<uint32_t>(answer.bytes.size())});
        answer.bytes += '\n';
    }
    append_fill(answer.bytes, begin, event.size(), options.event_bytes);
    answer.bytes += event;
    next.end = static_cast<uint32_t>(answer.bytes.size());
    answer.events.push_back(next);
}

Answer build(const SimulatedRequest& request,
             const SimulatedSettings& settings,
             const AnswerOptions& options) {
    SimulatedAnswer source(request, settings);
    Answer answer;
    answer.tokens = source.tokens_to_make();
    if (!request.stream || request.endpoint == SimulatedEndpoint::embeddings) {
        source.append_body(answer.bytes);
        return answer;
    }
    std::string event;
    while (source.has_event()) {
        append_event(answer, source, event, options);
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
        const Answer other = build(request, settings, options);
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

Answer finish(SimulatedRequest& request, const AnswerOptions& options) {
    if (!options.model.empty()) {
        request.model = options.model;
    }
    Answer answer = build(request, {.tokens = options.tokens, .created_s = kCreatedS}, options);
    if (options.has_own_ids) {
        find_blanks(answer, request, options);
    }
    return answer;
}

Answer answer_large(SimulatedEndpoint endpoint,
                    std::string_view body,
                    const AnswerOptions& options) {
    const RequestScan scan = scan_request(body.substr(0, kInspectedBytesMax));
    SimulatedRequest request;
    request.endpoint = endpoint;
    request.model = scan.model;
    request.prompt.add(scan.prompt);
    request.stream = scan.stream;
    request.include_usage = scan.include_usage;
    request.tokens_max = scan.tokens_max;
    request.inputs = std::span<const PromptMeter>(&request.prompt, 1);
    return finish(request, options);
}

}  // namespace

Result<Answer> make_answer(SimulatedEndpoint endpoint,
                           std::string_view body,
                           uint64_t body_bytes,
                           const AnswerOptions& options) {
    if (body_bytes > kInspectedBytesMax) {
        return answer_large(endpoint, body, options);
    }
    Arena arena;
    json::Document document;
    TRY(providers::SimulatedRequestTexts texts,
        providers::read_simulated_request(endpoint, body, document, arena));
    return finish(texts.request, options);
}

void append_answer_key(std::string& key,
                       SimulatedEndpoint endpoint,
                       std::string_view body,
                       uint64_t body_bytes,
                       const AnswerOptions& options) {
    const auto add_number = [&key](uint64_t number) {
        key.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    add_number(static_cast<uint64_t>(endpoint) | (options.stamped ? 8U : 0U) |
               uint64_t{options.event_bytes} << 32U);
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
