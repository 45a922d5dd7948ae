// PlannedExchange: one request of a client through a simulated gateway, with everything that both
// sides will say, drawn before it happens; and, afterwards, what the upstream saw of it.
//
// The id travels in x-request-id and in the bodies, so that whatever arrives anywhere can be held
// against its plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "sim/actors.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

// What the client must get when nothing but the plan itself goes wrong.
enum class Expect : uint8_t {
    whole,   // The upstream's answer, byte for byte, or what is told of it.
    own,     // An answer of the gateway's own: `status`, and an error body when it is an error.
    error,   // An error of the gateway's: the upstream said nothing that could be passed on.
    broken,  // An error, or a beginning of the answer, whole events where it has any, and an
             // abnormal end.
    any,     // Both, depending on who is faster; but never a mixture.
};

struct PlannedExchange {
    std::string id;

    // --- The client's side.
    std::vector<TimedBytes> request = {};
    std::string path = {};
    std::string body_for_upstream = {};  // With the model's name that the upstream knows.
    bool is_http_1_0 = false;
    bool asks_to_close = false;  // No other request follows on its connection.
    uint64_t body_bytes = 0;

    // --- The upstream's side.
    UpstreamAnswer answer = {};
    bool answers_early = false;  // Without waiting for the request's body.
    int status = 200;
    std::string body = {};
    // Of an error that does not pass as it is: what the client is told instead.
    int told_status = 0;
    std::string told_body = {};
    bool is_event_stream = false;
    bool is_responses = false;    // Events of the Responses API.
    bool has_length = false;      // The body is delimited by a length.
    bool stalls = false;          // In the middle, for ever.
    bool stalls_at_once = false;  // Before its head.
    bool spoils = false;          // No other request may follow on its connection.
    bool has_surplus = false;     // More follows than the answer: the next one may be spoilt.
    Duration longest_pause = {};
    Expect expect = Expect::whole;
    // Of a list of models that the gateway makes: see merged_lists().
    std::vector<std::string> lists = {};

    // --- Seen.
    uint32_t arrivals = 0;
    const UpstreamActor* upstream = nullptr;
    const UpstreamRequest* seen = nullptr;
    bool follows_surplus = false;
};

// How large and how slow things are drawn.
struct PlanLimits {
    uint32_t body_bytes_max = 20'000;
    uint32_t parts_max = 8;  // With a pause before each.
    Duration pause_max = Duration::milliseconds(300);
    bool with_stalls = true;
    bool with_bad_answers = true;
    // Bodies above this flow through instead of being held.
    uint32_t hold_bytes = UINT32_MAX;
    // Upstreams know kAlias.
    bool has_aliases = true;
    // What the gateway may answer to a request for models; empty where an upstream does.
    std::vector<std::string> lists = {};
};

// The fields that carry what must never reach an upstream, and what must never reach a client.
inline constexpr const char* kClientSecret = "client-secret";
inline constexpr const char* kUpstreamSecret = "upstream-secret";
// A name of a model, and what upstreams know it by.
inline constexpr const char* kAlias = "model-alias";
inline constexpr const char* kAliasTarget = "model-with-a-longer-name";

PlannedExchange draw_exchange(Prng& prng, const PlanLimits& limits, std::string id);

// Cuts text at random places and puts random pauses before some of them.
std::vector<TimedBytes> in_parts(Prng& prng, const PlanLimits& limits, const std::string& text);

// --- For draw_exchange().
// Gives the planned request an answer, whose events and bodies name the id.
void draw_answer(Prng& prng, const PlanLimits& limits, PlannedExchange& plan);
// Gives it an error's status and body, and returns the body's type.
std::string draw_refusal(Prng& prng, const PlanLimits& limits, PlannedExchange& plan);
std::string random_letters(Prng& prng, uint32_t count);

}  // namespace sluice::sim
