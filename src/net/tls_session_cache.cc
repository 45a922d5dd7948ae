// A few sessions, newest last.
#include "net/tls_session_cache.h"

#include <algorithm>
#include <string_view>

#include <openssl/ssl.h>

#include "net/tls_context.h"

namespace sluice::net {

void TlsSessionCache::clear() {
    for (uint32_t i = 0; i < count_; ++i) {
        SSL_SESSION_free(sessions_[i]);
    }
    count_ = 0;
}

void TlsSessionCache::put(const TlsContext& context,
                          std::string_view name,
                          ssl_session_st* session) {
    if (context_ != context || name_ != name) {
        clear();
        context_ = context;
        name_ = name;
    }
    if (count_ == kSessionsMax) {
        SSL_SESSION_free(sessions_.front());
        std::ranges::rotate(sessions_, sessions_.begin() + 1);
        --count_;
    }
    sessions_[count_++] = session;
}

ssl_session_st* TlsSessionCache::take(const TlsContext& context, std::string_view name) {
    if (count_ == 0 || context_ != context || name_ != name) {
        return nullptr;
    }
    SSL_SESSION* newest = sessions_[count_ - 1];
    // A TLS 1.3 ticket should be used once, so that an observer cannot link connections (RFC 8446
    // appendix C.4). The last one is used again all the same: between a gateway and its provider
    // there is nobody to hide, and a full handshake costs both of them more.
    if (count_ > 1 && SSL_SESSION_should_be_single_use(newest) == 1) {
        --count_;
        return newest;
    }
    SSL_SESSION_up_ref(newest);
    return newest;
}

}  // namespace sluice::net
