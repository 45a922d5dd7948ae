// What can be set about buffers, sockets and TLS. Plain values: filled by config/, read once when a
// shard starts (buffers, sockets) or when a TLS context is built (start and reload).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::net {

// The provided-buffer ring of one shard (net/buffer_ring.h). All three are powers of two.
struct BufferRingOptions {
    // 16 KiB takes a full TLS record and most request heads in one block; with 4 KiB blocks large
    // events cost a third more CPU.
    uint32_t block_bytes = 16 * 1024;
    // 64 MiB of address space, used only as far as traffic needs it. Enough that a thousand readers
    // who stopped reading, each pinning a block, leave room for all others.
    uint32_t blocks_max = 4096;
    // What the kernel holds at a time: half a mebibyte stays in a core's second-level cache.
    uint32_t window_blocks = 32;

    bool operator==(const BufferRingOptions&) const = default;
};

struct SocketOptions {
    // Length of the kernel's queue of connections not yet accepted; also bounded by somaxconn.
    uint32_t listen_backlog = 4096;
    // Receive buffer of a socket. 0 leaves it to the kernel, which grows it only for peers whose
    // bytes are taken; a fixed one makes bulk dearer by half (smaller windows, more wake-ups).
    uint32_t receive_buffer_bytes = 0;
    // Send buffer of a socket: what the kernel takes for a peer that does not read. 0 leaves it to
    // the kernel, which is what long fat networks need.
    uint32_t send_buffer_bytes = 0;
    // Back-pressure of one direction of an exchange: reading stops above the high mark and starts
    // again below the low one. 64 KiB keep a fast link busy; a quarter of the 256 KiB that a slow
    // reader may cost.
    uint32_t queue_high_bytes = 64 * 1024;
    uint32_t queue_low_bytes = 32 * 1024;
    // TCP keep-alive probes start after this much silence and find peers that vanished without a
    // word; below the 5 minutes after which many NATs forget a connection. 0 switches them off.
    uint32_t keep_alive_probe_s = 60;

    bool operator==(const SocketOptions&) const = default;
};

struct CertificateOptions {
    std::string certificate_file;  // PEM: the leaf first, then its chain.
    std::string private_key_file;  // PEM.
    // Names it is offered for, "*.example.org" included; empty takes them from the certificate.
    std::vector<std::string> server_names;

    bool operator==(const CertificateOptions&) const = default;
};

enum class TlsVersion : uint8_t { tls_1_2, tls_1_3 };

// TLS towards clients; on as soon as there is a certificate.
struct TlsServerOptions {
    std::vector<CertificateOptions> certificates;  // The first answers when no name matches.
    // PEM bundle; when set, a client must show a certificate that one of these signed.
    std::string client_ca_file;
    // 1.2 is the lowest that is safe and still what some SDK runtimes speak.
    TlsVersion version_min = TlsVersion::tls_1_2;
    // A peer that has not finished by then is a slow-loris or gone.
    uint32_t handshake_timeout_ms = 10'000;

    bool enabled() const { return !certificates.empty(); }
    bool operator==(const TlsServerOptions&) const = default;
};

// TLS towards an upstream; used when its base URL begins with https.
struct TlsClientOptions {
    std::string ca_file;           // PEM bundle; empty takes the system's.
    std::string certificate_file;  // Shown to upstreams that ask for one (mTLS); with its key.
    std::string private_key_file;
    std::string server_name;  // Name to ask for and to verify; empty takes the host of base_url.
    bool verify = true;       // Off only for tests: a key sent to an unverified peer is given away.
    TlsVersion version_min = TlsVersion::tls_1_2;

    bool operator==(const TlsClientOptions&) const = default;
};

}  // namespace sluice::net
