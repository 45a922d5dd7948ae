// Deciding, making, phases in order, ending in reverse.
#include "pipeline/chain.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "crypto/digest.h"
#include "pipeline/condition.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/guard_options.h"
#include "pipeline/guard_rules.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

Needs ChainStep::needs() const {
    Needs all = factory->needs();
    all.body = all.body || condition.needs_body();
    return all;
}

Chain::Chain(std::vector<const ChainStep*> steps) : steps_(std::move(steps)) {
    std::string rules;
    for (const ChainStep* step : steps_) {
        needs_ = needs_ | step->needs();
        if (const auto* const guard = std::get_if<GuardOptions>(&step->options->config)) {
            rules += step->options->when + '\n';
            rules += step->options->on_failure == OnFailure::skip ? "skip\n" : "fail\n";
            rules += guard_identity(*guard);
        }
    }
    if (!rules.empty()) {
        rules_digest_ = crypto::hex(crypto::sha256(rules));
    }
}

bool Chain::authenticates() const {
    return std::ranges::any_of(steps_, &ChainStep::authenticates);
}

size_t Chain::early_steps(const Chain& other) const {
    size_t count = 0;
    while (count < std::min(steps_.size(), other.steps_.size()) &&
           steps_[count] == other.steps_[count] && !steps_[count]->needs().body) {
        ++count;
    }
    return count;
}

ChainSet::ChainSet(std::span<const ProcessorOptions> processors,
                   const ProcessorResources& resources) {
    for (const ProcessorOptions& options : processors) {
        const ProcessorType* const type = find_processor_type(options.type);
        auto condition = Condition::parse(options.when);
        SLUICE_ASSERT(type != nullptr && condition.has_value());
        steps_.push_back(std::make_unique<ChainStep>(&options, *std::move(condition),
                                                     type->compile(options, resources)));
    }
}

const Chain* ChainSet::chain(std::span<const std::string> names) {
    std::vector<const ChainStep*> steps;
    for (const std::string& name : names) {
        const auto found = std::ranges::find_if(
            steps_, [&](const auto& step) { return step->options->name == name; });
        SLUICE_ASSERT(found != steps_.end());
        steps.push_back(found->get());
    }
    if (steps.empty()) {
        return nullptr;
    }
    return chains_.emplace_back(std::make_unique<Chain>(std::move(steps))).get();
}

// The work of one step in one phase, for the trace; nothing where traces are off.
class ChainRun::StepSpan {
public:
    StepSpan(const ProcessorContext& context, const ChainStep& step, std::string_view phase)
        : context_(context), step_(step), phase_(phase) {
        if (context.record.trace != nullptr) {
            began_ = clock();
        }
    }

    void end(const Verdict& verdict) const {
        if (context_.record.trace != nullptr) {
            context_.record.trace->add_step({.name = step_.options->name,
                                             .type = step_.options->type,
                                             .phase = phase_,
                                             .verdict = verdict_name(verdict.kind()),
                                             .began = began_,
                                             .ended = clock()});
        }
    }

private:
    static std::string_view verdict_name(Verdict::Kind kind) {
        switch (kind) {
            case Verdict::Kind::proceed:
            case Verdict::Kind::wait:
                return "proceed";
            case Verdict::Kind::answer:
                return "answer";
            case Verdict::Kind::refuse:
                return "refuse";
            case Verdict::Kind::failed:
                return "failed";
        }
        return "";
    }
    Instant clock() const { return context_.services->proactor.ring().now(); }

    const ProcessorContext& context_;
    const ChainStep& step_;
    const std::string_view phase_;
    Instant began_;
};

ChainRun::ChainRun(const Chain& chain, Arena& arena, ExchangeRecord& record)
    : chain_(&chain),
      running_(arena.allocate_array<Running>(chain.steps().size())),
      context_(arena, record) {}

ChainRun::~ChainRun() {
    end();
}

void ChainRun::choose(const Chain& chain) {
    if (chain_ == &chain) {
        return;
    }
    const std::span<Running> next = context_.arena.allocate_array<Running>(chain.steps().size());
    for (size_t i = 0; i < running_.size() && running_[i].is_decided; ++i) {
        SLUICE_ASSERT(i < next.size() && chain_->steps()[i] == chain.steps()[i]);
        next[i] = running_[i];
    }
    chain_ = &chain;
    running_ = next;
}

Status ChainRun::begin(size_t index, const StepSpan& span) {
    Running& running = running_[index];
    if (running.is_decided) {
        return {};
    }
    const ChainStep& step = *chain_->steps()[index];
    running.is_decided = true;
    if (!step.condition.holds(context_)) {
        return {};
    }
    running.step = &step.factory->make(context_.arena);
    const Verdict verdict = running.step->on_head(context_);
    if (verdict.kind() != Verdict::Kind::proceed) {
        span.end(verdict);
    }
    return settle(index, verdict);
}

Status ChainRun::run_early(size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const StepSpan span(context_, *chain_->steps()[i], "head");
        TRY_VOID(begin(i, span));
        if (running_[i].step != nullptr) {
            span.end(Verdict::proceed());
        }
    }
    return {};
}

coro::Task<Result<bool>> ChainRun::run_request() {
    body_seen_ = context_.body.version();
    for (size_t i = 0; i < running_.size(); ++i) {
        Running& running = running_[i];
        const StepSpan span(context_, *chain_->steps()[i], "request");
        // What was done before the body came has a span, and often nothing is left to do.
        bool is_news = !running.is_decided;
        CO_TRY_VOID(begin(i, span));
        if (running.step == nullptr) {
            continue;
        }
        Verdict verdict = running.step->on_request(context_);
        is_news = is_news || verdict.kind() != Verdict::Kind::proceed;
        if (verdict.kind() == Verdict::Kind::wait) {
            verdict = co_await running.step->wait(context_);
        }
        if (is_news) {
            span.end(verdict);
        }
        if (verdict.kind() == Verdict::Kind::answer) {
            answering_ = running.step;
            co_return true;
        }
        CO_TRY_VOID(settle(i, verdict));
        follow_body();
    }
    renew_filters();
    co_return false;
}

void ChainRun::renew_filters() {
    if (chain_->needs().response_text) {
        collect_filters();
    }
}

void ChainRun::collect_filters() {
    const auto all = context_.arena.allocate_array<providers::ReplyFilter*>(running_.size());
    size_t count = 0;
    for (const Running& running : running_) {
        if (running.step != nullptr) {
            all[count] = running.step->reply_filter(context_);
            count += all[count] != nullptr ? 1 : 0;
        }
    }
    filters_ = all.first(count);
}

// The filters have done their work; one of a step that is skipped from here on goes with it.
coro::Task<Status> ChainRun::on_reply(std::span<providers::ReplyChoice> choices) {
    filters_ = {};
    for (size_t i = 0; i < running_.size(); ++i) {
        if (running_[i].step != nullptr) {
            const ChainStep& step = *chain_->steps()[i];
            const StepSpan span(context_, step, "reply");
            const Verdict verdict = co_await running_[i].step->on_reply(context_, choices);
            if (step.factory->needs().response_text) {
                span.end(verdict);
            }
            CO_TRY_VOID(settle(i, verdict));
        }
    }
    co_return Status();
}

// Steps see the request as the one before has left it.
void ChainRun::follow_body() {
    if (context_.body.version() == body_seen_ || context_.body.empty()) {
        return;
    }
    body_seen_ = context_.body.version();
    if (const auto tree = context_.body.tree()) {
        context_.wants_stream = (**tree)["stream"].is_true();
    }
}

Status ChainRun::settle(size_t index, const Verdict& verdict) {
    if (verdict.kind() == Verdict::Kind::refuse) {
        context_.record.is_refused_by_step = true;
        told_ = verdict.told();
        return fail(verdict.error());
    }
    if (verdict.kind() != Verdict::Kind::failed) {
        return {};
    }
    const ChainStep& step = *chain_->steps()[index];
    // A client that left, or a deadline of the exchange, is no failure of the step.
    const bool has_ended = verdict.error().kind == ErrorKind::cancelled ||
                           verdict.error().kind == ErrorKind::total_timeout;
    if (has_ended || step.options->on_failure == OnFailure::fail) {
        return has_ended ? fail(verdict.error()) : fail_step(step, verdict.error());
    }
    SLUICE_LOG(warning, "pipeline", "a processor failed and was skipped",
               {"processor", step.options->name}, {"request_id", context_.record.request_id},
               {"error", verdict.error()});
    drop(running_[index]);
    return {};
}

Status ChainRun::fail_step(const ChainStep& step, const Error& error) {
    auto& told = context_.arena.make<providers::ProviderError>();
    told.status = 502;
    told.type = "server_error";
    told.code = "processor_failed";
    told.message = context_.arena.join(
        {"The processor '", step.options->name, "' of this route failed: ", error.where, "."});
    told_ = &told;
    SLUICE_LOG(warning, "pipeline", "a processor failed", {"processor", step.options->name},
               {"request_id", context_.record.request_id}, {"error", error});
    return fail(error);
}

void ChainRun::on_response_head(const ResponseView& view) {
    for (const Running& running : running_) {
        if (running.step != nullptr) {
            running.step->on_response_head(context_, view);
        }
    }
}

void ChainRun::on_body(std::string_view bytes) {
    for (const Running& running : running_) {
        if (running.step != nullptr) {
            running.step->on_response_body(context_, bytes);
        }
    }
}

void ChainRun::on_hidden(std::string_view bytes) {
    for (const Running& running : running_) {
        if (running.step != nullptr) {
            running.step->on_hidden_body(context_, bytes);
        }
    }
}

bool ChainRun::has_followers() const {
    return std::ranges::any_of(running_, [](const Running& running) {
        return running.step != nullptr && running.step->has_followers();
    });
}

void ChainRun::drop(Running& running) {
    running.step->on_end(context_);
    running.step->~Processor();
    running.step = nullptr;
}

void ChainRun::end() {
    for (size_t i = running_.size(); i > 0; --i) {
        if (running_[i - 1].step != nullptr) {
            drop(running_[i - 1]);
        }
    }
}

}  // namespace sluice::pipeline
