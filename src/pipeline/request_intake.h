// RequestIntake: a request body on its way in, validated as it arrives.
//
// A body up to the hold limit is held whole, so that nothing of a bad one goes on and a good one
// can be sent twice. A larger one flows on in a window, still validated: when it turns out bad, the
// upstream's request is cut, which no upstream takes for complete. Exists until the request is
// sent.
#pragma once

#include <cstdint>
#include <utility>

#include "base/arena.h"
#include "base/memory_pool.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "http/server_exchange.h"
#include "json/field_watch.h"
#include "json/splice.h"
#include "json/validator.h"
#include "pipeline/request_fields.h"

namespace sluice::pipeline {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class ContentCapture;

class RequestIntake : public Pooled {
public:
    // `content`: sees what arrives; null for nobody.
    RequestIntake(http::ServerExchange& client,
                  uint64_t body_bytes_max,
                  ContentCapture* content = nullptr);

    // Takes what has arrived, up to `room_bytes`. Fails on bad framing, bad JSON, or too much.
    Status take(size_t room_bytes);
    bool is_complete() const { return complete_; }
    // What the body says, once it is complete or what the route needs was seen.
    Result<RequestFields> fields(Arena& arena) const { return read_request_fields(watch_, arena); }

    // Bytes taken and not yet passed on.
    SliceQueue& held() { return held_; }
    // Puts an edited body in the place of the held one. Texts of the edit that nobody counts are
    // copied, because the stream that sends them can outlive the exchange.
    void replace_held(SliceQueue&& edited) { held_ = counted(std::move(edited)); }
    // Such a body, all of whose texts are counted.
    static SliceQueue counted(SliceQueue&& edited);
    // Puts a body that processors have changed in the place of the held one, and looks at it as at
    // a received one.
    Status adopt(Slice&& body);
    // Adds what makes a stream report its usage to the edits of a complete body.
    void ask_for_usage(json::Splice& splice) const {
        pipeline::ask_for_usage(watch_, validator_.object_begin(), splice);
    }
    uint64_t taken_bytes() const { return taken_bytes_; }
    bool has_body() const { return has_body_; }
    // For the error's text: " (at byte N)" where JSON was wrong.
    size_t json_error_offset() const { return validator_.error_offset(); }

private:
    Status finish();

    http::ServerExchange& client_;
    ContentCapture* const content_;
    json::FieldWatch watch_;
    json::Validator validator_;
    SliceQueue held_;
    uint64_t body_bytes_max_;
    uint64_t taken_bytes_ = 0;
    bool has_body_;
    bool complete_ = false;
};

}  // namespace sluice::pipeline
