// SharedCall: what steps have in common that answer a request with the answer to an identical one,
// kept or under way.
//
// Such a step asks once, when the request is whole. It answers itself, from an entry or from a call
// that another exchange leads, or it lets the exchange go on and records what its client gets; then
// others may follow, and the call goes on for them when its own client has left.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/live_reply.h"
#include "cache/lookup.h"
#include "cache/reply.h"
#include "coro/task.h"
#include "json/tree.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "pipeline/processor_resources.h"
#include "pipeline/reply_player.h"
#include "pipeline/reply_recorder.h"

namespace sluice::pipeline {

// How one request is to be answered.
struct SharingPlan {
    bool reads_store = true;
    bool coalesces = true;
    bool stores = true;
    bool only_if_cached = false;
    bool tells_all = true;  // Outcomes, in a field of the response; otherwise only what is shared.
    std::optional<Duration> age_max = {};
    Duration ttl = {};
    cache::ReplayPace pace = cache::ReplayPace::at_once;
};

// What else than the body tells requests apart.
struct SharingIdentity {
    std::string_view kind;  // Of the step: two in one chain must not meet.
    std::string_view tenant;
    std::span<const std::string> vary_headers;
};

// Calls whose answers can be shared: their operation is known and has no effect but the answer.
bool is_shareable(ProcessorContext& context, const json::Value& body);
// A repetition would be answered the same.
bool is_deterministic(const json::Value& body);

class SharedCall : public Processor {
public:
    coro::Task<Verdict> wait(ProcessorContext& context) override;
    coro::Task<Status> answer(ProcessorContext& context) override;
    void on_response_head(ProcessorContext& context, const ResponseView& view) override;
    void on_response_body(ProcessorContext& context, std::string_view bytes) override;
    void on_hidden_body(ProcessorContext& context, std::string_view bytes) override;
    void on_end(ProcessorContext& context) override;
    bool has_followers() const override;

protected:
    explicit SharedCall(const ProcessorResources& resources) : resources_(resources) {}

    cache::KeyRef make_key(ProcessorContext& context,
                           const json::Value& body,
                           const SharingIdentity& identity) const;
    // Verdict of on_request. `wish` is of the body that the key was made of.
    Verdict ask(ProcessorContext& context,
                cache::KeyRef key,
                const SharingPlan& plan,
                const ReplyWish& wish);
    static ReplyWish wish_of(const ProcessorContext& context, const json::Value& body);
    static void bypass(ProcessorContext& context);
    const ProcessorResources& resources() const { return resources_; }

private:
    // What the lookup's state means; nothing while it is to be waited for.
    std::optional<Verdict> look(ProcessorContext& context);
    Verdict take_hit(ProcessorContext& context);
    std::optional<Verdict> look_at_joined(ProcessorContext& context);
    Verdict lead(ProcessorContext& context);
    Verdict go_alone(ProcessorContext& context, bool records);
    void end_lead(ProcessorContext& context, bool is_told, bool is_kept);
    // From begin() on, until it goes alone.
    cache::Lookup& lookup() {
        SLUICE_ASSERT(lookup_.has_value());
        return *lookup_;
    }
    ReplyPlayer& player() {
        SLUICE_ASSERT(player_.has_value());
        return *player_;
    }

    const ProcessorResources resources_;
    SharingPlan plan_;
    ReplyWish wish_;
    cache::KeyRef key_;
    std::optional<cache::Lookup> lookup_;
    std::optional<cache::Recording> recording_;  // Where no lookup leads.
    ReplyRecorder recorder_;
    std::optional<ReplyPlayer> player_;
};

}  // namespace sluice::pipeline
