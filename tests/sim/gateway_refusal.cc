// Errors that an upstream answers with: in OpenAI's form, in others, and in none; and what clients
// must be told of each, by a table of the simulator's own.
#include <array>
#include <cstdint>
#include <string>

#include "base/prng.h"
#include "sim/gateway_plan.h"

namespace sluice::sim {

namespace {

// A row of docs/ERRORS.md.
struct Row {
    int status;
    int told;
    const char* type;
    const char* code;  // As it stands in the body.
};

constexpr std::array kRows = {
    Row{400, 400, "invalid_request_error", "null"},
    Row{401, 401, "authentication_error", "\"invalid_api_key\""},
    Row{404, 404, "invalid_request_error", "\"not_found\""},
    Row{409, 409, "conflict_error", "null"},
    Row{422, 400, "invalid_request_error", "null"},
    Row{429, 429, "rate_limit_error", "\"rate_limit_exceeded\""},
    Row{500, 502, "server_error", "\"upstream_error\""},
    Row{503, 503, "server_error", "\"upstream_unavailable\""},
    Row{529, 503, "server_error", "\"upstream_overloaded\""},
};

constexpr const char* kGenericMessage = "The upstream answered with an error.";
// Of an unknown form, a longer body is not shown.
constexpr uint32_t kShownBytesMax = 500;

}  // namespace

std::string draw_refusal(Prng& prng, const PlanLimits& limits, PlannedExchange& plan) {
    const Row& row = kRows[prng.below(kRows.size())];
    plan.status = row.status;
    plan.is_event_stream = false;
    const std::string more = random_letters(prng, prng.below(limits.body_bytes_max));
    std::string message = "sorry, " + plan.id + " " + random_letters(prng, prng.below(40));
    std::string type = "application/json";
    bool passes = false;
    switch (prng.below(6)) {
        case 0:
        case 1:
            plan.body = R"({ "more":")" + more + R"(","error":{"type":"odd","message":")" +
                        message + R"(","x":1.0},"param":null})";
            passes = row.status == row.told && row.status < 500;
            break;
        case 2:
            plan.body = R"({"error":{"message":")" + message + R"("},"more":")" + more + R"("})";
            break;
        case 3:
            plan.body = R"({"detail":")" + message + R"("})";
            break;
        case 4:
            plan.body = "data: {\"error\":{\"message\":\"" + message + "\"}}\n\n";
            type = "text/event-stream";
            break;
        default:
            plan.body = prng.chance(0.5) ? "<html>" + message + "</html>" : message + " " + more;
            message = plan.body.front() == '<' || plan.body.size() > kShownBytesMax
                          ? kGenericMessage
                          : plan.body;
            type = "text/plain";
            break;
    }
    if (!passes) {
        plan.told_status = row.told;
        plan.told_body = R"({"error":{"message":")" + message + R"(","type":")" + row.type +
                         R"(","param":null,"code":)" + row.code + "}}";
    }
    return type;
}

}  // namespace sluice::sim
