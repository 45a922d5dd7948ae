// Just enough of RFC 1035: one question, A and AAAA answers, no compression but for the name.
#include "support/dns_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::test {

namespace {

constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeAaaa = 28;
constexpr uint16_t kTypeSrv = 33;
constexpr size_t kHeaderBytes = 12;
constexpr size_t kUdpBytesMax = 512;
constexpr int kPollMsMax = 1'000;

void append_16(std::string& to, size_t value) {
    to.push_back(static_cast<char>(value >> 8));
    to.push_back(static_cast<char>(value & 0xff));
}

void append_32(std::string& to, uint32_t value) {
    append_16(to, value >> 16);
    append_16(to, value & 0xffff);
}

uint16_t read_16(std::string_view from, size_t at) {
    return static_cast<uint16_t>(static_cast<uint8_t>(from[at]) << 8 |
                                 static_cast<uint8_t>(from[at + 1]));
}

void check(bool ok, const char* what) {
    if (!ok) {
        throw std::runtime_error(what);
    }
}

// The name of the question, dotted; `end` is set behind it.
std::string read_name(std::string_view message, size_t& end) {
    std::string name;
    size_t at = kHeaderBytes;
    while (at < message.size() && message[at] != 0) {
        const size_t length = static_cast<unsigned char>(message[at]);
        name += name.empty() ? "" : ".";
        name += message.substr(at + 1, length);
        at += length + 1;
    }
    end = at + 1;
    return name;
}

void append_answer(std::string& to, uint16_t type, uint32_t ttl_s, const std::string& address) {
    std::array<char, 16> bytes = {};
    const bool is_v4 = type == kTypeA;
    check(inet_pton(is_v4 ? AF_INET : AF_INET6, address.c_str(), bytes.data()) == 1, "address");
    append_16(to, 0xc000 | kHeaderBytes);  // The name stands there.
    append_16(to, type);
    append_16(to, 1);
    append_32(to, ttl_s);
    append_16(to, is_v4 ? 4 : 16);
    to.append(bytes.data(), is_v4 ? 4 : 16);
}

void append_service(std::string& to, uint32_t ttl_s, const DnsService& service) {
    std::string data;
    append_16(data, service.priority);
    append_16(data, service.weight);
    append_16(data, service.port);
    for (size_t at = 0; at < service.host.size();) {
        const size_t end = std::min(service.host.find('.', at), service.host.size());
        data.push_back(static_cast<char>(end - at));
        data += service.host.substr(at, end - at);
        at = end + 1;
    }
    data.push_back('\0');
    append_16(to, 0xc000 | kHeaderBytes);
    append_16(to, kTypeSrv);
    append_16(to, 1);
    append_32(to, ttl_s);
    append_16(to, data.size());
    to += data;
}

std::string make_reply(std::string_view question,
                       size_t question_end,
                       uint16_t type,
                       const DnsRecord& record,
                       bool by_tcp) {
    const auto& addresses = type == kTypeA ? record.v4 : record.v6;
    std::string answers;
    if (record.rcode == 0 && (type == kTypeA || type == kTypeAaaa)) {
        for (const std::string& address : addresses) {
            append_answer(answers, type, record.ttl_s, address);
        }
    }
    for (const DnsService& service : record.services) {
        if (type == kTypeSrv) {
            append_service(answers, record.ttl_s, service);
        }
    }
    const bool is_cut = !by_tcp && question_end + answers.size() > kUdpBytesMax;
    const size_t all = type == kTypeSrv ? record.services.size() : addresses.size();
    const size_t count = answers.empty() || is_cut ? 0 : all;
    std::string reply(question.substr(0, 2));
    append_16(reply, 0x8180U | (is_cut ? 0x0200U : 0U) | record.rcode);
    append_16(reply, 1);
    append_16(reply, count);
    append_32(reply, 0);
    reply += question.substr(kHeaderBytes, question_end - kHeaderBytes);
    reply += is_cut ? "" : answers;
    return reply;
}

}  // namespace

// The same number for both protocols; the system gives one that is free for the first of them.
void DnsServer::bind_both() {
    constexpr int kTriesMax = 50;
    bool done = false;
    for (int i = 0; i < kTriesMax && !done; ++i) {
        sockaddr_in here = {};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof here;
        udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(bind(udp_, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0, "bind udp");
        check(getsockname(udp_, reinterpret_cast<sockaddr*>(&here), &length) == 0, "getsockname");
        port_ = ntohs(here.sin_port);
        done = bind(tcp_, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0;
        if (!done) {
            close(udp_);
            close(tcp_);
        }
    }
    check(done, "bind tcp");
}

DnsServer::DnsServer() {
    bind_both();
    check(listen(tcp_, 16) == 0 && pipe(wake_) == 0, "listen");
    thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
    static_cast<void>(write(wake_[1], "x", 1));  // Into an empty pipe.
    thread_.join();
    for (const int fd : {udp_, tcp_, wake_[0], wake_[1]}) {
        close(fd);
    }
    for (const int fd : connections_) {
        close(fd);
    }
}

std::string DnsServer::address() const {
    return "127.0.0.1:" + std::to_string(port_);
}

void DnsServer::set(const std::string& name, DnsRecord record) {
    const std::lock_guard lock(mutex_);
    records_[name] = std::move(record);
}

size_t DnsServer::questions(const std::string& name, uint16_t type) {
    const std::lock_guard lock(mutex_);
    return questions_[{name, type}];
}

void DnsServer::run() {
    while (true) {
        std::vector<pollfd> polls = {{wake_[0], POLLIN, 0}, {udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
        for (const int fd : connections_) {
            polls.push_back({fd, POLLIN, 0});
        }
        poll(polls.data(), polls.size(), wait_ms());
        if (polls[0].revents != 0) {
            return;
        }
        if (polls[1].revents != 0) {
            receive_udp();
        }
        for (size_t i = 3; i < polls.size(); ++i) {
            if (polls[i].revents != 0 && !receive_tcp(polls[i].fd)) {
                forget(polls[i].fd);
            }
        }
        if (polls[2].revents != 0) {
            connections_.push_back(accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC));
        }
        send_due();
    }
}

// Until the next reply is due.
int DnsServer::wait_ms() const {
    int wait_ms = kPollMsMax;
    for (const Reply& reply : replies_) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(reply.due - Clock::now());
        wait_ms = std::clamp(static_cast<int>(left.count()) + 1, 0, wait_ms);
    }
    return wait_ms;
}

void DnsServer::forget(int connection) {
    close(connection);
    std::erase(connections_, connection);
    std::erase_if(replies_, [connection](const Reply& reply) { return reply.fd == connection; });
}

void DnsServer::receive_udp() {
    std::array<char, 2048> buffer;
    sockaddr_in from = {};
    socklen_t length = sizeof from;
    const ssize_t size = recvfrom(udp_, buffer.data(), buffer.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &length);
    if (size > static_cast<ssize_t>(kHeaderBytes)) {
        answer({buffer.data(), static_cast<size_t>(size)}, udp_, from, false);
    }
}

// c-ares sends a question in one piece, so one read sees it whole.
bool DnsServer::receive_tcp(int fd) {
    std::array<char, 2048> buffer;
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
    if (size <= static_cast<ssize_t>(2 + kHeaderBytes)) {
        return false;
    }
    std::string_view left(buffer.data(), static_cast<size_t>(size));
    while (left.size() > 2) {
        const size_t length = read_16(left, 0);
        ++tcp_questions_;
        answer(left.substr(2, length), fd, {}, true);
        left.remove_prefix(std::min(left.size(), length + 2));
    }
    return true;
}

void DnsServer::answer(std::string_view question, int fd, const sockaddr_in& to, bool by_tcp) {
    size_t end = 0;
    const std::string name = read_name(question, end);
    const uint16_t type = read_16(question, end);
    DnsRecord record{.rcode = 3};
    {
        const std::lock_guard lock(mutex_);
        ++questions_[{name, type}];
        if (const auto found = records_.find(name); found != records_.end()) {
            record = found->second;
        }
    }
    if (record.is_silent || (record.is_silent_for_v6 && type == kTypeAaaa)) {
        return;
    }
    std::string bytes = make_reply(question, end + 4, type, record, by_tcp);
    if (by_tcp) {
        std::string framed;
        append_16(framed, bytes.size());
        bytes.insert(0, framed);
    }
    replies_.push_back(
        {Clock::now() + std::chrono::milliseconds(record.delay_ms), fd, to, std::move(bytes)});
}

void DnsServer::send_due() {
    for (size_t i = 0; i < replies_.size();) {
        if (replies_[i].due > Clock::now()) {
            ++i;
            continue;
        }
        const Reply reply = std::move(replies_[i]);
        replies_.erase(replies_.begin() + static_cast<ptrdiff_t>(i));
        const bool by_udp = reply.fd == udp_;
        const ssize_t sent = sendto(reply.fd, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL,
                                    by_udp ? reinterpret_cast<const sockaddr*>(&reply.to) : nullptr,
                                    by_udp ? sizeof reply.to : 0);
        check(sent == static_cast<ssize_t>(reply.bytes.size()) || !by_udp, "send");
    }
}

}  // namespace sluice::test
