// Taking, validating and limiting a request body; and waiting for it.
#include "pipeline/request_intake.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/options.h"
#include "http/server_exchange.h"
#include "json/field_watch.h"
#include "json/validator.h"
#include "net/deadline.h"
#include "pipeline/content_capture.h"
#include "pipeline/exchange.h"
#include "pipeline/request_fields.h"

namespace sluice::pipeline {

namespace {

std::unexpected<Error> too_large() {
    return fail({.kind = ErrorKind::body_too_large,
                 .source = ErrorSource::client,
                 .where = "the request body is larger than this route allows"});
}

// Whether a body arrives fast enough, looked at once per body_timeout.
class BodyPace {
public:
    explicit BodyPace(const http::ServerConnectionOptions& options)
        : period_(Duration::milliseconds(options.body_timeout_ms)),
          bytes_per_s_min_(options.body_bytes_per_s_min) {}

    Duration period() const { return period_; }
    // False when the client was silent, or slower than the least pace, since the last look.
    bool look(uint64_t taken_bytes) {
        const uint64_t arrived = taken_bytes - std::exchange(seen_bytes_, taken_bytes);
        const uint64_t wanted =
            bytes_per_s_min_ * static_cast<uint64_t>(std::max<int64_t>(1, period_.ms())) / 1000;
        return arrived > 0 && arrived >= wanted;
    }

private:
    const Duration period_;
    const uint64_t bytes_per_s_min_;
    uint64_t seen_bytes_ = 0;
};

}  // namespace

RequestIntake::RequestIntake(http::ServerExchange& client,
                             uint64_t body_bytes_max,
                             ContentCapture* content)
    : client_(client),
      content_(content),
      watch_(request_watch_list()),
      validator_({.source = ErrorSource::client, .watch = &watch_}),
      body_bytes_max_(body_bytes_max),
      has_body_(client.framing().body.kind != http::BodyKind::none) {}

Status RequestIntake::take(size_t room_bytes) {
    if (!has_body_) {
        complete_ = true;
        return {};
    }
    const std::optional<uint64_t> left = client_.body_bytes_left();
    if (left && *left + taken_bytes_ > body_bytes_max_) {
        return too_large();
    }
    http::BodyPiece piece;
    while (!complete_ && held_.size_bytes() < room_bytes) {
        TRY(const bool got, client_.next_body_piece(piece));
        if (got) {
            taken_bytes_ += piece.data.size();
            if (content_ != nullptr) [[unlikely]] {
                content_->on_request(piece.data.view());
            }
            if (taken_bytes_ > body_bytes_max_) {
                return too_large();
            }
            TRY_VOID(validator_.feed(piece.data.view()));
            held_.push_back(std::move(piece.data));
        }
        if (client_.is_body_complete()) {
            return finish();
        }
        if (!got) {
            break;
        }
    }
    return {};
}

SliceQueue RequestIntake::counted(SliceQueue&& edited) {
    SliceQueue body;
    while (!edited.empty()) {
        Slice slice = edited.pop_front();
        body.push_back(slice.block() == nullptr ? Slice::copy_of(slice.view()) : std::move(slice));
    }
    return body;
}

Status RequestIntake::adopt(Slice&& body) {
    std::destroy_at(&validator_);
    std::destroy_at(&watch_);
    std::construct_at(&watch_, request_watch_list());
    std::construct_at(&validator_,
                      json::Validator::Options{.source = ErrorSource::gateway, .watch = &watch_});
    held_.clear();
    TRY_VOID(validator_.feed(body.view()));
    held_.push_back(std::move(body));
    return finish();
}

Status RequestIntake::finish() {
    complete_ = true;
    TRY_VOID(validator_.finish());
    if (!validator_.is_object()) {
        return fail({.kind = ErrorKind::invalid_json,
                     .source = ErrorSource::client,
                     .where = "the body must be a JSON object"});
    }
    return {};
}

// Reads until the body is whole, or, where nothing in it decides the route, until the hold limit.
coro::Task<Status> Exchange::receive_request(const PathRoutes& path) {
    const http::ServerConnectionOptions& options = client_.options();
    const bool may_flow =
        !path.depends_on_body() && !must_read_whole_body(path) && path.relays(call_);
    const size_t room_bytes = may_flow ? options.request_hold_bytes_max : SIZE_MAX;
    BodyPace pace(options);
    net::Deadline next_look(services_.proactor, signal());
    for (bool is_first = true;; is_first = false) {
        CO_TRY_VOID(intake_->take(room_bytes));
        if (intake_->is_complete() || intake_->held().size_bytes() >= room_bytes) {
            co_return Status();
        }
        if (is_first) {
            next_look.set(pace.period());  // A body that is there whole costs no timer.
        }
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        if (client_.is_client_half_closed()) {
            co_return fail({.kind = ErrorKind::cancelled,
                            .source = ErrorSource::client,
                            .where = "the client closed inside its request"});
        }
        if (next_look.has_passed()) {
            if (!pace.look(intake_->taken_bytes())) {
                co_return fail({.kind = ErrorKind::body_timeout,
                                .source = ErrorSource::client,
                                .where = "the request body arrived too slowly"});
            }
            next_look.set(pace.period());
        }
        co_await pause();
    }
}

}  // namespace sluice::pipeline
