// DnsServer: a name server on loopback that answers as a test says, by UDP and by TCP.
//
// It runs on a thread of its own; what it answers can be changed at any time. Answers that do not
// fit into 512 bytes are cut over UDP (TC bit), so that the resolver comes back by TCP.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <netinet/in.h>

namespace sluice::test {

struct DnsService {
    std::string host;
    uint16_t port = 0;
    uint16_t priority = 0;
    uint16_t weight = 0;
};

struct DnsRecord {
    std::vector<std::string> v4 = {};
    std::vector<std::string> v6 = {};
    std::vector<DnsService> services = {};
    uint32_t ttl_s = 60;
    uint8_t rcode = 0;  // 2: SERVFAIL, 3: NXDOMAIN, 5: REFUSED.
    bool is_silent = false;
    bool is_silent_for_v6 = false;
    uint32_t delay_ms = 0;
};

class DnsServer {
public:
    DnsServer();
    ~DnsServer();
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;

    // "127.0.0.1:PORT"
    std::string address() const;
    // Names without a record do not exist.
    void set(const std::string& name, DnsRecord record);
    // Questions seen for this name, of the given type (1: A, 28: AAAA).
    size_t questions(const std::string& name, uint16_t type);
    size_t tcp_questions() const { return tcp_questions_; }

private:
    using Clock = std::chrono::steady_clock;
    struct Reply {
        Clock::time_point due;
        int fd;  // The UDP socket, or a TCP connection.
        sockaddr_in to;
        std::string bytes;
    };

    void bind_both();
    void run();
    int wait_ms() const;
    void forget(int connection);
    void receive_udp();
    bool receive_tcp(int fd);
    void answer(std::string_view question, int fd, const sockaddr_in& to, bool by_tcp);
    void send_due();

    int udp_ = -1;
    int tcp_ = -1;
    int wake_[2] = {-1, -1};
    uint16_t port_ = 0;
    std::mutex mutex_;  // Over records and counts.
    std::map<std::string, DnsRecord> records_;
    std::map<std::pair<std::string, uint16_t>, size_t> questions_;
    std::atomic<size_t> tcp_questions_ = 0;
    std::vector<int> connections_;
    std::vector<Reply> replies_;
    std::thread thread_;
};

}  // namespace sluice::test
