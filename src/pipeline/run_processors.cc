// An exchange and the processors of its route: when they run, and what becomes of a changed
// request.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "coro/task.h"
#include "http/h1_writer.h"
#include "http/server_exchange.h"
#include "pipeline/chain.h"
#include "pipeline/exchange.h"
#include "pipeline/header_edits.h"
#include "pipeline/processor.h"
#include "pipeline/processors/authenticate.h"
#include "pipeline/request_fields.h"
#include "pipeline/request_intake.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"
#include "providers/transcoder.h"

namespace sluice::pipeline {

// For every step to go by; the request's head is there until it is sent.
void Exchange::begin_chain(const Route& route) {
    if (chain_ == nullptr) {
        chain_ = std::make_unique<ChainRun>(*route.chain, client_.arena(), record_);
    } else {
        chain_->choose(*route.chain);
    }
    show_response_to(route.chain->needs().response_body ? chain_.get() : nullptr);
    fill(chain_->context(), route);
}

void Exchange::fill(ProcessorContext& context, const Route& route) {
    context.services = &services_;
    context.snapshot = snapshot_.get();
    context.route = &route;
    context.keys = keys_ ? keys_->table.get() : nullptr;
    context.client = &client_;
    context.patience = this;
    context.own_fields = this;
    context.head = &client_.head();
    context.upstream_name = route.pool->name;
    context.call = call_;
    context.wants_stream = wants_stream_;
    context.now = clock();
    context.wall_clock_ns = services_.proactor.ring().wall_clock_ns();
}

// A step wants to see it, or the key may use some models only and the model stands there.
bool Exchange::must_read_whole_body(const PathRoutes& path) const {
    return path.needs_body() || (chain_ != nullptr && must_know_model(chain_->context()));
}

// Before the body is read: what all routes of the path begin with.
Status Exchange::run_early_processors(const PathRoutes& path) {
    if (path.early_steps == 0) {
        return {};
    }
    begin_chain(*path.routes.front());
    const Status done = chain_->run_early(path.early_steps);
    refusal_ = chain_->told();
    return done;
}

// True when a processor answers in the upstream's place.
coro::Task<Result<bool>> Exchange::run_processors() {
    begin_chain(*route_);
    RequestBody& body = chain_->context().body;
    if (route_->chain->needs().body && intake_->has_body() && intake_->is_complete()) {
        body.take(intake_->held());
    }
    const Instant began = clock();
    const Result<bool> answers = co_await chain_->run_request();
    waited_ = waited_ +
              (services_.proactor.now() > began ? services_.proactor.now() - began : Duration());
    if (!answers) {
        refusal_ = chain_->told();
        co_return fail(answers.error());
    }
    if (body.has_changed() && !*answers) {
        CO_TRY_VOID(intake_->adopt(body.share()));
        CO_TRY_VOID(take_fields());
    }
    body = RequestBody(client_.arena());
    co_return *answers;
}

// What a changed body says of its model and of streaming.
Status Exchange::take_fields() {
    TRY(const RequestFields fields, intake_->fields(client_.arena()));
    wants_stream_ = fields.stream;
    include_usage_ = fields.include_usage;
    wants_tier_ = fields.wants_tier;
    name_model(fields);
    return {};
}

const HeaderEdits* Exchange::request_edits() const {
    return chain_ == nullptr ? nullptr : &chain_->context().request_fields;
}

const HeaderEdits* Exchange::response_edits() const {
    return chain_ == nullptr ? nullptr : &chain_->context().response_fields;
}

std::span<providers::ReplyFilter* const> Exchange::reply_filters() const {
    return chain_ == nullptr ? std::span<providers::ReplyFilter* const>() : chain_->reply_filters();
}

// An answer that cannot be read must not pass by those that want to read it.
Status Exchange::check_filters() {
    const bool can_be_read =
        call_.is_known &&
        (!has_reply_text(call_) ||
         (providers::client_dialect(call_.dialect) != nullptr &&
          providers::upstream_dialect(target_->service->vendor().dialect) != nullptr));
    if (reply_filters().empty() || can_be_read) {
        return {};
    }
    refusal_ = &client_.arena().make<providers::ProviderError>(providers::ProviderError{
        .status = 400,
        .type = "invalid_request_error",
        .code = "unsupported_operation",
        .message = client_.arena().join({"A processor of this route looks at answers, which it "
                                         "cannot do for ",
                                         record_.path, "."})});
    return fail({.kind = ErrorKind::no_operation, .source = ErrorSource::client});
}

// Processors that have to wait for somebody's word see an answer that is not streamed.
coro::Task<Status> Exchange::show_reply(providers::WholeReply& reply) {
    Arena& arena = client_.arena();
    const std::span<const providers::ReplyChoice> choices = reply.reply().choices;
    const auto shown = arena.allocate_array<providers::ReplyChoice>(choices.size());
    std::ranges::copy(choices, shown.begin());
    chain_->context().head = nullptr;
    chain_->context().now = clock();
    const Status done = co_await chain_->on_reply(shown);
    if (!done) {
        refusal_ = chain_->told();
        co_return done;
    }
    reply.set_choices(shown);
    co_return Status();
}

void Exchange::write_processors_fields(http::HeadWriter& writer, const ResponseView& view) {
    if (chain_ != nullptr) {
        chain_->context().head = nullptr;
        chain_->context().now = clock();
        ResponseView seen = view;
        seen.hides_usage = strips_usage_;
        chain_->on_response_head(seen);
        chain_->context().response_fields.write(writer);
    }
}

bool Exchange::hides_usage() const {
    return chain_ != nullptr && chain_->context().records_usage;
}

bool Exchange::has_followers() const {
    return chain_ != nullptr && chain_->has_followers();
}

void Exchange::end_processors() {
    if (chain_ != nullptr) {
        show_response_to(nullptr);
        chain_->context().head = nullptr;
        chain_->context().now = clock();
        chain_->context().wall_clock_ns = services_.proactor.ring().wall_clock_ns();
        chain_->end();
        chain_.reset();
    }
}

}  // namespace sluice::pipeline
