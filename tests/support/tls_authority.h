// TlsAuthority: a certificate authority made on the spot, and the PEM files it writes.
//
// Everything lives in a temporary folder that goes with the TlsFolder. Times are seconds since 1970
// by the clock that the test gives, so that an expired certificate needs no waiting.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/options.h"

namespace sluice {

class TlsFolder {
public:
    TlsFolder();
    ~TlsFolder();
    TlsFolder(const TlsFolder&) = delete;
    TlsFolder& operator=(const TlsFolder&) = delete;

    // Writes a file; the path.
    std::string write(std::string_view name, std::string_view text) const;
    std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    std::string path_;
};

// Both as PEM text.
struct TlsIdentity {
    std::string certificates;
    std::string key;
};

struct TlsLeaf {
    // "DNS:a.test" or "IP:127.0.0.1", as the openssl command writes them.
    std::vector<std::string> names;
    int64_t begin_s = 0;  // 0: an hour before the authority's clock.
    int64_t end_s = 0;    // 0: thirty days after it.
    bool is_authority = false;
    bool rsa = false;
    std::string extended_usage;  // "serverAuth", "clientAuth"; empty: not restricted.
};

class TlsAuthority {
public:
    TlsAuthority(std::string_view name, int64_t clock_s);
    ~TlsAuthority();

    // Its own certificate as PEM.
    const std::string& certificate() const { return certificate_; }
    TlsIdentity issue(const TlsLeaf& leaf) const;
    // An authority below this one; what it issues comes with its own certificate behind.
    std::unique_ptr<TlsAuthority> issue_authority(std::string_view name) const;

private:
    struct Keys;
    explicit TlsAuthority(std::unique_ptr<Keys> keys);

    std::unique_ptr<Keys> keys_;
    std::string certificate_;
    std::string chain_;  // What leaves need behind them.
};

// Writes both files and names them as options.
net::CertificateOptions write_identity(const TlsFolder& folder,
                                       std::string_view name,
                                       const TlsIdentity& identity);

}  // namespace sluice
