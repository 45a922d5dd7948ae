// Processor: one step of a route's chain, for one exchange.
//
// An object of it is made for each exchange that the step applies to, in the exchange's memory:
// what it keeps between phases are plain members, and what it holds (a slot, a reservation) goes
// back in its destructor, exactly once, however the exchange ends. Its options live in the
// snapshot. A step says by its Needs what must be looked at; where no step of a route needs
// anything, the exchange is relayed as if there were none.
//
// Phases, each in the order of the chain, on_end in the reverse order:
//
//   on_head            the route is known; of the request only its head must be there
//   on_request         the request is whole, and nothing of it has been sent
//   wait               where on_request said that it must wait for something
//   answer             where a step answers in the upstream's place
//   reply_filter       where the texts of the answer concern it: what they go through
//   on_reply           likewise, of an answer that is not streamed: all of it, before it is written
//   on_response_head   what the client is about to get
//   on_response_body   its bytes, without framing
//   on_end             always, exactly once, if any phase of the step began
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/h1_writer.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/header_edits.h"
#include "pipeline/prompt_facts.h"
#include "pipeline/request_body.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"
#include "upstream/patience.h"

namespace sluice::access {
class KeyTable;
struct VirtualKey;
}  // namespace sluice::access

namespace sluice::pipeline {

struct Route;
struct Services;
class Snapshot;

// What a step must see. Everything else passes it by.
struct Needs {
    bool body = false;           // The whole request body, before anything is sent.
    bool response_body = false;  // What the client gets.
    // The texts of the answer before they are encoded: the reply is translated even where it could
    // be relayed.
    bool response_text = false;

    Needs operator|(const Needs& other) const {
        return {.body = body || other.body,
                .response_body = response_body || other.response_body,
                .response_text = response_text || other.response_text};
    }
};

// What a step wants to happen next.
class Verdict {
public:
    enum class Kind : uint8_t {
        proceed,
        wait,    // Its wait() is to be awaited; only from on_request.
        answer,  // It answers itself, by answer(); only from on_request and wait.
        refuse,  // The client gets an error, whatever the step's failure means.
        failed,  // The step could not do its work: `on_failure` decides.
    };

    static Verdict proceed() { return Verdict(Kind::proceed); }
    static Verdict wait() { return Verdict(Kind::wait); }
    static Verdict answer() { return Verdict(Kind::answer); }
    // `told` lies in the exchange's arena.
    static Verdict refuse(ErrorKind kind, const providers::ProviderError& told) {
        Verdict verdict(Kind::refuse);
        verdict.error_ = {.kind = kind, .source = ErrorSource::client, .where = "a processor"};
        verdict.told_ = &told;
        return verdict;
    }
    static Verdict failed(const Error& error) {
        Verdict verdict(Kind::failed);
        verdict.error_ = error;
        return verdict;
    }

    Kind kind() const { return kind_; }
    const Error& error() const { return error_; }
    // What the client is told; null unless it is refused.
    const providers::ProviderError* told() const { return told_; }

private:
    explicit Verdict(Kind kind) : kind_(kind) {}

    Kind kind_;
    Error error_{.kind = ErrorKind::none};
    const providers::ProviderError* told_ = nullptr;
};

struct ResponseView {
    uint16_t status = 0;
    std::string_view content_type;
    bool is_encoded = false;   // Compressed, by an upstream that was not asked to.
    bool hides_usage = false;  // Its usage chunk is asked for, but not for the client.
};

// Writes the fields that every response of an exchange has, for steps that answer themselves.
class OwnFields {
public:
    virtual void write_fields(http::HeadWriter& writer, const ResponseView& view) = 0;

protected:
    ~OwnFields() = default;
};

// What a step sees of its exchange, and may change. A test makes one by hand.
struct ProcessorContext {
    ProcessorContext(Arena& memory, ExchangeRecord& known)
        : arena(memory),
          record(known),
          body(memory),
          request_fields(memory),
          response_fields(memory) {}

    Arena& arena;  // Lives as long as the exchange.
    ExchangeRecord& record;
    // Null in tests of steps that do without.
    Services* services = nullptr;
    const Snapshot* snapshot = nullptr;
    const Route* route = nullptr;
    const access::KeyTable* keys = nullptr;   // All of them, while the exchange lives.
    const access::VirtualKey* key = nullptr;  // Whose request it is, once that is known.
    bool is_key_counted = false;              // A step has taken of the key's and tenant's rates.
    http::ServerExchange* client = nullptr;
    upstream::Patience* patience = nullptr;  // What a wait goes by.
    OwnFields* own_fields = nullptr;
    // Only until the request is sent: null from on_response_head on.
    const http::RequestHead* head = nullptr;
    std::string_view upstream_name;
    ClientCall call;
    bool wants_stream = false;
    // Set by a step: the stream's usage is to be told even where the client did not ask for it.
    bool records_usage = false;
    // The time of the phase.
    Instant now;
    int64_t wall_clock_ns = 0;  // Since 1970.

    // For steps that need it, from on_request on; empty where the request has none.
    RequestBody body;
    HeaderEdits request_fields;   // Towards the upstream.
    HeaderEdits response_fields;  // Towards the client.

    // Of the body as it is now; counted once per body.
    const PromptFacts& facts();

    // A refusal in OpenAI's words, which every client dialect tells in its own. Texts are copied.
    Verdict refuse(ErrorKind kind, const providers::ProviderError& told) const;

private:
    PromptFacts facts_;
    uint32_t facts_of_ = 0;  // The version of the body that they were counted in.
};

class Processor {
public:
    virtual ~Processor() = default;

    virtual Verdict on_head(ProcessorContext&) { return Verdict::proceed(); }
    virtual Verdict on_request(ProcessorContext&) { return Verdict::proceed(); }
    virtual coro::Task<Verdict> wait(ProcessorContext&);
    // The response is finished when it is done, or the exchange fails.
    virtual coro::Task<Status> answer(ProcessorContext&);
    // Asked once, after on_request; lives as long as the step. Null: the texts may pass as they
    // are.
    virtual providers::ReplyFilter* reply_filter(ProcessorContext&) { return nullptr; }
    // After the filters; may change the texts, which lie in the arena.
    virtual coro::Task<Verdict> on_reply(ProcessorContext&,
                                         std::span<providers::ReplyChoice> choices);
    virtual void on_response_head(ProcessorContext&, const ResponseView&) {}
    virtual void on_response_body(ProcessorContext&, std::string_view) {}
    // What the client gets nothing of, in its place: the usage that only records_usage asked for.
    virtual void on_hidden_body(ProcessorContext&, std::string_view) {}
    virtual void on_end(ProcessorContext&) {}
    // Others are getting the same answer: it goes on when its own client leaves.
    virtual bool has_followers() const { return false; }
};

}  // namespace sluice::pipeline
