// TlsPair: a client and a server engine with the test in the middle, carrying the bytes.
//
// No ring and no stream: what one end puts out is handed to the other whole, or cut as a test
// likes. Times are the test's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"

namespace sluice {

class TlsPair {
public:
    using Step = net::TlsEngine::Step;
    static constexpr size_t kReadBytesMax = size_t{1024} * 1024;

    TlsPair(const net::TlsContext& server_context,
            const net::TlsContext& client_context,
            const net::TlsServerPeer& peer,
            const net::TlsTime& time)
        : server_(server_context, blocks_, time, ErrorSource::client),
          client_(client_context, blocks_, time, ErrorSource::upstream, peer) {}

    net::TlsEngine& server() { return server_; }
    net::TlsEngine& client() { return client_; }
    net::TlsBlocks& blocks() { return blocks_; }

    // Bytes on the wire so far, each way.
    uint64_t wire_bytes() const { return wire_bytes_; }

    // What `from` has put out becomes input of `to`.
    void carry(net::TlsEngine& from, net::TlsEngine& to) {
        wire_bytes_ += from.output().size_bytes();
        to.input().append(std::move(from.output()));
    }

    // The same piece by piece, each as if it had been received alone, with a call behind each.
    template <class After>
    void carry_in_pieces(net::TlsEngine& from,
                         net::TlsEngine& to,
                         size_t piece_bytes,
                         After after) {
        const std::string bytes = from.output().to_string();
        from.output().clear();
        for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
            const auto piece = std::string_view(bytes).substr(at, piece_bytes);
            wire_bytes_ += piece.size();
            to.input().push_back(Slice::copy_of(piece));
            after();
        }
    }

    // True when both ends are done; otherwise one has failed.
    bool shake(size_t piece_bytes = SIZE_MAX) {
        constexpr int kFlightsMax = 10;
        for (int flight = 0; flight < kFlightsMax; ++flight) {
            advance(client_);
            carry_in_pieces(client_, server_, piece_bytes, [&] { advance(server_); });
            carry_in_pieces(server_, client_, piece_bytes, [&] { advance(client_); });
            if (client_.failed() || server_.failed()) {
                // Let the alert arrive.
                carry(client_, server_);
                advance(server_);
                return false;
            }
            if (client_.is_established() && server_.is_established() && client_.output().empty() &&
                server_.output().empty()) {
                return true;
            }
        }
        return false;
    }

    // Writes on one end, reads on the other: what arrived.
    std::string pass(net::TlsEngine& from, net::TlsEngine& to, std::string_view text) {
        write(from, text);
        carry(from, to);
        return read(to);
    }
    static void write(net::TlsEngine& to, std::string_view text) {
        SliceQueue plain;
        plain.push_back(Slice::copy_of(text));
        to.write(plain);
    }
    std::string read(net::TlsEngine& from) {
        SliceQueue plain;
        last_step_ = from.read(plain, kReadBytesMax);
        return plain.to_string();
    }
    Step last_step() const { return last_step_; }

private:
    static void advance(net::TlsEngine& engine) {
        if (!engine.is_established() && !engine.failed()) {
            engine.handshake();
        } else if (engine.is_established() && !engine.failed()) {
            SliceQueue unused;
            engine.read(unused, kReadBytesMax);
        }
    }

    net::TlsBlocks blocks_;
    net::TlsEngine server_;
    net::TlsEngine client_;
    uint64_t wire_bytes_ = 0;
    Step last_step_ = Step::wants_input;
};

}  // namespace sluice
