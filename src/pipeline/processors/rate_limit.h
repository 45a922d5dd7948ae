// rate_limit: requests, tokens and exchanges at once, of the key, of its tenant and of a scope of
// its own. All of them admit a request, or none of them has been touched.
//
// Tokens are taken by estimate and corrected by the record's usage at the end; what is held goes
// back however the exchange ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "access/scope_set.h"
#include "base/time.h"
#include "coro/task.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct ProcessorOptions;
struct ProcessorResources;

// What has a count of its own.
enum class LimitPer : uint8_t { key, tenant, model, upstream, route, all };
enum class OnLimit : uint8_t { refuse, wait };

struct RateLimitOptions {
    access::LimitOptions limits;  // Its own, besides those of keys and tenants.
    LimitPer per = LimitPer::all;
    // Records of its own scopes, about 700 bytes each, made as names are met. More than that share
    // one, so that who invents models gains nothing.
    uint32_t scopes_max = 10'000;
    OnLimit on_limit = OnLimit::refuse;
    uint32_t wait_max_ms = 5'000;
    // Of an answer whose request sets no limit: longer than most, and put right at the end.
    uint32_t answer_tokens_default = 256;

    bool has_own_limits() const { return limits != access::LimitOptions(); }
    bool operator==(const RateLimitOptions&) const = default;
};

class RateLimit final : public Processor {
public:
    class Prepared {
    public:
        Prepared(const ProcessorOptions& options, const ProcessorResources& resources);
        // A prompt has to be counted.
        Needs needs() const { return {.body = true}; }

    private:
        friend class RateLimit;
        const RateLimitOptions& options_;
        access::ScopeSet* own_;  // Null when it has no limits of its own.
    };

    explicit RateLimit(const Prepared& prepared) : prepared_(prepared) {}

    Verdict on_request(ProcessorContext& context) override;
    coro::Task<Verdict> wait(ProcessorContext& context) override;
    void on_end(ProcessorContext& context) override;

private:
    void choose_scopes(ProcessorContext& context, const access::Moment& moment);
    std::optional<access::Refusal> try_admit(ProcessorContext& context,
                                             const access::Moment& moment);
    bool may_wait(const access::Refusal& refusal, Duration left) const;
    Verdict refuse(ProcessorContext& context, const access::Refusal& refusal, Instant now);

    const Prepared& prepared_;
    std::array<access::ScopeLimits*, 3> scopes_ = {};  // Null where there is none.
    access::Demand demand_;
    access::Admission admission_;
    bool is_admitted_ = false;
};

}  // namespace sluice::pipeline
