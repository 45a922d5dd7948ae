// SimulatedNames: the name source of one shard in a simulated world. Answers late, or not at all.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "sim/world.h"

namespace sluice::sim {

// What is known in the world, and how well it is told.
struct NameTable {
    struct Name {
        std::string name;
        std::vector<net::Address> addresses;
    };
    std::vector<Name> names;
    Duration delay_max;
    double fails = 0;

    const Name* find(std::string_view name) const;
};

class SimulatedNames final : public net::NameSource {
public:
    SimulatedNames(World& world, net::Shard& shard, const NameTable& table)
        : world_(world), shard_(shard), table_(table) {}

    void ask(net::ResolverClient& client, std::string_view name) override;
    void hurry(net::ResolverClient& client) override;

private:
    struct Question {
        net::ResolverClient* client;
        std::string name;
        bool answered = false;
    };
    void answer(Question& question);

    World& world_;
    net::Shard& shard_;
    const NameTable& table_;
    // Shared with the events that will answer them.
    std::vector<std::shared_ptr<Question>> questions_;
};

}  // namespace sluice::sim
