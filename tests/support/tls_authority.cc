// Certificates by the library's own builder.
#include "support/tls_authority.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "net/options.h"

namespace sluice {

namespace {

constexpr int64_t kHourSeconds = 3600;
constexpr int64_t kMonthSeconds = int64_t{30} * 24 * kHourSeconds;

// Without exceptions: benchmarks are built like src/.
void check(bool ok, const char* what) {
    if (!ok) {
        std::fprintf(stderr, "cannot make a certificate: %s\n", what);
        std::abort();
    }
}

bssl::UniquePtr<EVP_PKEY> make_key(bool rsa) {
    bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
    if (rsa) {
        const bssl::UniquePtr<BIGNUM> exponent(BN_new());
        bssl::UniquePtr<RSA> pair(RSA_new());
        check(BN_set_word(exponent.get(), RSA_F4) == 1 &&
                  RSA_generate_key_ex(pair.get(), 2048, exponent.get(), nullptr) == 1 &&
                  EVP_PKEY_assign_RSA(key.get(), pair.release()) == 1,
              "RSA key");
    } else {
        bssl::UniquePtr<EC_KEY> pair(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
        check(EC_KEY_generate_key(pair.get()) == 1 &&
                  EVP_PKEY_assign_EC_KEY(key.get(), pair.release()) == 1,
              "EC key");
    }
    return key;
}

std::string text_of(BIO* bio) {
    const uint8_t* bytes = nullptr;
    size_t length = 0;
    check(BIO_mem_contents(bio, &bytes, &length) == 1, "memory BIO");
    return {reinterpret_cast<const char*>(bytes), length};
}

std::string pem_of(X509* certificate) {
    const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    check(PEM_write_bio_X509(bio.get(), certificate) == 1, "certificate to PEM");
    return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
    const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    check(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "key to PEM");
    return text_of(bio.get());
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const bssl::UniquePtr<X509_EXTENSION> extension(
        X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str()));
    check(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

std::string join(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) {
        all += (all.empty() ? "" : ",") + part;
    }
    return all;
}

}  // namespace

struct TlsAuthority::Keys {
    bssl::UniquePtr<EVP_PKEY> key;
    bssl::UniquePtr<X509> certificate;
    int64_t clock_s = 0;
    std::string chain;
};

namespace {

struct Signer {
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;  // Null: signs itself.
};

bssl::UniquePtr<X509> make_certificate(std::string_view common_name,
                                       EVP_PKEY* key,
                                       const Signer& signer,
                                       const TlsLeaf& leaf) {
    static std::atomic<int> next_serial = 1;
    bssl::UniquePtr<X509> certificate(X509_new());
    X509* x509 = certificate.get();
    X509* issuer = signer.certificate != nullptr ? signer.certificate : x509;
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), static_cast<uint64_t>(next_serial++));
    ASN1_TIME_set_posix(X509_getm_notBefore(x509), leaf.begin_s);
    ASN1_TIME_set_posix(X509_getm_notAfter(x509), leaf.end_s);
    X509_set_pubkey(x509, key);
    const bssl::UniquePtr<X509_NAME> subject(X509_NAME_new());
    X509_NAME_add_entry_by_txt(subject.get(), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const uint8_t*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
    X509_set_subject_name(x509, subject.get());
    X509_set_issuer_name(x509, X509_get_subject_name(issuer));
    extend(x509, issuer, NID_basic_constraints,
           leaf.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (leaf.is_authority) {
        extend(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (!leaf.names.empty()) {
        extend(x509, issuer, NID_subject_alt_name, join(leaf.names));
    }
    if (!leaf.extended_usage.empty()) {
        extend(x509, issuer, NID_ext_key_usage, leaf.extended_usage);
    }
    check(X509_sign(x509, signer.key, EVP_sha256()) > 0, "signature");
    return certificate;
}

TlsLeaf with_times(TlsLeaf leaf, int64_t clock_s) {
    leaf.begin_s = leaf.begin_s != 0 ? leaf.begin_s : clock_s - kHourSeconds;
    leaf.end_s = leaf.end_s != 0 ? leaf.end_s : clock_s + kMonthSeconds;
    return leaf;
}

}  // namespace

TlsAuthority::TlsAuthority(std::unique_ptr<Keys> keys)
    : keys_(std::move(keys)),
      certificate_(pem_of(keys_->certificate.get())),
      chain_(keys_->chain) {}

TlsAuthority::TlsAuthority(std::string_view name, int64_t clock_s)
    : keys_(std::make_unique<Keys>()) {
    keys_->clock_s = clock_s;
    keys_->key = make_key(false);
    TlsLeaf self;
    self.is_authority = true;
    keys_->certificate = make_certificate(name, keys_->key.get(), {keys_->key.get(), nullptr},
                                          with_times(self, clock_s));
    certificate_ = pem_of(keys_->certificate.get());
}

TlsAuthority::~TlsAuthority() = default;

TlsIdentity TlsAuthority::issue(const TlsLeaf& leaf) const {
    const bssl::UniquePtr<EVP_PKEY> key = make_key(leaf.rsa);
    const bssl::UniquePtr<X509> certificate =
        make_certificate("leaf", key.get(), {keys_->key.get(), keys_->certificate.get()},
                         with_times(leaf, keys_->clock_s));
    return {pem_of(certificate.get()) + chain_, pem_of(key.get())};
}

std::unique_ptr<TlsAuthority> TlsAuthority::issue_authority(std::string_view name) const {
    auto keys = std::make_unique<Keys>();
    keys->clock_s = keys_->clock_s;
    keys->key = make_key(false);
    TlsLeaf leaf;
    leaf.is_authority = true;
    keys->certificate =
        make_certificate(name, keys->key.get(), {keys_->key.get(), keys_->certificate.get()},
                         with_times(leaf, keys_->clock_s));
    keys->chain = pem_of(keys->certificate.get()) + chain_;
    return std::unique_ptr<TlsAuthority>(new TlsAuthority(std::move(keys)));
}

TlsFolder::TlsFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-tls-XXXXXX").string();
    check(mkdtemp(pattern.data()) != nullptr, "temporary folder");
    path_ = pattern;
}

TlsFolder::~TlsFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TlsFolder::write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name)) << text;
    return path(name);
}

net::CertificateOptions write_identity(const TlsFolder& folder,
                                       std::string_view name,
                                       const TlsIdentity& identity) {
    return {.certificate_file = folder.write(std::string(name) + ".pem", identity.certificates),
            .private_key_file = folder.write(std::string(name) + ".key", identity.key),
            .server_names = {}};
}

}  // namespace sluice
