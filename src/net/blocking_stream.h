// BlockingStream: a connection for a command that has nothing else to do than to wait.
//
// Every call is bounded by the time given at the beginning. For the command line only; whatever
// serves goes through the ring.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/endpoint.h"

namespace sluice::net {

class BlockingStream {
public:
    // `timeout` bounds connecting and each single call.
    static Result<std::unique_ptr<BlockingStream>> connect(const Endpoint& endpoint,
                                                           Duration timeout);
    ~BlockingStream();
    BlockingStream(const BlockingStream&) = delete;
    BlockingStream& operator=(const BlockingStream&) = delete;

    Status send(std::string_view bytes);
    // How many bytes came; 0 at the end.
    Result<size_t> receive(std::span<char> to);

private:
    explicit BlockingStream(int fd) : fd_(fd) {}

    const int fd_;
};

}  // namespace sluice::net
