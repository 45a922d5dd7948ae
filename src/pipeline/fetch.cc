// Lease, send, read the head, read the body; the connection goes back if all went well.
#include "pipeline/fetch.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;

constexpr size_t kFieldsMax = 128;

// Its own patience ends with that of the exchange, or when the time for all of it is over.
class Fetch final : public upstream::Patience {
public:
    Fetch(net::Proactor& proactor, upstream::Patience& patience, const FetchRequest& request)
        : patience_(patience), request_(request), deadline_(proactor, patience.signal()) {
        deadline_.set(request.timeout);
    }

    coro::Signal& signal() override { return patience_.signal(); }
    std::optional<Error> reason_to_stop() override {
        if (const std::optional<Error> stop = patience_.reason_to_stop()) {
            return stop;
        }
        if (deadline_.has_passed()) {
            return Error{.kind = ErrorKind::first_byte_timeout,
                         .source = ErrorSource::upstream,
                         .where = "fetching took too long"};
        }
        return std::nullopt;
    }

    coro::Task<Result<FetchedReply>> run(upstream::Upstream& upstream) {
        Status asked = co_await ask(upstream, false);
        if (!asked && may_ask_again(asked.error())) {
            lease_.drop();
            asked = co_await ask(upstream, true);
        }
        CO_TRY_VOID(asked);
        const http::ResponseHead& head = lease_->head();
        FetchedReply reply;
        reply.status = head.status;
        reply.content_type = head.headers.value(HeaderId::content_type);
        reply.content_encoding = head.headers.value(HeaderId::content_encoding);
        reply.location = head.headers.value(HeaderId::location);
        reply.retry_after = head.headers.value(HeaderId::retry_after);
        while (true) {
            CO_TRY_VOID(take_body(reply));
            if (lease_->is_response_complete()) {
                break;
            }
            CO_TRY_VOID(check());
            co_await signal().wait();
        }
        lease_.give_back(true);
        co_return reply;
    }

private:
    // Comes back with the head of the reply.
    coro::Task<Status> ask(upstream::Upstream& upstream, bool fresh) {
        CO_TRY(lease_, co_await upstream.lease(*this, fresh));
        lease_->set_signal(&signal());
        CO_TRY_VOID(send(upstream));
        while (true) {
            CO_TRY(const bool complete, lease_->read_head(arena_, fields_));
            if (complete) {
                co_return Status();
            }
            CO_TRY_VOID(check());
            co_await signal().wait();
        }
    }

    // A connection that had died while it was idle says nothing of the upstream.
    bool may_ask_again(const Error& error) const {
        const bool connection_died =
            error.kind == ErrorKind::reset || error.kind == ErrorKind::closed_early;
        return connection_died && error.source == ErrorSource::upstream && lease_ &&
               lease_->is_reused() && !lease_->has_response_begun() &&
               (request_.method == http::Method::get || !lease_->may_have_seen_request());
    }

    Status send(const upstream::Upstream& upstream) {
        http::HeadWriter writer(arena_);
        writer.request_line(request_.method, request_.target);
        writer.field(HeaderId::host, upstream.host_field());
        for (const providers::HeaderLine& line : request_.headers) {
            writer.field(line.name, line.value);
        }
        writer.field(HeaderId::accept_encoding, "identity");
        const bool is_put = request_.method == http::Method::put;
        if (is_put || request_.method == http::Method::post) {
            if (!request_.content_type.empty()) {
                writer.field(HeaderId::content_type, request_.content_type);
            }
            writer.content_length(request_.body.size());
        }
        TRY(Slice head, writer.finish_slice());
        lease_->begin_request(request_.method, std::move(head));
        if (!request_.body.empty()) {
            SliceQueue body;
            body.push_back(Slice::copy_of(request_.body));
            lease_->send_body(std::move(body));
        }
        return {};
    }

    Status take_body(FetchedReply& reply) {
        constexpr uint16_t kOk = 200;
        std::string& to = reply.body;
        http::BodyPiece piece;
        while (true) {
            TRY(const bool got, lease_->next_body_piece(piece));
            if (!got) {
                return {};
            }
            if (request_.sink != nullptr && reply.status == kOk) {
                TRY_VOID(request_.sink->on_piece(piece.data.view()));
                continue;
            }
            if (to.size() + piece.data.size() > request_.reply_bytes_max) {
                return fail({.kind = ErrorKind::body_too_large,
                             .source = ErrorSource::upstream,
                             .where = "what was fetched is too large"});
            }
            to += piece.data.view();
        }
    }

    Status check() {
        if (const std::optional<Error> stop = reason_to_stop()) {
            return fail(*stop);
        }
        return {};
    }

    upstream::Patience& patience_;
    const FetchRequest& request_;
    net::Deadline deadline_;
    Arena arena_;
    // Not in the frame, which may be part of that of every exchange.
    const std::span<http::HeaderField> fields_ =
        arena_.allocate_array<http::HeaderField>(kFieldsMax);
    upstream::Lease lease_;
};

}  // namespace

coro::Task<Result<FetchedReply>> fetch(net::Proactor& proactor,
                                       upstream::Patience& patience,
                                       upstream::Upstream& upstream,
                                       const FetchRequest& request) {
    Fetch one(proactor, patience, request);
    co_return co_await one.run(upstream);
}

}  // namespace sluice::pipeline
