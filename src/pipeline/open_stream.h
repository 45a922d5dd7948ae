// OpenStream: counts a stream for as long as it runs, because the loop's batching goes by their
// number.
#pragma once

#include "net/proactor.h"

namespace sluice::pipeline {

class OpenStream {
public:
    explicit OpenStream(net::Proactor& proactor) : proactor_(proactor) {
        proactor_.stream_opened();
    }
    ~OpenStream() { proactor_.stream_closed(); }
    OpenStream(const OpenStream&) = delete;
    OpenStream& operator=(const OpenStream&) = delete;

private:
    net::Proactor& proactor_;
};

}  // namespace sluice::pipeline
