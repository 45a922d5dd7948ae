// The client's half of a plan: endpoints, bodies, framing, and requests that deserve an error.
#include "sim/gateway_plan.h"

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
#include "sim/actors.h"

namespace sluice::sim {

namespace {

constexpr std::array kPaths = {"/v1/chat/completions", "/v1/completions", "/v1/responses",
                               "/v1/embeddings"};

// Sizes of every order: half are small.
uint32_t drawn_size(Prng& prng, uint32_t most) {
    const uint32_t bound = prng.chance(0.5) ? std::min(most, 100U) : most;
    return prng.below(bound + 1);
}

std::string body_text(const PlannedExchange& plan, std::string_view model, std::string_view words) {
    std::string text = R"({"model":")";
    text += model;
    text += plan.is_event_stream ? R"(","stream":true,"user":")" : R"(","user":")";
    text += plan.id;
    text += R"(","messages":[{"role":"user","content":")";
    text += words;
    text += R"("}]})";
    return text;
}

std::string chunked(Prng& prng, std::string_view body) {
    std::string text;
    while (!body.empty()) {
        const auto size = 1 + prng.below(static_cast<uint32_t>(body.size()));
        std::string length(16, '\0');
        length.resize(write_hex(size, length.data()));
        text += length + "\r\n";
        text += body.substr(0, size);
        text += "\r\n";
        body.remove_prefix(size);
    }
    return text + "0\r\n\r\n";
}

std::string head_text(Prng& prng, const PlannedExchange& plan, std::string_view method) {
    std::string text(method);
    text += " " + plan.path + (plan.is_http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    text += "host: gateway.example\r\nx-request-id: " + plan.id + "\r\n";
    for (const char* name : {"authorization: Bearer ", "x-api-key: ", "cookie: session="}) {
        if (prng.chance(0.5)) {
            text += name;
            text += kClientSecret;
            text += "\r\n";
        }
    }
    if (prng.chance(0.2)) {
        text += "x-long: " + random_letters(prng, 1 + prng.below(300)) + "\r\n";
    }
    if (plan.asks_to_close && prng.chance(0.5)) {
        text += "connection: close\r\n";
    }
    return text;
}

// A request that the gateway answers by itself; false when the draw was against it.
bool draw_own(Prng& prng, const PlanLimits& limits, PlannedExchange& plan) {
    if (!prng.chance(0.12)) {
        return false;
    }
    plan.expect = Expect::own;
    std::string text;
    switch (prng.below(5)) {
        case 0:
            plan.path = "/healthz";
            plan.status = 200;
            plan.body = "ok\n";
            text = head_text(prng, plan, "GET") + "\r\n";
            break;
        case 1:
            plan.path = "/elsewhere";
            plan.status = 404;
            text = head_text(prng, plan, "GET") + "\r\n";
            break;
        case 2:
            plan.path = "/v1/models";
            plan.status = 405;
            text = head_text(prng, plan, "PATCH") + "\r\n";
            break;
        case 3:
            plan.path = "/v1/chat/completions";
            plan.status = 400;
            text = head_text(prng, plan, "POST") + "content-length: 2\r\n\r\n[}";
            break;
        default:
            plan.path = "/v1/chat/completions";
            plan.status = 400;
            text = head_text(prng, plan, "POST") + "content-length: 0\r\n\r\n";
            break;
    }
    plan.request = in_parts(prng, limits, text);
    return true;
}

void draw_post(Prng& prng, const PlanLimits& limits, PlannedExchange& plan) {
    plan.path = kPaths[prng.below(kPaths.size())];
    plan.is_responses = plan.path == "/v1/responses";
    plan.is_event_stream = plan.path != "/v1/embeddings" && prng.chance(0.7);
    const bool is_alias = limits.has_aliases && prng.chance(0.3);
    const std::string words = random_letters(prng, drawn_size(prng, limits.body_bytes_max));
    const std::string body = body_text(plan, is_alias ? kAlias : "model-a", words);
    plan.body_for_upstream = body_text(plan, is_alias ? kAliasTarget : "model-a", words);
    plan.body_bytes = body.size();
    std::string text = head_text(prng, plan, "POST");
    if (prng.chance(0.1) && !plan.is_http_1_0) {
        text += "expect: 100-continue\r\n";
    }
    if (!plan.is_http_1_0 && prng.chance(0.3)) {
        text += "transfer-encoding: chunked\r\n\r\n" + chunked(prng, body);
    } else {
        text += "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    plan.request = in_parts(prng, limits, text);
}

}  // namespace

std::string random_letters(Prng& prng, uint32_t count) {
    std::string text(count, '\0');
    std::ranges::generate(text, [&] { return static_cast<char>('a' + prng.below(26)); });
    return text;
}

std::vector<TimedBytes> in_parts(Prng& prng, const PlanLimits& limits, const std::string& text) {
    std::vector<TimedBytes> parts;
    std::string_view rest = text;
    uint32_t count = prng.chance(0.4) ? 1 : 1 + prng.below(limits.parts_max);
    while (!rest.empty()) {
        const auto left = static_cast<uint32_t>(rest.size());
        const uint32_t size = count-- <= 1 ? left : 1 + prng.below(left);
        Duration pause;
        if (prng.chance(0.4)) {
            pause = Duration::nanoseconds(
                static_cast<int64_t>(prng.unit() * static_cast<double>(limits.pause_max.ns())));
        }
        parts.push_back({std::string(rest.substr(0, size)), pause});
        rest.remove_prefix(size);
    }
    return parts;
}

PlannedExchange draw_exchange(Prng& prng, const PlanLimits& limits, std::string id) {
    PlannedExchange plan{.id = std::move(id)};
    plan.asks_to_close = prng.chance(0.1);
    plan.is_http_1_0 = plan.asks_to_close && prng.chance(0.5);
    if (draw_own(prng, limits, plan)) {
        return plan;
    }
    if (prng.chance(0.1)) {
        plan.path = "/v1/models";
        plan.request = in_parts(prng, limits, head_text(prng, plan, "GET") + "\r\n");
        if (!limits.lists.empty()) {
            plan.expect = Expect::own;
            plan.lists = limits.lists;
            return plan;
        }
    } else {
        draw_post(prng, limits, plan);
    }
    draw_answer(prng, limits, plan);
    return plan;
}

}  // namespace sluice::sim
