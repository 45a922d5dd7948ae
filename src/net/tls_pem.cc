// PEM files: reading, matching, judging.
#include "net/tls_pem.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"

namespace sluice::net {

namespace {

// A system's whole bundle is a quarter of this; more is not what was meant.
constexpr size_t kFileBytesMax = size_t{1024} * 1024;
// Long enough before the end for somebody to act.
constexpr int64_t kExpirySoonDays = 14;
constexpr int64_t kDaySeconds = 24L * 3600;

struct FileClose {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

// The bytes of a file, wiped when they go: there may be a key in them.
class FileBytes {
public:
    FileBytes() = default;
    ~FileBytes() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
    FileBytes(const FileBytes&) = delete;
    FileBytes& operator=(const FileBytes&) = delete;

    bool read(const std::string& name, std::string& error) {
        const std::unique_ptr<std::FILE, FileClose> file(std::fopen(name.c_str(), "rbe"));
        if (file == nullptr) {
            return fail(name, errno, error);
        }
        std::setvbuf(file.get(), nullptr, _IONBF, 0);  // No second copy that nobody wipes.
        bytes_.resize(kFileBytesMax + 1);
        length_ = std::fread(bytes_.data(), 1, bytes_.size(), file.get());
        if (std::ferror(file.get()) != 0) {
            return fail(name, errno, error);
        }
        if (length_ > kFileBytesMax) {
            error = name + ": is larger than 1 MiB, which no PEM file should be";
            return false;
        }
        return true;
    }
    bssl::UniquePtr<BIO> open() const {
        return bssl::UniquePtr<BIO>(
            BIO_new_mem_buf(bytes_.data(), static_cast<ossl_ssize_t>(length_)));
    }

private:
    static bool fail(const std::string& name, int number, std::string& error) {
        error = name + ": cannot be read: " + std::generic_category().message(number);
        return false;
    }

    std::vector<char> bytes_;
    size_t length_ = 0;
};

const char* library_reason() {
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    return reason != nullptr ? reason : "no reason given";
}

// A password callback that has none: the file is not to be asked for on a terminal.
int no_password(char* /*to*/, int /*size*/, int /*writing*/, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

std::string date_text(int64_t seconds) {
    const auto time = static_cast<time_t>(seconds);
    std::tm parts = {};
    gmtime_r(&time, &parts);
    std::array<char, 32> text;
    const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
    return {text.data(), length};
}

// Letters, digits, hyphens and dots, perhaps a wildcard as the whole first label.
bool is_host_name(std::string_view name) {
    if (name.starts_with("*.")) {
        name.remove_prefix(2);
    }
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
}

}  // namespace

void TlsPemFree::operator()(x509_st* certificate) const {
    X509_free(certificate);
}
void TlsPemFree::operator()(evp_pkey_st* key) const {
    EVP_PKEY_free(key);
}

std::vector<TlsCertificate> read_certificates(const std::string& file, std::string& error) {
    FileBytes bytes;
    if (!bytes.read(file, error)) {
        return {};
    }
    const bssl::UniquePtr<BIO> bio = bytes.open();
    std::vector<TlsCertificate> certificates;
    while (true) {
        ERR_clear_error();
        TlsCertificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (certificate == nullptr) {
            break;
        }
        certificates.push_back(std::move(certificate));
    }
    // The end of the file is told as "no start line".
    const uint32_t code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) {
        error = file + ": certificate number ";
        append_decimal(error, certificates.size() + 1);
        error += std::string(" cannot be decoded: ") + library_reason();
        certificates.clear();
    } else if (certificates.empty()) {
        error = file + ": holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)";
    }
    ERR_clear_error();
    return certificates;
}

TlsPrivateKey read_private_key(const std::string& file, std::string& error) {
    FileBytes bytes;
    if (!bytes.read(file, error)) {
        return nullptr;
    }
    ERR_clear_error();
    bool password_asked = false;
    const bssl::UniquePtr<BIO> bio = bytes.open();
    TlsPrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, &password_asked));
    if (key == nullptr) {
        const uint32_t code = ERR_peek_last_error();
        if (password_asked) {
            error = file + ": the private key is encrypted; give one without a passphrase";
        } else if (ERR_GET_LIB(code) == ERR_LIB_PEM &&
                   ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
            error = file + ": holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)";
        } else {
            error = file + ": the private key cannot be decoded: " + library_reason();
        }
    }
    ERR_clear_error();
    return key;
}

std::vector<std::string> names_of(const x509_st& certificate) {
    std::vector<std::string> names;
    GENERAL_NAMES* const all = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    const size_t count = all != nullptr ? sk_GENERAL_NAME_num(all) : 0;
    for (size_t i = 0; i < count; ++i) {
        const GENERAL_NAME* entry = sk_GENERAL_NAME_value(all, i);
        if (entry->type != GEN_DNS) {
            continue;
        }
        const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(entry->d.dNSName));
        std::string name(text, static_cast<size_t>(ASN1_STRING_length(entry->d.dNSName)));
        std::ranges::transform(name, name.begin(), ascii_lower);
        if (is_host_name(name)) {
            names.push_back(std::move(name));
        }
    }
    GENERAL_NAMES_free(all);
    return names;
}

void check_chain(const std::vector<TlsCertificate>& chain,
                 const std::string& file,
                 int64_t wall_clock_s,
                 std::vector<std::string>& warnings) {
    for (size_t i = 0; i < chain.size(); ++i) {
        std::string subject = file + ": ";
        subject += i == 0 ? "the certificate" : "certificate number ";
        if (i > 0) {
            append_decimal(subject, i + 1);
        }
        int64_t begin = 0;
        int64_t end = 0;
        ASN1_TIME_to_posix(X509_get0_notBefore(chain[i].get()), &begin);
        ASN1_TIME_to_posix(X509_get0_notAfter(chain[i].get()), &end);
        if (end < wall_clock_s) {
            warnings.push_back(subject + " expired on " + date_text(end));
        } else if (begin > wall_clock_s) {
            warnings.push_back(subject + " is not valid before " + date_text(begin));
        } else if (end < wall_clock_s + kExpirySoonDays * kDaySeconds) {
            warnings.push_back(subject + " expires on " + date_text(end));
        }
        if (i > 0 && X509_check_issued(chain[i].get(), chain[i - 1].get()) != X509_V_OK) {
            warnings.push_back(subject + " did not issue the one before it");
        }
    }
}

std::vector<TlsCertificate> use_identity(ssl_ctx_st* context,
                                         const std::string& certificate_file,
                                         const std::string& private_key_file,
                                         std::string& error) {
    std::vector<TlsCertificate> chain = read_certificates(certificate_file, error);
    if (chain.empty()) {
        return {};
    }
    const TlsPrivateKey key = read_private_key(private_key_file, error);
    if (key == nullptr) {
        return {};
    }
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
        ERR_clear_error();
        error = private_key_file + ": the private key does not belong to the certificate in " +
                certificate_file;
        return {};
    }
    std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> owned;
    std::vector<CRYPTO_BUFFER*> encoded;
    for (const TlsCertificate& certificate : chain) {
        uint8_t* der = nullptr;
        const int length = i2d_X509(certificate.get(), &der);
        const bssl::UniquePtr<uint8_t> free_der(der);
        owned.emplace_back(
            CRYPTO_BUFFER_new(der, static_cast<size_t>(std::max(length, 0)), nullptr));
        encoded.push_back(owned.back().get());
    }
    ERR_clear_error();
    if (SSL_CTX_set_chain_and_key(context, encoded.data(), encoded.size(), key.get(), nullptr) !=
        1) {
        error = certificate_file + ": cannot be used: " + library_reason();
        chain.clear();
    }
    ERR_clear_error();
    return chain;
}

}  // namespace sluice::net
