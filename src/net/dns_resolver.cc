// c-ares driven by the ring. Every call into c-ares may call back at once: open or close a socket,
// or end a query. The callbacks therefore only note what happened or post a message; nothing is
// freed under a caller's feet, and the next time-out is armed after each call.
#include "net/dns_resolver.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ares.h>
#include <poll.h>
#include <sys/time.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/mailbox.h"
#include "net/op.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/srv_reply.h"
#include "net/timer_wheel.h"

namespace sluice::net {

namespace {

// The hosts file first, then the servers, whatever nsswitch.conf says of other services.
constexpr const char* kLookups = "fb";

Error dns_error(const char* where) {
    return {.kind = ErrorKind::dns_failed, .source = ErrorSource::gateway, .where = where};
}

NameAnswer::Outcome outcome_of(int status) {
    switch (status) {
        case ARES_SUCCESS:
            return NameAnswer::Outcome::found;
        case ARES_ENOTFOUND:  // NXDOMAIN.
        case ARES_ENODATA:    // The name exists, but without an address.
        case ARES_EBADNAME:
            return NameAnswer::Outcome::no_such_name;
        default:
            return NameAnswer::Outcome::failed;
    }
}

NameAnswer answer_of(const ares_addrinfo& info, size_t addresses_max) {
    NameAnswer answer{.outcome = NameAnswer::Outcome::found};
    uint32_t ttl_s = UINT32_MAX;
    const auto at_most = [&ttl_s](int seconds) {
        ttl_s = std::min(ttl_s, static_cast<uint32_t>(std::max(seconds, 0)));
    };
    for (const ares_addrinfo_cname* alias = info.cnames; alias != nullptr; alias = alias->next) {
        at_most(alias->ttl);
    }
    for (const ares_addrinfo_node* node = info.nodes; node != nullptr; node = node->ai_next) {
        at_most(node->ai_ttl);
        const Address address(node->ai_addr, node->ai_addrlen);
        if (answer.addresses.size() < addresses_max &&
            std::ranges::find(answer.addresses, address) == answer.addresses.end()) {
            answer.addresses.push_back(address);
        }
    }
    answer.ttl_s = ttl_s;
    return answer;
}

}  // namespace

struct DnsResolver::Impl {
    struct Asker {
        Shard* shard;
        ResolverClient* client;
    };

    // One question to c-ares, for everybody who wants to know.
    struct Query {
        Impl& impl;
        const std::string name;
        std::vector<Asker> askers;
    };

    // A socket of c-ares. Lives until c-ares has closed it and the ring has let go of it.
    struct Watch : ListNode {
        Watch(Impl& resolver, ares_socket_t socket)
            : impl(resolver), fd(socket), op(&on_poll, this) {
            impl.proactor().object_made();
        }
        ~Watch() { impl.proactor().object_gone(); }

        Impl& impl;
        const ares_socket_t fd;
        uint32_t wanted = 0;  // Poll bits; none once c-ares has closed the socket.
        uint32_t polled = 0;
        bool is_in_handler = false;
        Op op;
    };

    class QuestionMessage;
    class AnswerMessage;
    class HurryMessage;

    Impl(Shard& control, const ResolverOptions& resolver_options)
        : shard(control), options(resolver_options), timer(&on_timer, this) {}

    Proactor& proactor() { return shard.proactor(); }
    Status open();
    void close();
    void start(const Asker& asker, std::string name);
    void hurry(const ResolverClient& client);
    void post(const Asker& asker, const std::string& name, NameAnswer answer);
    void arm_timer();
    void process(ares_socket_t readable, ares_socket_t writable);
    static void settle(Watch& watch);

    static void on_answer(void* query, int status, int timeouts, ares_addrinfo* info);
    static void on_socket(void* impl, ares_socket_t fd, int wants_read, int wants_write);
    static void on_poll(Op& op, int32_t result, uint32_t flags);
    static void on_timer(Timer& timer);

    Shard& shard;
    const ResolverOptions options;
    ares_channel channel = nullptr;  // Null before open() and after close().
    std::unordered_map<std::string, std::unique_ptr<Query>> queries;
    IntrusiveList<Watch> watches;  // Those that c-ares has open.
    Timer timer;
};

// --- Messages. ---------------------------------------------------------------------------------

class DnsResolver::Impl::QuestionMessage final : public Message {
public:
    QuestionMessage(Impl& impl, const Asker& asker, std::string_view name)
        : impl_(impl), asker_(asker), name_(name) {}
    void deliver() override { impl_.start(asker_, std::move(name_)); }

private:
    Impl& impl_;
    const Asker asker_;
    std::string name_;
};

class DnsResolver::Impl::AnswerMessage final : public Message {
public:
    AnswerMessage(ResolverClient& client, std::string_view name, NameAnswer answer)
        : client_(client), name_(name), answer_(std::move(answer)) {}
    void deliver() override { client_.on_answer(name_, std::move(answer_)); }

private:
    ResolverClient& client_;
    const std::string name_;
    NameAnswer answer_;
};

class DnsResolver::Impl::HurryMessage final : public Message {
public:
    HurryMessage(Impl& impl, const ResolverClient& client) : impl_(impl), client_(client) {}
    void deliver() override { impl_.hurry(client_); }

private:
    Impl& impl_;
    const ResolverClient& client_;  // Only compared: it may be gone.
};

// --- Queries. ----------------------------------------------------------------------------------

Status DnsResolver::Impl::open() {
    ares_options settings = {};
    settings.timeout = static_cast<int>(options.try_timeout_ms);
    settings.tries = static_cast<int>(options.tries);
    settings.sock_state_cb = &on_socket;
    settings.sock_state_cb_data = this;
    std::string lookups = kLookups;
    settings.lookups = lookups.data();
    constexpr int kSettings =
        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
#ifdef ARES_OPT_QUERY_CACHE  // c-ares 1.31: we have a cache, with bounds of its own.
    settings.qcache_max_ttl = 0;
    constexpr int kMask = kSettings | ARES_OPT_QUERY_CACHE;
#else
    constexpr int kMask = kSettings;
#endif
    if (ares_init_options(&channel, &settings, kMask) != ARES_SUCCESS) {
        channel = nullptr;
        return fail(dns_error("ares_init_options"));
    }
    if (!options.servers.empty() &&
        ares_set_servers_ports_csv(channel, options.servers.c_str()) != ARES_SUCCESS) {
        close();
        return fail(dns_error("list of name servers"));
    }
    return {};
}

void DnsResolver::Impl::close() {
    // Ends every query and closes every socket, by our callbacks.
    if (channel != nullptr) {
        ares_destroy(std::exchange(channel, nullptr));
    }
    timer.cancel();
    SLUICE_ASSERT(queries.empty() && watches.empty());
}

void DnsResolver::Impl::start(const Asker& asker, std::string name) {
    if (channel == nullptr) {
        post(asker, name, {});
        return;
    }
    auto& slot = queries[name];
    if (slot != nullptr) {
        slot->askers.push_back(asker);
        return;
    }
    slot = std::make_unique<Query>(Query{*this, std::move(name), {asker}});
    ares_addrinfo_hints hints = {};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    Query* const query = slot.get();  // May be gone when the call returns.
    ares_getaddrinfo(channel, query->name.c_str(), nullptr, &hints, &on_answer, query);
    arm_timer();
}

void DnsResolver::Impl::on_answer(void* context,
                                  int status,
                                  int /*timeouts*/,
                                  ares_addrinfo* info) {
    auto& query = *static_cast<Query*>(context);
    Impl& impl = query.impl;
    NameAnswer answer{.outcome = outcome_of(status)};
    if (info != nullptr) {
        if (status == ARES_SUCCESS) {
            answer = answer_of(*info, impl.options.addresses_max);
        }
        ares_freeaddrinfo(info);
    }
    const auto node = impl.queries.extract(query.name);
    for (const Asker& asker : query.askers) {
        impl.post(asker, query.name, answer);
    }
}

void DnsResolver::Impl::hurry(const ResolverClient& client) {
    for (auto& [name, query] : queries) {
        for (const Asker& asker : query->askers) {
            if (asker.client == &client) {
                post(asker, name, {});
            }
        }
        std::erase_if(query->askers, [&](const Asker& asker) { return asker.client == &client; });
    }
}

void DnsResolver::Impl::post(const Asker& asker, const std::string& name, NameAnswer answer) {
    asker.shard->mailbox().post(
        proactor().ring(), std::make_unique<AnswerMessage>(*asker.client, name, std::move(answer)));
}

// --- Sockets and time. -------------------------------------------------------------------------

void DnsResolver::Impl::process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel, readable, writable);
    arm_timer();
}

void DnsResolver::Impl::arm_timer() {
    timeval left = {};
    if (ares_timeout(channel, nullptr, &left) == nullptr) {
        timer.cancel();
        return;
    }
    const Duration after = Duration::seconds(left.tv_sec) + Duration::microseconds(left.tv_usec);
    proactor().timers().arm(timer, proactor().now() + after);
}

void DnsResolver::Impl::on_timer(Timer& timer) {
    timer.owner_as<Impl>().process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void DnsResolver::Impl::on_socket(void* context,
                                  ares_socket_t fd,
                                  int wants_read,
                                  int wants_write) {
    auto& impl = *static_cast<Impl*>(context);
    Watch* watch = impl.watches.front();
    while (watch != nullptr && watch->fd != fd) {
        watch = impl.watches.next(*watch);
    }
    const uint32_t wanted = (wants_read != 0 ? POLLIN : 0U) | (wants_write != 0 ? POLLOUT : 0U);
    if (watch == nullptr) {
        if (wanted == 0) {
            return;
        }
        watch = new Watch(impl, fd);  // Freed by settle().
        impl.watches.push_back(*watch);
    }
    watch->wanted = wanted;
    if (wanted == 0) {
        // c-ares closes it now; the number may come back for another socket.
        watch->unlink();
    }
    settle(*watch);
}

// Brings what the ring does for a socket in line with what c-ares wants.
void DnsResolver::Impl::settle(Watch& watch) {
    if (watch.is_in_handler) {
        return;
    }
    Ring& ring = watch.impl.proactor().ring();
    if (watch.op.pending > 0) {
        if ((watch.wanted & ~watch.polled) != 0 || watch.wanted == 0) {
            ring.cancel(watch.op);
        }
    } else if (watch.wanted != 0) {
        watch.polled = watch.wanted;
        ring.poll(watch.fd, watch.wanted, watch.op);
    } else {
        delete &watch;
    }
}

void DnsResolver::Impl::on_poll(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& watch = op.owner_as<Watch>();
    watch.is_in_handler = true;
    if (result > 0 && watch.wanted != 0) {
        // An error shows by reading or writing, whichever c-ares waits for.
        const auto events = static_cast<uint32_t>(result);
        const uint32_t ready = (events & (POLLERR | POLLHUP)) != 0 ? watch.polled : events;
        watch.impl.process((ready & POLLIN) != 0 ? watch.fd : ARES_SOCKET_BAD,
                           (ready & POLLOUT) != 0 ? watch.fd : ARES_SOCKET_BAD);
    }
    watch.is_in_handler = false;
    settle(watch);
}

// --- Lookups. ----------------------------------------------------------------------------------

struct NameLookup::Question {
    NameLookup* lookup;  // Null when nobody waits any more.

    static void give_back(void* context, const LookupAnswer& answer) {
        const std::unique_ptr<Question> question(static_cast<Question*>(context));
        if (question->lookup != nullptr) {
            question->lookup->finish(answer);
        }
    }

    static void on_addresses(void* context, int status, int /*timeouts*/, ares_addrinfo* info) {
        LookupAnswer answer{.outcome = outcome_of(status)};
        if (info != nullptr) {
            if (status == ARES_SUCCESS) {
                NameAnswer found = answer_of(*info, kAnswersMax);
                answer.addresses = std::move(found.addresses);
                answer.ttl_s = found.ttl_s;
            }
            ares_freeaddrinfo(info);
        }
        give_back(context, answer);
    }

    static void on_services(
        void* context, int status, int /*timeouts*/, unsigned char* bytes, int length) {
        LookupAnswer answer{.outcome = outcome_of(status)};
        if (status == ARES_SUCCESS) {
            const std::string_view message(reinterpret_cast<const char*>(bytes),
                                           static_cast<size_t>(length));
            std::optional<SrvReply> reply = parse_srv_reply(message, kAnswersMax);
            answer.outcome = reply ? answer.outcome : NameAnswer::Outcome::failed;
            if (reply) {
                answer.services = std::move(reply->records);
                answer.ttl_s = reply->ttl_s;
            }
        }
        give_back(context, answer);
    }
};

NameLookup::~NameLookup() {
    if (question_ != nullptr) {
        question_->lookup = nullptr;
    }
}

NameLookup::Question* NameLookup::make_question() {
    SLUICE_ASSERT(question_ == nullptr && resolver_.impl_->channel != nullptr);
    question_ = new Question{this};  // Freed when c-ares gives it back.
    return question_;
}

void NameLookup::finish(const LookupAnswer& answer) {
    question_ = nullptr;
    on_answer_(owner_, answer);
}

void NameLookup::ask_addresses(const std::string& name) {
    ares_addrinfo_hints hints = {};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    DnsResolver::Impl& impl = *resolver_.impl_;
    ares_getaddrinfo(impl.channel, name.c_str(), nullptr, &hints, &Question::on_addresses,
                     make_question());
    impl.arm_timer();
}

void NameLookup::ask_services(const std::string& name) {
    constexpr int kClassInternet = 1;
    constexpr int kTypeSrv = 33;
    DnsResolver::Impl& impl = *resolver_.impl_;
    ares_search(impl.channel, name.c_str(), kClassInternet, kTypeSrv, &Question::on_services,
                make_question());
    impl.arm_timer();
}

// --- The outside. ------------------------------------------------------------------------------

DnsResolver::DnsResolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DnsResolver::~DnsResolver() {
    SLUICE_ASSERT(impl_->channel == nullptr);
    ares_library_cleanup();
}

Result<std::unique_ptr<DnsResolver>> DnsResolver::create(Shard& control,
                                                         const ResolverOptions& options) {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return fail(dns_error("ares_library_init"));
    }
    auto impl = std::make_unique<Impl>(control, options);
    if (auto opened = impl->open(); !opened) {
        ares_library_cleanup();
        return fail(opened.error());
    }
    return std::unique_ptr<DnsResolver>(new DnsResolver(std::move(impl)));
}

void DnsResolver::shut_down() {
    impl_->close();
}

void ShardNameSource::ask(ResolverClient& client, std::string_view name) {
    DnsResolver::Impl& impl = *resolver_.impl_;
    impl.shard.mailbox().post(shard_.proactor().ring(),
                              std::make_unique<DnsResolver::Impl::QuestionMessage>(
                                  impl, DnsResolver::Impl::Asker{&shard_, &client}, name));
}

void ShardNameSource::hurry(ResolverClient& client) {
    DnsResolver::Impl& impl = *resolver_.impl_;
    impl.shard.mailbox().post(shard_.proactor().ring(),
                              std::make_unique<DnsResolver::Impl::HurryMessage>(impl, client));
}

}  // namespace sluice::net
