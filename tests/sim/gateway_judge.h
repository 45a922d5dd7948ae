// Holds what one client of a simulated gateway received against what was planned for it.
//
// Reads with the simulator's own reader (http_text.h) and knows the rules that a client can see:
// an answer is the upstream's byte for byte, or an error of the gateway's own; what was cut looks
// cut, and in an event stream says so; nothing belongs to somebody else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/actors.h"
#include "sim/gateway_plan.h"
#include "sim/http_text.h"

namespace sluice::sim {

using Complain = std::function<void(const std::string&)>;

struct JudgedClient {
    std::string_view received;
    // Its connection was ended by the gateway in an orderly way.
    bool saw_end = false;
    bool saw_reset = false;
    // It left before it had everything, or the network failed it.
    bool gave_up = false;
    // Something in the world, and not in the plans, may make an exchange fail.
    bool is_disturbed = false;
    // Something in the world may leave a request without any answer.
    bool may_be_ignored = false;
    // What is going on may be cut at any time.
    bool may_be_cut = false;
    // A limit of the gateway's may refuse what it asks for.
    bool may_be_limited = false;
    // An upstream may have failed to say which models it has.
    bool lists_may_lack = false;
};

class GatewayJudge {
public:
    GatewayJudge(const JudgedClient& client, Complain complain)
        : client_(client), complain_(std::move(complain)) {}

    // `plans`: the requests of the connection, in order.
    void judge(const std::vector<PlannedExchange*>& plans);
    // Answers that were whole, of any kind.
    uint32_t answers() const { return answers_; }
    uint32_t answers_of_exchanges() const { return answers_of_exchanges_; }
    uint32_t errors() const { return errors_; }
    uint64_t events() const { return events_; }

private:
    void judge_whole(const PlannedExchange& plan, const HttpText& answer);
    void judge_part(const PlannedExchange& plan, const HttpRead& read);
    void judge_own(const PlannedExchange& plan, const HttpText& answer) const;
    void judge_error(const PlannedExchange& plan, const HttpText& answer);
    void judge_missing(const PlannedExchange& plan, bool is_first_missing);
    static std::string without_probes(const PlannedExchange& plan, const std::string& body);
    void complain(const PlannedExchange& plan, const std::string& text) const {
        complain_("exchange " + plan.id + ": " + text);
    }

    const JudgedClient client_;
    const Complain complain_;
    uint32_t answers_ = 0;
    uint32_t answers_of_exchanges_ = 0;
    uint32_t errors_ = 0;
    uint64_t events_ = 0;
};

// Counts whole answers in a text that grows; interim ones do not count.
class AnswerCounter {
public:
    uint32_t count(std::string_view received);

private:
    size_t used_bytes_ = 0;
    uint32_t answers_ = 0;
};

}  // namespace sluice::sim
