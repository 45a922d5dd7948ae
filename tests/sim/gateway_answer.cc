// The upstream's half of a plan: good answers in every framing, and the ways in which answers fail.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"
#include "sim/gateway_plan.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

// An answer while it is put together.
struct Draft {
    std::string status_line = "HTTP/1.1 200 OK\r\n";
    std::string fields = {};
    std::string framing = {};
    std::string framed_body = {};
    Delimiting delimiting = Delimiting::chunked;

    std::string head() const { return status_line + fields + framing + "\r\n"; }
};

std::string events_of(Prng& prng, const PlanLimits& limits, PlannedExchange& plan, bool ends_well) {
    const uint32_t count = prng.below(12);
    const std::string end = prng.chance(0.8) ? "\n" : "\r\n";
    const uint32_t words_max = std::max(1U, limits.body_bytes_max / 12);
    std::string text;
    for (uint32_t i = 0; i < count; ++i) {
        if (prng.chance(0.1)) {
            text += ": ping " + std::to_string(i) + end + end;
        }
        if (plan.is_responses) {
            text += "event: response.output_text.delta" + end;
        }
        text += "data: {\"id\":\"" + plan.id + "\",\"n\":" + std::to_string(i) + ",\"delta\":\"";
        text += random_letters(prng,
                               prng.below(prng.chance(0.8) ? std::min(words_max, 40U) : words_max));
        text += "\"}" + end + end;
    }
    if (!ends_well) {
        return text;
    }
    if (prng.chance(0.1)) {
        text += plan.is_responses ? "event: error" + end + "data: {\"type\":\"error\"}" + end + end
                                  : "data: {\"error\":{\"message\":\"x\"}}" + end + end;
        return text;
    }
    text += plan.is_responses
                ? "event: response.completed" + end + "data: {\"id\":\"" + plan.id + "\"}"
                : "data: [DONE]";
    return text + end + end;
}

std::string json_of(Prng& prng, const PlanLimits& limits, const PlannedExchange& plan) {
    std::string text = "{\"id\":\"" + plan.id + "\",\"content\":\"";
    text += random_letters(prng, prng.below(prng.chance(0.6) ? 60 : limits.body_bytes_max));
    return text + "\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
}

std::string chunk_line(size_t size) {
    std::string text(16, '\0');
    text.resize(write_hex(size, text.data()));
    return text;
}

// `bad_chunk` is the number of a chunk whose size is none.
std::string in_chunks(Prng& prng, std::string_view body, uint32_t bad_chunk) {
    std::string text;
    for (uint32_t i = 0; !body.empty(); ++i) {
        const uint32_t most = static_cast<uint32_t>(body.size());
        const uint32_t size = 1 + prng.below(prng.chance(0.5) ? std::min(most, 150U) : most);
        text += i == bad_chunk ? "zz" : chunk_line(size);
        text += prng.chance(0.05) ? ";extension=1\r\n" : "\r\n";
        text += body.substr(0, size);
        text += "\r\n";
        body.remove_prefix(size);
    }
    return text + (bad_chunk == UINT32_MAX ? "0\r\n\r\n" : "zz\r\n\r\n");
}

void frame(Prng& prng, PlannedExchange& plan, Draft& draft, uint32_t bad_chunk) {
    constexpr std::array kWays = {Delimiting::chunked, Delimiting::chunked,
                                  Delimiting::content_length, Delimiting::until_close};
    draft.delimiting = bad_chunk != UINT32_MAX ? Delimiting::chunked : kWays[prng.below(4)];
    draft.framed_body = plan.body;
    switch (draft.delimiting) {
        case Delimiting::chunked:
            draft.framing = "transfer-encoding: chunked\r\n";
            draft.framed_body = in_chunks(prng, plan.body, bad_chunk);
            break;
        case Delimiting::content_length:
            draft.framing = "content-length: " + std::to_string(plan.body.size()) + "\r\n";
            plan.has_length = true;
            break;
        case Delimiting::until_close:
            plan.answer.ending = UpstreamAnswer::Ending::close;
            plan.spoils = true;
            break;
    }
}

std::string interims(Prng& prng, PlannedExchange& plan) {
    constexpr std::array kInterim = {"HTTP/1.1 100 Continue\r\n\r\n",
                                     "HTTP/1.1 102 Processing\r\n\r\n",
                                     "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"};
    constexpr uint32_t kMoreThanAllowed = 17;
    uint32_t count = 1 + prng.below(3);
    if (prng.chance(0.1)) {
        count = kMoreThanAllowed;
        plan.expect = Expect::error;
        plan.spoils = true;
    }
    std::string text;
    for (uint32_t i = 0; i < count; ++i) {
        text += kInterim[prng.below(kInterim.size())];
    }
    return text;
}

void play(Prng& prng, const PlanLimits& limits, PlannedExchange& plan, const std::string& text) {
    plan.answer.parts = in_parts(prng, limits, text);
    for (const TimedBytes& part : plan.answer.parts) {
        plan.longest_pause = std::max(plan.longest_pause, part.pause);
    }
}

// Errors are read whole before anything of them is passed on.
Expect broken(const PlannedExchange& plan) {
    return plan.status >= 400 ? Expect::error : Expect::broken;
}

// The answer ends where it should not.
void cut(Prng& prng, const PlanLimits& limits, PlannedExchange& plan, const Draft& draft) {
    using Ending = UpstreamAnswer::Ending;
    const std::string text = draft.head() + draft.framed_body;
    // The end of a body without a length may be anywhere, as long as it is orderly.
    const bool ends_anywhere = draft.delimiting == Delimiting::until_close && !plan.is_event_stream;
    constexpr std::array kEndings = {Ending::close, Ending::reset, Ending::stall};
    Ending ending = kEndings[prng.below(limits.with_stalls ? 3 : 2)];
    if (ends_anywhere && ending == Ending::close) {
        ending = Ending::reset;
    }
    plan.answer.ending = ending;
    // What only the end of the connection completes is not cut by a reset after its last byte, but
    // not complete either. In an event stream the closing event completes it.
    const auto whole = static_cast<uint32_t>(text.size());
    const uint32_t most = plan.is_event_stream && draft.delimiting != Delimiting::chunked
                              ? whole - std::min<uint32_t>(whole, 20)
                              : whole;
    plan.answer.cut_at_bytes = prng.below(std::max(1U, most));
    plan.stalls = ending == Ending::stall;
    plan.stalls_at_once = plan.stalls && plan.answer.cut_at_bytes == 0;
    plan.spoils = true;
    const bool has_begun = plan.answer.cut_at_bytes >= draft.head().size();
    plan.expect = has_begun ? broken(plan) : Expect::error;
}

void draw_good(
    Prng& prng, PlannedExchange& plan, Draft& draft, std::string& before, std::string& after) {
    if (prng.chance(0.15)) {
        before = interims(prng, plan);
    }
    if (draft.delimiting == Delimiting::until_close) {
        return;
    }
    if (prng.chance(0.1)) {
        draft.fields += "connection: close\r\n";
        plan.spoils = true;
        plan.answer.ending =
            prng.chance(0.7) ? UpstreamAnswer::Ending::close : UpstreamAnswer::Ending::keep;
    } else if (prng.chance(0.05)) {
        after = "surplus";
        plan.has_surplus = true;
    } else if (prng.chance(0.1)) {
        plan.answers_early = true;
        plan.expect = plan.expect == Expect::whole ? Expect::any : plan.expect;
    }
}

void draw_bad_head(Prng& prng, PlannedExchange& plan, Draft& draft) {
    constexpr std::array kBad = {"HTTP/1.1 2x0 OK\r\n",
                                 "HTTP/2 200 OK\r\n",
                                 "HTTP/1.1 101 Switching Protocols\r\n",
                                 "\x16\x03\x01\x02",
                                 "HTTP/1.1 200 OK\r\nbad field: x\r\n",
                                 "HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n"};
    draft.status_line = kBad[prng.below(kBad.size())];
    plan.expect = Expect::error;
    plan.spoils = true;
}

}  // namespace

void draw_answer(Prng& prng, const PlanLimits& limits, PlannedExchange& plan) {
    Draft draft;
    const bool is_bad = limits.with_bad_answers && prng.chance(0.3);
    const uint32_t way = is_bad ? prng.below(6) : 0;
    std::string type = plan.is_event_stream ? "text/event-stream" : "application/json";
    if (prng.chance(0.1)) {
        type = draw_refusal(prng, limits, plan);
        draft.status_line = "HTTP/1.1 " + std::to_string(plan.status) + " Sorry\r\n";
    }
    const bool misses_its_end = is_bad && way == 3 && plan.is_event_stream;
    if (plan.is_event_stream) {
        plan.body = events_of(prng, limits, plan, !misses_its_end);
    } else if (plan.body.empty()) {
        plan.body = json_of(prng, limits, plan);
    }
    draft.fields = "content-type: " + type + "\r\n";
    draft.fields += "x-plan: " + plan.id + "\r\nx-request-id: upstream-" + plan.id + "\r\n";
    frame(prng, plan, draft, is_bad && way == 4 ? prng.below(4) : UINT32_MAX);
    std::string before;
    std::string after;
    if (!is_bad) {
        draw_good(prng, plan, draft, before, after);
    } else if (way == 5) {
        draw_bad_head(prng, plan, draft);
    } else if (way == 4 || misses_its_end) {
        plan.expect = broken(plan);
        plan.spoils = true;
    } else {
        cut(prng, limits, plan, draft);
    }
    play(prng, limits, plan, before + draft.head() + draft.framed_body + after);
}

}  // namespace sluice::sim
