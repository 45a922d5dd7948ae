// TlsTicketKeys: the secrets that session tickets are sealed with, one set for the whole process.
//
// All server contexts share it, those of a reload included, so a client may resume on any shard and
// after a reload. A key seals for one interval and opens for a second one; then it is wiped, and
// with it goes the power to read the sessions that were resumed with it (RFC 8446 appendix F.1,
// RFC 5077 section 5.5). Used in handshakes only, from any shard: a lock of a few nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "base/time.h"

struct ssl_ctx_st;

namespace sluice::net {

class TlsTicketKeys {
public:
    // Clients come back within hours; a day is the longest that one key is of any use to a thief.
    static constexpr Duration kRotationInterval = Duration::seconds(12L * 3600);
    static constexpr size_t kNameBytes = 16;
    static constexpr size_t kSecretBytes = 32;

    struct Key {
        Key() = default;
        Key(const Key&) = default;
        Key& operator=(const Key&) = default;
        ~Key();  // Wipes.

        std::array<uint8_t, kNameBytes> name = {};  // Sent in the clear, tells keys apart.
        std::array<uint8_t, kSecretBytes> secret = {};
    };

    TlsTicketKeys();
    TlsTicketKeys(const TlsTicketKeys&) = delete;
    TlsTicketKeys& operator=(const TlsTicketKeys&) = delete;

    // The key to seal with; a new one when the interval is over. `now` is the monotonic clock.
    Key current(Instant now);
    // The key with that name, if it still opens tickets.
    std::optional<Key> find(std::span<const uint8_t, kNameBytes> name, Instant now);
    uint64_t rotations() const;

    // Makes a server context seal and open its tickets with the keys in its state.
    static void serve(ssl_ctx_st* context);

private:
    void rotate_if_due(Instant now);

    mutable std::mutex mutex_;
    Key current_;
    std::optional<Key> previous_;
    Instant rotated_at_;  // Not set before the first use.
    uint64_t rotations_ = 0;
};

}  // namespace sluice::net
