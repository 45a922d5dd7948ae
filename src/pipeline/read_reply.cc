// Replies that are read whole before anything is said: those that are translated, and errors.
//
// An error is answered by the table of docs/ERRORS.md. Where a relay's client would get the same
// status in a form that it knows, it gets the provider's own bytes instead.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "json/tree.h"
#include "json/writer.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/forward_headers.h"
#include "pipeline/refused.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/respond_error.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

namespace {

// Errors are short; of a longer one nothing is used.
constexpr uint32_t kErrorBytesMax = 64 * 1024;
constexpr size_t kReplyBytesFirst = 1024;

// A shorter word is no key, and may be part of any other.
constexpr size_t kTokenBytesMin = 8;

constexpr Error kUpstreamRefused = {.kind = ErrorKind::upstream_status,
                                    .source = ErrorSource::upstream,
                                    .where = "the upstream answered with an error"};

// Some providers echo the key they were given; keys of known forms are masked with the message.
std::string_view without_token(std::string_view body, std::string_view token, Arena& arena) {
    size_t at = token.size() < kTokenBytesMin ? body.npos : body.find(token);
    if (at == body.npos) {
        return body;
    }
    json::ArenaText text(arena, body.size());
    for (; at != body.npos; at = body.find(token)) {
        text.append(body.substr(0, at));
        text.append("[key]");
        body.remove_prefix(at + token.size());
    }
    text.append(body);
    return text.view();
}

// Whether clients of `dialect` know this body for an error as it is.
bool has_error_form(std::string_view body, providers::Dialect dialect, Arena& arena) {
    const auto tree = json::Value::parse(body, arena, ErrorSource::upstream);
    if (!tree || (dialect == providers::Dialect::messages && (**tree)["type"].text() != "error")) {
        return false;
    }
    const json::Value& error = (**tree)["error"];
    return error["message"].is_string() && error["type"].is_string();
}

}  // namespace

// Takes the whole body of a reply; what is larger than `bytes_max` is refused.
coro::Task<Result<std::string_view>> Exchange::read_reply(uint32_t bytes_max) {
    json::ArenaText text(client_.arena(), kReplyBytesFirst);
    RelayClocks clocks(client_.stream(), signal(), relay_limits());
    upstream::Patience& patience = this->patience();
    while (true) {
        http::BodyPiece piece;
        bool moved = false;
        while (true) {
            CO_TRY(const bool got, lease_->next_body_piece(piece));
            if (!got) {
                break;
            }
            moved = true;
            if (text.view().size() + piece.data.size() > bytes_max) {
                co_return fail({.kind = ErrorKind::body_too_large,
                                .source = ErrorSource::upstream,
                                .where = "the reply is larger than reply_bytes_max"});
            }
            text.append(piece.data.view());
        }
        if (lease_->is_response_complete()) {
            co_return text.view();
        }
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        if (const std::optional<Error> over = clocks.look(moved)) {
            co_return fail(*over);
        }
        co_await pause();
    }
}

// An error response of the upstream: what it says becomes an answer in the client's dialect.
coro::Task<Status> Exchange::read_refusal() {
    record_.ended_in = Phase::relay;
    Arena& arena = client_.arena();
    const http::ResponseHead head = kept_head(lease_->head(), arena);
    record_.upstream_status = head.status;
    const Result<std::string_view> read = co_await read_reply(kErrorBytesMax);
    if (!read && read.error().kind != ErrorKind::body_too_large) {
        co_return fail(read.error());
    }
    const std::string_view token = key_ == nullptr ? std::string_view() : key_->token.reveal();
    const std::string_view body = without_token(read ? *read : std::string_view(), token, arena);
    providers::ErrorWords words = providers::read_error_words(body, arena);
    if (!words.is_recognised) {
        words.message = body;
    }
    providers::add_error_headers(head.headers, words);
    auto& refusal =
        arena.make<providers::ProviderError>(providers::classify_error(head.status, words, arena));
    refusal.retry_after = providers::read_retry_after(
        head.headers, body, services_.proactor.ring().wall_clock_ns() / 1'000'000'000);
    refusal_ = &refusal;
    // Where nothing had to be hidden in the body, nor in its message.
    const bool is_clean = read && body.data() == read->data() && refusal.message == words.message;
    const bool keeps_status =
        head.status < 500 && error_dialect(call_.dialect).status(refusal.status) == head.status;
    if (translated_ == nullptr && is_clean && keeps_status &&
        has_error_form(body, call_.dialect, arena)) {
        refused_ = &arena.make<Refused>(Refused{.told = refusal_, .head = head, .body = body});
    }
    if (read) {
        lease_.give_back(request_sent_whole_);
    }
    co_return fail(kUpstreamRefused);
}

// The provider's own words: its clients may know more of them than the table does.
Status Exchange::pass_refusal(const Refused& refused) {
    const http::ResponseHead& head = refused.head;
    http::HeadWriter writer = client_.begin_response(head.status, head.reason);
    write_response_fields(writer, head, response_edits());
    write_own_fields(writer, {head.status, head.headers.value(http::HeaderId::content_type)}, true);
    TRY_VOID(client_.respond(writer, head.status, Slice::copy_of(refused.body)));
    record_.responded = clock();
    return {};
}

}  // namespace sluice::pipeline
