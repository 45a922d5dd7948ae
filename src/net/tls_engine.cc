// Records and handshakes, between two queues of slices.
#include "net/tls_engine.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_context_state.h"
#include "net/tls_error.h"
#include "net/tls_session_cache.h"
#include "net/tls_verify.h"

namespace sluice::net {

namespace {

// The most plaintext of one record (RFC 8446 section 5.1).
constexpr size_t kRecordBytesMax = SSL3_RT_MAX_PLAIN_LENGTH;
// A rest of a block that is smaller than this, and than what is there to be decrypted, is left.
constexpr uint32_t kReadRoomMin = 512;

}  // namespace

// Never blocks and never fails: reading without input is "later", writing always succeeds.
struct TlsEngine::Transport {
    static int read(BIO* bio, char* to, int length) {
        SliceQueue& input = static_cast<TlsEngine*>(BIO_get_data(bio))->input_;
        BIO_clear_retry_flags(bio);
        if (input.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::string_view bytes = input.front().view();
        const size_t count = std::min(bytes.size(), static_cast<size_t>(length));
        std::memcpy(to, bytes.data(), count);
        input.drop_front(count);
        return static_cast<int>(count);
    }

    static int write(BIO* bio, const char* from, int length) {
        BIO_clear_retry_flags(bio);
        auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
        engine.append_output({from, static_cast<size_t>(length)});
        return length;
    }

    static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static const BIO_METHOD* method() {
        static const BIO_METHOD* const kMethod = [] {
            BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "slices");
            BIO_meth_set_read(made, &read);
            BIO_meth_set_write(made, &write);
            BIO_meth_set_ctrl(made, &control);
            return made;
        }();
        return kMethod;
    }
};

TlsEngine::TlsEngine(const TlsContext& context,
                     TlsBlocks& blocks,
                     const TlsTime& time,
                     ErrorSource peer)
    : context_(context),
      blocks_(blocks),
      ssl_(SSL_new(context.native())),
      time_(time),
      peer_(peer) {
    SLUICE_ASSERT(context.is_server());
    attach();
    SSL_set_accept_state(ssl_);
}

TlsEngine::TlsEngine(const TlsContext& context,
                     TlsBlocks& blocks,
                     const TlsTime& time,
                     ErrorSource peer,
                     const TlsServerPeer& server)
    : context_(context),
      blocks_(blocks),
      ssl_(SSL_new(context.native())),
      sessions_(server.sessions),
      server_name_(server.name),
      time_(time),
      peer_(peer) {
    SLUICE_ASSERT(!context.is_server());
    attach();
    SSL_set_connect_state(ssl_);
    if (!server_name_.empty() && !is_ip_literal(server_name_)) {
        SSL_set_tlsext_host_name(ssl_, server_name_.c_str());
    }
    if (sessions_ != nullptr) {
        const bssl::UniquePtr<SSL_SESSION> session(sessions_->take(context_, server_name_));
        if (session != nullptr) {
            SSL_set_session(ssl_, session.get());
        }
    }
}

void TlsEngine::attach() {
    SLUICE_ASSERT(ssl_ != nullptr);
    SSL_set_app_data(ssl_, this);
    SSL_set_shed_handshake_config(ssl_, 1);  // A connection is idle for most of its life.
    BIO* bio = BIO_new(Transport::method());
    SLUICE_ASSERT(bio != nullptr);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
}

TlsEngine::~TlsEngine() {
    SSL_free(ssl_);
}

TlsEngine& TlsEngine::of(const ssl_st* ssl) {
    return *static_cast<TlsEngine*>(SSL_get_app_data(ssl));
}

void TlsEngine::append_output(std::string_view ciphertext) {
    while (!ciphertext.empty()) {
        Block* block = write_block_.block();
        auto used = block != nullptr ? static_cast<uint32_t>(write_block_.data() - block->data) : 0;
        if (block == nullptr || used == block->size_bytes) {
            write_block_ = blocks_.take(ciphertext.size());
            block = write_block_.block();
            used = 0;
        }
        const auto part =
            static_cast<uint32_t>(std::min<size_t>(ciphertext.size(), block->size_bytes - used));
        std::memcpy(block->data + used, ciphertext.data(), part);
        output_.push_back(Slice(*block, used, part));
        write_block_ = Slice(*block, used + part, 0);
        ciphertext.remove_prefix(part);
    }
}

// --- Handshake.

TlsEngine::Step TlsEngine::handshake() {
    SLUICE_ASSERT(!established_ && !failed_);
    const int result = SSL_do_handshake(ssl_);
    write_block_.reset();
    if (result == 1) {
        established_ = true;
        return Step::done;
    }
    return SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ ? Step::wants_input : fail();
}

TlsEngine::Step TlsEngine::fail() {
    failed_ = true;
    error_ = take_tls_error(peer_, !established_);
    if (verify_failure_ != nullptr) {
        error_.kind = ErrorKind::tls_verify;
        error_.where = verify_failure_;
    }
    return Step::failed;
}

int TlsEngine::on_verify(ssl_st* ssl, uint8_t* alert) {
    TlsEngine& engine = of(ssl);
    const TlsContextState& state = tls_context_state(engine.context_.native());
    if (!state.verifies_peer) {
        return 1;
    }
    const TlsPeerDemand demand = {
        .is_server = !state.is_server,
        .name = engine.server_name_,
        .wall_clock_s = Duration::nanoseconds(engine.time_.wall_clock_ns).ms() / 1000,
    };
    const TlsVerdict verdict = verify_peer_chain(ssl, state.trust.get(), demand);
    engine.verify_failure_ = verdict.reason;
    *alert = verdict.alert;
    return verdict.reason == nullptr ? 1 : 0;
}

int TlsEngine::on_new_session(ssl_st* ssl, ssl_session_st* session) {
    TlsEngine& engine = of(ssl);
    if (engine.sessions_ == nullptr) {
        return 0;
    }
    engine.sessions_->put(engine.context_, engine.server_name_, session);
    return 1;  // The reference is ours now.
}

// --- Reading.

TlsEngine::Step TlsEngine::read(SliceQueue& to, size_t size_bytes_max) {
    SLUICE_ASSERT(established_ && !failed_);
    while (to.size_bytes() < size_bytes_max) {
        const size_t waiting = input_.size_bytes() + static_cast<size_t>(SSL_pending(ssl_));
        if (waiting == 0) {
            return Step::wants_input;
        }
        Block* block = read_block_.block();
        auto used = block != nullptr ? static_cast<uint32_t>(read_block_.data() - block->data) : 0;
        const uint32_t room = block != nullptr ? block->size_bytes - used : 0;
        if (room < std::min<size_t>(waiting, kReadRoomMin)) {
            read_block_ = blocks_.take(std::min(waiting, kRecordBytesMax));
            block = read_block_.block();
            used = 0;
        }
        const int result =
            SSL_read(ssl_, block->data + used, static_cast<int>(block->size_bytes - used));
        if (result > 0) {
            const auto length = static_cast<uint32_t>(result);
            to.push_back(Slice(*block, used, length));
            read_block_ = Slice(*block, used + length, 0);
            continue;
        }
        write_block_.reset();  // Answers to key updates, or an alert.
        switch (SSL_get_error(ssl_, result)) {
            case SSL_ERROR_WANT_READ:
                return Step::wants_input;
            case SSL_ERROR_ZERO_RETURN:
                return Step::ended;
            default:
                return fail();
        }
    }
    return Step::done;
}

bool TlsEngine::has_partial_record() const {
    return SSL_has_pending(ssl_) == 1;
}

// --- Writing.

// Slices of one turn become one record where they fit; a slice that fills records alone is taken
// from where it is.
void TlsEngine::write(SliceQueue& plain) {
    SLUICE_ASSERT(established_);
    std::array<char, kRecordBytesMax> gathered;
    while (!plain.empty()) {
        const std::string_view first = plain.front().view();
        if (plain.slice_count() == 1 || first.size() >= kRecordBytesMax) {
            const size_t whole_records = first.size() - first.size() % kRecordBytesMax;
            const size_t count = plain.slice_count() == 1 ? first.size() : whole_records;
            write_record(first.substr(0, count));
            plain.drop_front(count);
            continue;
        }
        const size_t count = plain.copy_out(0, gathered.size(), gathered.data());
        write_record({gathered.data(), count});
        plain.drop_front(count);
    }
    write_block_.reset();
}

void TlsEngine::write_record(std::string_view plain) {
    if (failed_) {
        return;
    }
    const int result = SSL_write(ssl_, plain.data(), static_cast<int>(plain.size()));
    if (result <= 0) {
        // Not for want of room: output never refuses.
        fail();
    }
}

void TlsEngine::write_close_notify() {
    SLUICE_ASSERT(established_);
    SSL_shutdown(ssl_);
    ERR_clear_error();
    write_block_.reset();
}

// --- What was agreed.

std::string_view TlsEngine::application_protocol() const {
    const uint8_t* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &name, &length);
    return {reinterpret_cast<const char*>(name), length};
}

std::string_view TlsEngine::version() const {
    return SSL_get_version(ssl_);
}

std::string_view TlsEngine::cipher() const {
    const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_);
    return cipher != nullptr ? SSL_CIPHER_standard_name(cipher) : "";
}

bool TlsEngine::is_resumed() const {
    return SSL_session_reused(ssl_) == 1;
}

}  // namespace sluice::net
