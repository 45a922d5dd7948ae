// Chain: the processors of a route, compiled; ChainRun: their way through one exchange.
//
// A chain is immutable and part of the snapshot. A run lies with its exchange: it decides once for
// each step whether its condition holds, makes it, and takes it through the phases. Steps whose
// answer does not depend on the body, and that stand first in the chains of all routes of a path,
// run before the body is read, so that nobody uploads megabytes to be turned away.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/memory_pool.h"
#include "base/result.h"
#include "coro/task.h"
#include "http/server_exchange.h"
#include "pipeline/condition.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

// One configured processor; routes that name it share it.
struct ChainStep {
    const ProcessorOptions* options;
    Condition condition;
    std::unique_ptr<ProcessorFactory> factory;

    Needs needs() const;
    // It tells who asks.
    bool authenticates() const { return options->type == "authenticate"; }
};

class Chain {
public:
    explicit Chain(std::vector<const ChainStep*> steps);

    bool empty() const { return steps_.empty(); }
    std::span<const ChainStep* const> steps() const { return steps_; }
    const Needs& needs() const { return needs_; }
    bool authenticates() const;
    // Of the rules of its guards: answers that were let pass by others are not this chain's. Empty
    // without guards.
    const std::string& rules_digest() const { return rules_digest_; }
    // How many steps, from the first one on, both chains begin with and need no body.
    size_t early_steps(const Chain& other) const;

private:
    std::vector<const ChainStep*> steps_;
    Needs needs_;
    std::string rules_digest_;
};

// The chains of a snapshot, and the steps that they share.
class ChainSet {
public:
    ChainSet() = default;
    // `processors` outlive the set, and have passed the checks of the configuration.
    ChainSet(std::span<const ProcessorOptions> processors, const ProcessorResources& resources);

    // The chain of processors of these names; null when there are none. Lives as long as the set.
    const Chain* chain(std::span<const std::string> names);

private:
    std::vector<std::unique_ptr<ChainStep>> steps_;
    std::vector<std::unique_ptr<Chain>> chains_;
};

class ChainRun final : public Pooled, public http::BodyTap {
public:
    ChainRun(const Chain& chain, Arena& arena, ExchangeRecord& record);
    ChainRun(const ChainRun&) = delete;
    ChainRun& operator=(const ChainRun&) = delete;
    ~ChainRun();

    ProcessorContext& context() { return context_; }
    const Needs& needs() const { return chain_->needs(); }

    // The first `count` steps, whose condition and phase need the head only.
    Status run_early(size_t count);
    // Goes on with the chain of the route that was chosen, which begins with the same early steps.
    void choose(const Chain& chain);
    // All steps up to the end of the request's phases. True when the one of answering() will
    // answer in the upstream's place.
    coro::Task<Result<bool>> run_request();
    coro::Task<Status> answer() { return answering_->answer(context_); }
    // What the texts of the answer go through, in the order of the chain; after run_request().
    std::span<providers::ReplyFilter* const> reply_filters() const { return filters_; }
    // The reply will be another one: what filters have seen of the last is forgotten.
    void renew_filters();
    coro::Task<Status> on_reply(std::span<providers::ReplyChoice> choices);
    void on_response_head(const ResponseView& view);
    void on_body(std::string_view bytes) override;
    void on_hidden(std::string_view bytes) override;
    // Whether the answer is wanted without its client, too.
    bool has_followers() const;
    // Ends every step that began; later calls do nothing.
    void end();

    // What the client is told, when a run failed with a refusal; else null.
    const providers::ProviderError* told() const { return told_; }

private:
    struct Running {
        Processor* step = nullptr;  // Null: the condition does not hold, or it was skipped.
        bool is_decided = false;
    };

    class StepSpan;

    // `span` is ended where the step does not simply go on.
    Status begin(size_t index, const StepSpan& span);
    void follow_body();
    void collect_filters();
    // What comes of a verdict: the exchange goes on, or fails. A step that failed and may be
    // skipped is ended.
    Status settle(size_t index, const Verdict& verdict);
    Status fail_step(const ChainStep& step, const Error& error);
    void drop(Running& running);

    const Chain* chain_;
    std::span<Running> running_;
    ProcessorContext context_;
    uint32_t body_seen_ = 0;  // The version of the body that the context goes by.
    Processor* answering_ = nullptr;
    std::span<providers::ReplyFilter*> filters_;
    const providers::ProviderError* told_ = nullptr;
};

}  // namespace sluice::pipeline
