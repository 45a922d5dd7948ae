// What must hold: every client gets back exactly a beginning of what it sent; all of it, unless the
// network or the client itself ended the connection; everything ends in bounded virtual time; and
// in the end no descriptor, operation or block is left.
#include "sim/echo_run.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "net/address.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "sim/actors.h"
#include "sim/echo_service.h"
#include "sim/profile.h"
#include "sim/run_result.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

// Longer than any timer of net/ and any script below, even when a byte takes a tenth of a second.
constexpr Duration kClientsTimeMax = Duration::seconds(3600);
constexpr Duration kWindDownTimeMax = Duration::seconds(120);
// When the wire carries single bytes, that many of them make an event each.
constexpr uint32_t kBytesMostWhenSlow = 2000;
constexpr uint32_t kBytesMost = 200'000;

class EchoRun {
public:
    EchoRun(uint64_t seed, EchoBug bug) : world_(seed), bug_(bug) {
        Prng& prng = world_.prng();
        world_.profile() = Profile::drawn(prng, prng.chance(0.5));
    }
    ~EchoRun() {
        services_.clear();
        while (!shards_.empty()) {
            shards_.pop_back();  // Last in, first out: their frame pools nest.
        }
    }
    EchoRun(const EchoRun&) = delete;
    EchoRun& operator=(const EchoRun&) = delete;

    RunResult run();
    bool is_at_rest() const { return at_rest_; }
    // Lets another world begin although this one is not to be destroyed.
    void leave_world() { world_.leave(); }

private:
    net::ProactorOptions drawn_proactor_options();
    net::SocketOptions drawn_socket_options();
    ClientScript drawn_script();
    void make_shards();
    void start_clients();
    void wind_down();
    void check(Client& client, size_t number);
    void complain(const std::string& text) { result_.complaints.push_back(text); }

    World world_;
    const EchoBug bug_;
    RunResult result_;
    bool at_rest_ = false;
    net::Address address_;
    std::vector<std::unique_ptr<net::Shard>> shards_;
    std::vector<std::unique_ptr<EchoService>> services_;
    std::vector<std::unique_ptr<Client>> clients_;
};

net::ProactorOptions EchoRun::drawn_proactor_options() {
    Prng& prng = world_.prng();
    net::ProactorOptions options;
    options.ring.submission_entries = 4U << prng.below(6);
    options.ring.completion_entries = options.ring.submission_entries << prng.below(5);
    options.buffers.block_bytes = 64U << prng.below(9);
    options.buffers.blocks_max = 4U << prng.below(8);
    options.buffers.window_blocks = std::min(options.buffers.blocks_max, 1U << prng.below(6));
    options.batch_streams_min = prng.below(4);
    options.batch_window_us = prng.below(2) * 150;
    return options;
}

net::SocketOptions EchoRun::drawn_socket_options() {
    Prng& prng = world_.prng();
    net::SocketOptions options;
    options.queue_low_bytes = 64U << prng.below(10);
    options.queue_high_bytes = options.queue_low_bytes * 2;
    return options;
}

void EchoRun::make_shards() {
    const uint32_t count = 1 + world_.prng().below(3);
    const bool hands_over = count > 1 && world_.prng().chance(0.5);
    net::ProactorOptions options = drawn_proactor_options();
    if (world_.prng().chance(0.5)) {
        // A connection that is handed to a ring without room is lost, and a silent one keeps its
        // place for ever; in both cases there has to be room for all.
        const bool needs_room = hands_over || world_.profile().connection_silent > 0;
        options.ring.own_descriptors_max = needs_room ? 1000 : 2 + world_.prng().below(40);
    }
    const net::SocketOptions sockets = drawn_socket_options();
    address_ = net::Address::loopback(3000);
    for (uint32_t i = 0; i < count; ++i) {
        shards_.push_back(net::Shard::create(i, options, world_.prng().next()).value());
        world_.add_shard(shards_.back()->proactor());
        services_.push_back(std::make_unique<EchoService>(*shards_.back(), sockets, bug_));
        services_.back()->start(address_).value();
    }
    if (hands_over) {
        for (uint32_t i = 0; i < count; ++i) {
            services_[i]->hand_over_to(*services_[(i + 1) % count], 1 + world_.prng().below(3));
        }
    }
}

ClientScript EchoRun::drawn_script() {
    Prng& prng = world_.prng();
    const Profile& profile = world_.profile();
    const bool is_slow = std::min({profile.segment_bytes_max, profile.receive_queue_bytes,
                                   profile.send_queue_bytes}) < 4096;
    ClientScript script;
    script.to = address_;
    uint32_t left = 1 + prng.below(prng.chance(0.5) ? 300
                                   : is_slow        ? kBytesMostWhenSlow
                                                    : kBytesMost);
    const uint64_t total = left;
    while (left > 0) {
        const uint32_t size = 1 + prng.below(left);
        std::string bytes(size, '\0');
        std::ranges::generate(bytes, [&] { return static_cast<char>('a' + prng.below(26)); });
        const Duration pause =
            prng.chance(0.3) ? world_.drawn_up_to(Duration::seconds(2)) : Duration();
        script.parts.push_back({std::move(bytes), pause});
        left -= size;
    }
    script.half_closes = prng.chance(0.5);
    if (!script.half_closes) {
        script.is_satisfied = [total](std::string_view received) {
            return received.size() >= total;
        };
    }
    if (prng.chance(0.2)) {
        script.read_bytes_max = 1 + prng.below(is_slow ? 100 : 20'000);
        script.read_pause = world_.drawn_up_to(Duration::milliseconds(30));
    }
    if (prng.chance(0.1)) {
        script.leaves_at_sent_bytes = prng.below(static_cast<uint32_t>(total));
    }
    if (prng.chance(0.1)) {
        script.leaves_at_received_bytes = 1 + prng.below(static_cast<uint32_t>(total));
    }
    if (prng.chance(0.1)) {
        script.leaves_after = world_.drawn_up_to(Duration::seconds(2));
    }
    script.leaves_with_reset = prng.chance(0.5);
    return script;
}

void EchoRun::start_clients() {
    const uint32_t count = 1 + world_.prng().below(20);
    for (uint32_t i = 0; i < count; ++i) {
        world_.after(world_.drawn_up_to(Duration::seconds(1)), [this] {
            clients_.push_back(std::make_unique<Client>(world_, drawn_script()));
        });
    }
    const auto is_over = [](const auto& client) {
        return client->is_done() || client->was_faulted();
    };
    const bool done = world_.run_until(
        [&] { return clients_.size() == count && std::ranges::all_of(clients_, is_over); },
        kClientsTimeMax);
    if (!done) {
        complain("clients are not done after " + std::to_string(kClientsTimeMax.ms()) + " ms");
    }
}

void EchoRun::check(Client& client, size_t number) {
    std::string sent;
    for (const TimedBytes& part : client.script().parts) {
        sent += part.bytes;
    }
    const std::string who = "client " + std::to_string(number);
    if (!std::string_view(sent).starts_with(client.received())) {
        complain(who + " received what it had not sent");
    }
    result_.bytes += client.received().size();
    if (client.was_faulted() || client.has_left()) {
        return;
    }
    if (client.received().size() != sent.size()) {
        complain(who + " received " + std::to_string(client.received().size()) + " of " +
                 std::to_string(sent.size()) + " bytes, error " + std::to_string(client.error()) +
                 "; near: " + client.socket().describe());
        if (const Socket* far = client.socket().other; far != nullptr) {
            complain("  far: " + far->describe());
        }
    }
}

void EchoRun::wind_down() {
    for (const auto& service : services_) {
        service->stop();
    }
    const bool idle = world_.run_until(
        [&] {
            return std::ranges::all_of(services_,
                                       [](const auto& each) { return each->is_idle(); }) &&
                   std::ranges::all_of(
                       shards_, [](const auto& each) { return each->proactor().objects() == 0; });
        },
        kWindDownTimeMax);
    at_rest_ = idle;
    if (!idle) {
        complain("the service does not come to rest");
    }
    // What was prepared in the last turn is handed over by the next one.
    world_.run_for(Duration::seconds(3));
}

RunResult EchoRun::run() {
    result_.profile = world_.profile().to_string();
    make_shards();
    start_clients();
    for (size_t i = 0; i < clients_.size(); ++i) {
        check(*clients_[i], i);
    }
    clients_.clear();
    wind_down();
    result_.faults = world_.network().counters().faults;
    world_.check_end();
    for (const std::string& text : world_.violations()) {
        complain(text);
    }
    return result_;
}

}  // namespace

RunResult run_echo(uint64_t seed, EchoBug bug) {
    // What does not come to rest would fail the assertions of its destructors: it is kept
    // for ever, and so is the list.
    static auto& restless = *new std::vector<std::unique_ptr<EchoRun>>;
    auto run = std::make_unique<EchoRun>(seed, bug);
    const RunResult result = run->run();
    if (!run->is_at_rest()) {
        run->leave_world();
        restless.push_back(std::move(run));
    }
    return result;
}

}  // namespace sluice::sim
