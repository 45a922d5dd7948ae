// TlsSessionCache: sessions that an upstream gave us, for cheaper handshakes with it.
//
// One per upstream and shard, owned by whoever dials; it outlives its connections. Sessions count
// only for the context and the name they were made with: after a reload none is offered. The chain
// of the peer is verified again when a session is resumed, so nothing here outlives a certificate.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/tls_context.h"

struct ssl_session_st;

namespace sluice::net {

class TlsSessionCache {
public:
    TlsSessionCache() = default;
    ~TlsSessionCache() { clear(); }
    TlsSessionCache(const TlsSessionCache&) = delete;
    TlsSessionCache& operator=(const TlsSessionCache&) = delete;

    uint32_t size() const { return count_; }
    void clear();

    // Both for TlsEngine. Takes over the reference to `session`.
    void put(const TlsContext& context, std::string_view name, ssl_session_st* session);
    // The newest session, whose reference the caller gets; null when there is none.
    ssl_session_st* take(const TlsContext& context, std::string_view name);

private:
    // Servers give two at a time; a few connections may be opened at once.
    static constexpr uint32_t kSessionsMax = 8;

    TlsContext context_;
    std::string name_;
    std::array<ssl_session_st*, kSessionsMax> sessions_ = {};  // Oldest first.
    uint32_t count_ = 0;
};

}  // namespace sluice::net
