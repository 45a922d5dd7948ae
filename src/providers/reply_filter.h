// ReplyFilter: stands between ReplyOrder and the encoder of the client's dialect, and decides what
// of a reply goes on.
//
// It may hold texts back for a while, leave out, change, and refuse the rest: then the client gets
// an error and nothing more. Several may stand in a row. In the frame of its exchange.
#pragma once

#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

class ReplyFilter : public ReplySink {
public:
    void lead_to(ReplySink& next) { next_ = &next; }

    // Anything has gone on. What it refuses before that can be answered with a status of its own.
    virtual bool has_started() const = 0;
    // Why the rest of the reply does not go on; null while it does.
    virtual const ProviderError* refusal() const = 0;

protected:
    ~ReplyFilter() = default;
    ReplySink& next() { return *next_; }

private:
    ReplySink* next_ = nullptr;
};

}  // namespace sluice::providers
