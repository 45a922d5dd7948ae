// Bytes against plans.
#include "sim/gateway_judge.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/gateway_plan.h"
#include "sim/http_text.h"

namespace sluice::sim {

namespace {

constexpr std::string_view kProbe = ":\n\n";
constexpr std::string_view kLimitCode = R"("code":"rate_limit_exceeded")";

// {"error":{"message":"...","type":"...","param":...,"code":...}}
bool is_error_body(std::string_view text) {
    return text.starts_with(R"({"error":{"message":")") && text.ends_with("}}") &&
           text.find(R"(","type":")") != std::string_view::npos &&
           text.find(R"(,"param":)") != std::string_view::npos &&
           text.find(R"(,"code":)") != std::string_view::npos;
}

constexpr std::string_view kErrorFront = "data: {\"error\":{\"message\":\"";
constexpr std::string_view kErrorFrontOfResponses = "event: error\ndata: {\"type\":\"error\",";

// `may_be_cut`: the beginning of one is enough.
bool is_error_event(std::string_view text, bool is_responses, bool may_be_cut) {
    const std::string_view front = is_responses ? kErrorFrontOfResponses : kErrorFront;
    if (may_be_cut && (front.starts_with(text) || text.starts_with(front))) {
        return true;
    }
    if (!text.starts_with(front) || !text.ends_with("}\n\n")) {
        return false;
    }
    text.remove_prefix(std::string_view("data: ").size());
    text.remove_suffix(2);
    return is_responses || is_error_body(text);
}

bool is_event_end(std::string_view text) {
    // A CR ends a line whether an LF follows or not.
    return text.empty() || text.ends_with("\n\n") || text.ends_with("\r\n\r\n") ||
           text.ends_with("\r\n\r");
}

uint64_t count_events(std::string_view body) {
    uint64_t count = 0;
    for (size_t at = body.find("data: "); at != std::string_view::npos;
         at = body.find("data: ", at + 1)) {
        ++count;
    }
    return count;
}

size_t common_bytes(std::string_view a, std::string_view b) {
    const auto pair = std::ranges::mismatch(a, b);
    return static_cast<size_t>(pair.in1 - a.begin());
}

// Where the beginning of `planned` ends in `got`, at an event's end, if an error event follows.
bool is_broken_off(std::string_view got,
                   std::string_view planned,
                   bool is_responses,
                   bool may_be_cut) {
    for (size_t at = common_bytes(got, planned) + 1; at-- > 0;) {
        if (is_event_end(got.substr(0, at)) &&
            is_error_event(got.substr(at), is_responses, may_be_cut)) {
            return true;
        }
    }
    return false;
}

std::string shortened(std::string_view text) {
    constexpr size_t kShown = 300;
    return std::string(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "");
}

}  // namespace

uint32_t AnswerCounter::count(std::string_view received) {
    // Every answer of this simulation ends in one of these, and reading takes time.
    if (received.empty() || (received.back() != '\n' && received.back() != '}')) {
        return answers_;
    }
    while (used_bytes_ < received.size()) {
        const HttpRead read = read_response(received.substr(used_bytes_), false);
        if (read.state != ReadState::complete) {
            break;
        }
        used_bytes_ += read.used_bytes;
        answers_ += read.message.second_word().starts_with('1') ? 0 : 1;
    }
    return answers_;
}

// The comments that ask a client which ended its direction whether it still reads, or keep a quiet
// connection alive. Inside an event they have no business.
std::string GatewayJudge::without_probes(const PlannedExchange& plan, const std::string& body) {
    if (!plan.is_event_stream) {
        return body;
    }
    std::string rest = body;
    for (size_t at = rest.find(kProbe); at != std::string::npos; at = rest.find(kProbe, at)) {
        if (is_event_end(std::string_view(rest).substr(0, at))) {
            rest.erase(at, kProbe.size());
        } else {
            ++at;
        }
    }
    return rest;
}

void GatewayJudge::judge_error(const PlannedExchange& plan, const HttpText& answer) {
    ++errors_;
    const std::string status = answer.second_word();
    if (answer.field("content-type") != "application/json" || !is_error_body(answer.body)) {
        complain(plan, "an error of the gateway's has no error body: " + shortened(answer.body));
    }
    if (answer.body.find(kUpstreamSecret) != std::string::npos) {
        complain(plan, "an error shows the upstream's key");
    }
    constexpr std::array kDisturbances = {"408", "502", "503", "504"};
    const bool is_disturbance = std::ranges::find(kDisturbances, status) != kDisturbances.end();
    if (plan.expect == Expect::own && status == std::to_string(plan.status)) {
        return;
    }
    if (answer.body.find(plan.id) != std::string::npos || answer.body == plan.told_body) {
        // The upstream's words.
        const bool is_told = status == std::to_string(plan.told_status) &&
                             (plan.expect == Expect::whole || plan.expect == Expect::any);
        if (!is_told || answer.body != plan.told_body) {
            complain(plan, "told as " + status + ": " + shortened(answer.body));
        }
        return;
    }
    if (client_.may_be_limited && status == "429" &&
        answer.body.find(kLimitCode) != std::string::npos) {
        if (plan.arrivals > 0) {
            complain(plan, "was sent although a limit refused it");
        }
        return;
    }
    if (!is_disturbance) {
        complain(plan, "the gateway answers " + status + ": " + shortened(answer.body));
        return;
    }
    const bool is_excused = client_.is_disturbed || plan.follows_surplus ||
                            (plan.expect != Expect::whole && plan.expect != Expect::own);
    if (!is_excused) {
        complain(plan, "failed without a reason: " + status + " " + shortened(answer.body));
    }
}

void GatewayJudge::judge_own(const PlannedExchange& plan, const HttpText& answer) const {
    const bool is_right = plan.lists.empty() ? answer.body == plan.body
                                             : std::ranges::count(plan.lists, answer.body) > 0;
    if (!is_right) {
        complain(plan, "the gateway's own answer is wrong: " + answer.first_line + " " +
                           shortened(answer.body));
    } else if (!plan.lists.empty() && answer.body != plan.lists.front() &&
               !client_.lists_may_lack) {
        complain(plan, "the list lacks models without a reason: " + shortened(answer.body));
    }
}

void GatewayJudge::judge_whole(const PlannedExchange& plan, const HttpText& answer) {
    const std::string planned_id = answer.field("x-plan");
    if (planned_id.empty()) {
        if (plan.expect == Expect::own && plan.status == 200 && answer.second_word() == "200") {
            return judge_own(plan, answer);
        }
        return judge_error(plan, answer);
    }
    if (planned_id != plan.id) {
        complain(plan, "got the answer of exchange " + planned_id);
        return;
    }
    if (answer.field("x-request-id") != plan.id) {
        complain(plan, "the answer's x-request-id is " + answer.field("x-request-id"));
    }
    if (plan.told_status != 0) {
        complain(plan, "an error passes as it is: " + shortened(answer.body));
    } else if (plan.expect == Expect::broken || plan.expect == Expect::error) {
        complain(plan, "a cut answer looks whole: " + shortened(answer.body));
    } else if (answer.second_word() != std::to_string(plan.status)) {
        complain(plan, "the status is " + answer.second_word());
    } else if (without_probes(plan, answer.body) != plan.body) {
        complain(plan, "the body is not the upstream's: " + shortened(answer.body));
    }
    events_ += plan.is_event_stream ? count_events(plan.body) : 0;
}

// An answer that has no end.
void GatewayJudge::judge_part(const PlannedExchange& plan, const HttpRead& read) {
    const HttpText& answer = read.message;
    // Only a reset tells a client of HTTP/1.0 that its answer is cut, and it takes with it what was
    // under way. So it does where a shard that has drained no longer waits for a slow client.
    const bool is_cut_by_drain = client_.saw_reset && client_.may_be_ignored;
    const bool may_lack_its_end =
        (plan.is_http_1_0 && plan.expect != Expect::whole) || is_cut_by_drain;
    if (!read.head_is_complete) {
        if (!may_lack_its_end) {
            judge_missing(plan, true);
        }
        return;
    }
    const std::string planned_id = answer.field("x-plan");
    if (!planned_id.empty() && planned_id != plan.id) {
        complain(plan, "got a part of the answer of exchange " + planned_id);
        return;
    }
    const bool ended_by_gateway = !client_.gave_up;
    if (planned_id.empty()) {
        if (ended_by_gateway && !client_.may_be_cut && !is_cut_by_drain) {
            complain(plan, "an answer of the gateway's own is cut");
        }
        return;
    }
    const std::string body = without_probes(plan, answer.body);
    const bool is_beginning =
        plan.body.starts_with(body) ||
        (plan.is_event_stream && plan.body.starts_with(body.substr(0, body.rfind(':'))));
    const bool is_broken_off_well =
        plan.is_event_stream &&
        is_broken_off(body, plan.body, plan.is_responses,
                      client_.gave_up || client_.may_be_cut || may_lack_its_end);
    if (is_broken_off_well) {
        ++errors_;
    }
    if (!is_beginning && !is_broken_off_well) {
        const size_t common = common_bytes(body, plan.body);
        complain(plan, "a part of the body is not the upstream's: at " + std::to_string(common) +
                           " " + shortened(body.substr(common)));
        return;
    }
    if (!ended_by_gateway || client_.may_be_cut) {
        return;
    }
    if (plan.expect == Expect::whole && !client_.is_disturbed && !plan.follows_surplus) {
        complain(plan, "cut without a reason after " + std::to_string(body.size()) + " of " +
                           std::to_string(plan.body.size()) + " bytes");
    } else if (plan.is_event_stream && !is_broken_off_well && !may_lack_its_end) {
        complain(plan, "a stream was cut without an error event after: " + shortened(body));
    }
}

void GatewayJudge::judge_missing(const PlannedExchange& plan, bool is_first_missing) {
    if (client_.gave_up || client_.may_be_ignored || !is_first_missing) {
        return;
    }
    complain(plan, "got no answer");
}

void GatewayJudge::judge(const std::vector<PlannedExchange*>& plans) {
    std::string_view rest = client_.received;
    bool connection_closes = false;
    size_t next = 0;
    while (next < plans.size() && !connection_closes) {
        const PlannedExchange& plan = *plans[next];
        const HttpRead read = read_response(rest, client_.saw_end);
        if (read.state == ReadState::broken) {
            complain(plan, "the answer is malformed: " + read.why);
            return;
        }
        if (read.state == ReadState::incomplete) {
            if (rest.empty()) {
                judge_missing(plan, true);
            } else {
                judge_part(plan, read);
            }
            return;
        }
        rest.remove_prefix(read.used_bytes);
        if (read.message.second_word().starts_with('1')) {
            continue;
        }
        judge_whole(plan, read.message);
        ++answers_;
        // What was refused before it was understood has no id, and was no exchange.
        answers_of_exchanges_ += read.message.field("x-request-id").empty() ? 0 : 1;
        connection_closes = read.message.field("connection") == "close" || plan.is_http_1_0;
        ++next;
    }
    if (!rest.empty()) {
        complain_("bytes after the last answer: " + shortened(rest));
    }
}

}  // namespace sluice::sim
