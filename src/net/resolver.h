// ResolverClient: names to addresses for one shard, from a cache that never blocks it.
//
// Literal addresses are answered at once, known names from the cache, others by a question to a
// NameSource, which is c-ares on the control shard (net/dns_resolver.h) or a script in simulations.
// A wait is an object: Resolution registers itself, raises the signal of whoever waits, and simply
// leaves the list when it dies. Old addresses serve on while nobody answers (RFC 8767).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/intrusive_list.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "net/address.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

struct ResolverOptions {
    // "127.0.0.1:5353,[::1]:53"; empty takes those of the system (resolv.conf).
    std::string servers = {};
    // What one server gets to answer in; the second try doubles it, which still ends in time.
    uint32_t try_timeout_ms = 600;
    uint32_t tries = 2;
    // How long an exchange waits for a name that nobody knows yet; then it fails with dns_failed.
    uint32_t answer_timeout_ms = 1'900;
    // With old addresses at hand the wait is this long; then those are used.
    uint32_t stale_wait_ms = 300;
    // Bounds of the time that an answer is taken for true. One second even for TTL 0, so that load
    // does not become a flood of questions; five minutes so that a change is seen.
    uint32_t ttl_s_min = 1;
    uint32_t ttl_s_max = 300;
    // After a failure the name is not asked for again so soon.
    uint32_t failure_ttl_ms = 2'000;
    // How long past its end an answer may still serve while the servers are silent.
    uint32_t stale_s_max = 86'400;
    // More addresses than anybody tries; the rest of a long answer is dropped.
    uint32_t addresses_max = 64;
    uint32_t names_max = 1'024;
    uint32_t waiters_max = 16'384;

    bool operator==(const ResolverOptions&) const = default;
};

class ResolverClient;

// What came back for a name.
struct NameAnswer {
    enum class Outcome : uint8_t {
        found,
        no_such_name,  // Said by a server: old addresses are void.
        failed,        // Nobody answered, or nothing usable: old addresses serve on.
    };
    Outcome outcome = Outcome::failed;
    std::vector<Address> addresses = {};  // Best first (RFC 6724); ports are not set.
    uint32_t ttl_s = 0;
};

// Where the questions of a shard go.
class NameSource {
public:
    virtual ~NameSource() = default;
    // Comes back by client.on_answer() on the client's shard, exactly once, at some time. `name` is
    // lower-case and no literal.
    virtual void ask(ResolverClient& client, std::string_view name) = 0;
    // The client wants its outstanding answers at once, whatever they are.
    virtual void hurry(ResolverClient& client) = 0;
};

// The addresses of one name: immutable, shared by everybody on the shard who uses them.
class AddressList : public LocallyCounted {
public:
    explicit AddressList(std::vector<Address> addresses) : addresses_(std::move(addresses)) {}

    size_t size() const { return addresses_.size(); }
    const Address& operator[](size_t index) const { return addresses_[index]; }
    bool operator==(const AddressList& other) const { return addresses_ == other.addresses_; }

private:
    const std::vector<Address> addresses_;
};

// One wait for one name: made where the addresses are needed, on the frame that awaits `signal`.
class Resolution : public ListNode {
public:
    // Asks at once; is_done() holds right away when the answer is known. `host` is a name or a
    // literal, with or without brackets. The client and the signal must outlive it.
    Resolution(ResolverClient& client, std::string_view host, uint16_t port, coro::Signal& signal);
    ~Resolution();

    // The signal is raised when this becomes true. Not const, so that nobody makes a const one: the
    // client changes it while it waits.
    bool is_done() { return addresses_ || error_; }
    // Once done: dns_failed or overloaded when there is no address.
    Status status() const;
    // In the order to try them, port included. Resolutions of one name begin at different addresses
    // of equal rank, so that connections spread.
    size_t size() const { return addresses_ ? addresses_->size() : 0; }
    Address at(size_t index) const;

private:
    friend class ResolverClient;
    void finish(const LocalPtr<AddressList>& addresses, uint32_t turn);
    void finish(const Error& error);

    ResolverClient& client_;
    coro::Signal& signal_;
    LocalPtr<AddressList> addresses_;
    std::optional<Error> error_;
    uint32_t turn_ = 0;
    uint16_t port_;
};

struct ResolverCounters {
    uint64_t hits = 0;
    uint64_t questions = 0;
    uint64_t failures = 0;
    uint64_t stale_answers = 0;
};

class ResolverClient {
public:
    // `source` may be null: then literals and "localhost" are all it knows.
    ResolverClient(Proactor& proactor, NameSource* source, const ResolverOptions& options);
    // Nobody may wait and no question may be out: see close().
    ~ResolverClient();
    ResolverClient(const ResolverClient&) = delete;
    ResolverClient& operator=(const ResolverClient&) = delete;

    // Ends every wait with shutting_down and calls outstanding questions back. Each question counts
    // as an object of the proactor, so the shard's own winding down waits for them.
    void close();
    uint32_t outstanding() const { return outstanding_; }

    // The source's way back, on this shard.
    void on_answer(std::string_view name, NameAnswer answer);

    const ResolverCounters& counters() const { return counters_; }

private:
    friend class Resolution;
    struct Entry;

    void resolve(Resolution& resolution, std::string_view host);
    void resolve_name(Resolution& resolution, std::string name);
    void wait(Entry& entry, Resolution& resolution);
    Entry* find_or_make(std::string name);
    bool evict_one();
    void ask(Entry& entry);
    void keep(Entry& entry, NameAnswer answer);
    void note_failure(Entry& entry);
    bool can_serve_stale(const Entry& entry) const;
    void give_addresses(Entry& entry, Resolution& resolution);
    void finish_all(Entry& entry);
    static void on_timer(Timer& timer);

    Proactor& proactor_;
    NameSource* source_;
    const ResolverOptions options_;
    std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
    uint32_t waiters_ = 0;
    uint32_t outstanding_ = 0;
    bool is_closed_ = false;
    ResolverCounters counters_;
};

}  // namespace sluice::net
