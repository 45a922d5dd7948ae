// TlsEngine: the TLS protocol of one connection as a machine, bytes in and bytes out.
//
// Ciphertext goes in by input() and comes out by output(); plaintext is read from it and written to
// it. It does no I/O and knows no stream, so tests can stand between two of them. What is copied:
// received bytes twice (into the library's record buffer, where they are decrypted, and from there
// into a block of ours), sent bytes once after the cipher (from the record buffer into a block),
// and once before it when several small slices become one record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_session_cache.h"

struct ssl_session_st;
struct ssl_st;

namespace sluice::net {

// When a connection begins, by both clocks: certificates are judged by the one, ticket keys are
// rotated by the other.
struct TlsTime {
    int64_t wall_clock_ns = 0;
    Instant now;
};

// Whom a client wants to reach.
struct TlsServerPeer {
    std::string_view name;                // To ask for (unless it is an address) and to verify.
    TlsSessionCache* sessions = nullptr;  // Null: no resumption.
};

class TlsEngine {
public:
    enum class Step : uint8_t {
        done,         // Handshake: it is complete. Read: there is as much as was asked for.
        wants_input,  // All input is used up.
        ended,        // The peer has said that nothing more comes (close_notify).
        failed,       // See error(). An alert for the peer may be in output().
    };

    // The server's side, and the client's. `peer` names the other side in errors.
    TlsEngine(const TlsContext& context, TlsBlocks& blocks, const TlsTime& time, ErrorSource peer);
    TlsEngine(const TlsContext& context,
              TlsBlocks& blocks,
              const TlsTime& time,
              ErrorSource peer,
              const TlsServerPeer& server);
    ~TlsEngine();
    TlsEngine(const TlsEngine&) = delete;
    TlsEngine& operator=(const TlsEngine&) = delete;

    SliceQueue& input() { return input_; }
    SliceQueue& output() { return output_; }

    // Goes on with the handshake; call again with more input until it is done.
    Step handshake();
    bool is_established() const { return established_; }
    // Decrypts to the end of `to` until that holds `size_bytes_max` or the input is used up.
    Step read(SliceQueue& to, size_t size_bytes_max);
    // Encrypts everything in `plain`: as few records as possible, 16 KiB at most each.
    void write(SliceQueue& plain);
    // The last word: nothing can be written afterwards.
    void write_close_notify();

    // Whether a record has arrived in part.
    bool has_partial_record() const;
    // What was read is consumed: the block that was not yet full goes back.
    void release_read_block() { read_block_.reset(); }
    bool failed() const { return failed_; }
    const Error& error() const { return error_; }

    // After the handshake; static strings except for the protocol, which lives as long as this.
    std::string_view application_protocol() const;
    std::string_view version() const;
    std::string_view cipher() const;
    bool is_resumed() const;

    // For the library's callbacks.
    static TlsEngine& of(const ssl_st* ssl);
    Instant started_at() const { return time_.now; }
    // These two are called with the SSL of an engine: verdict on the peer's chain, new session.
    static int on_verify(ssl_st* ssl, uint8_t* alert);
    static int on_new_session(ssl_st* ssl, ssl_session_st* session);

private:
    struct Transport;  // The library's view of the two queues.

    void attach();
    Step fail();
    void write_record(std::string_view plain);
    void append_output(std::string_view ciphertext);

    TlsContext context_;
    TlsBlocks& blocks_;
    ssl_st* ssl_;
    TlsSessionCache* sessions_ = nullptr;
    SliceQueue input_;
    SliceQueue output_;
    Slice read_block_;   // Empty, behind what was last decrypted; keeps the block.
    Slice write_block_;  // Likewise, behind what was last encrypted.
    std::string server_name_;
    TlsTime time_;
    Error error_;
    const char* verify_failure_ = nullptr;
    const ErrorSource peer_;
    bool established_ = false;
    bool failed_ = false;
};

}  // namespace sluice::net
