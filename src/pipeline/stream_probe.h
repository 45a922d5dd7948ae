// StreamProbe: whoever writes a response, asked to write something that says nothing: to find out
// whether a client that ended its direction still reads, or to keep a quiet connection alive.
#pragma once

namespace sluice::pipeline {

class StreamProbe {
public:
    virtual void probe() = 0;

protected:
    ~StreamProbe() = default;
};

}  // namespace sluice::pipeline
