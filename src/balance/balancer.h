// Balancer: one way to choose among targets that may be used; see docs/BALANCING.md.
//
// Without state: what a strategy needs to remember lies in the pool, so that one object serves all
// pools and shards, and a request may ask for another strategy than its pool's. A new one is a file
// in balancers/ and a line in balancer_table.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "balance/options.h"
#include "balance/target.h"
#include "base/prng.h"
#include "base/time.h"

namespace sluice::balance {

class Pool;
struct Ask;

// Without initial values: sixty-four of them are made for each choice.
struct Candidate {
    const Target* target;
    uint16_t index;          // Of the target in its pool.
    bool is_probe;           // An open breaker would let this one request pass.
    uint32_t cached_tokens;  // Of the prompt, as far as we know.
    int32_t requests;        // That it had when the choice was begun; see goes_by_load().
};

// Those that may be chosen. Of larger pools not all are looked at: the ones that a strategy names
// and some that are drawn.
class Candidates {
public:
    static constexpr size_t kMax = 64;

    size_t size() const { return size_; }
    bool is_full() const { return size_ == kMax; }
    void add(const Candidate& candidate) { items_[size_++] = candidate; }
    bool has(uint16_t index) const;
    void remove(size_t at) { items_[at] = items_[--size_]; }
    void keep(size_t size) { size_ = size; }
    std::span<Candidate> items() { return {items_.data(), size_}; }
    std::span<const Candidate> items() const { return {items_.data(), size_}; }

private:
    std::array<Candidate, kMax> items_;
    size_t size_ = 0;
};

// One choice.
struct Round {
    const Pool& pool;
    const Ask& ask;
    Instant now;
    Prng& prng;
    std::span<const Candidate> candidates;  // At least two.
};

class Balancer {
public:
    // Position of one of the candidates.
    virtual size_t choose(const Round& round) const = 0;
    // Of a pool too large to look at all of it: some that should be looked at, whether they may be
    // used or not; returns how many.
    virtual size_t nominate(const Round& round, std::span<uint16_t> nominees) const;
    // Whether it evens out what is in flight, so that two shards which choose at the same moment
    // must not both take the same target for the least loaded one.
    virtual bool goes_by_load() const { return false; }
    // Whether it looks at Ask::blocks, with a pool of these options.
    virtual bool wants_blocks(const PoolOptions& options) const;

protected:
    ~Balancer() = default;
};

const Balancer& find_balancer(Strategy strategy);
std::string_view name_of(Strategy strategy);
std::optional<Strategy> strategy_named(std::string_view name);

// What each of a round's candidates costs, by its position.
class Costs {
public:
    template <typename F>
    Costs(const Round& round, const F& cost_at) : size_(round.candidates.size()) {
        for (size_t i = 0; i < size_; ++i) {
            items_[i] = cost_at(i);
        }
    }
    float operator[](size_t at) const { return items_[at]; }

    // The position of the least; equal ones are drawn from by weight, never by position. A cost
    // within `band` of the least is equal to it.
    size_t least(const Round& round, float band) const;

private:
    float lowest() const;

    std::array<float, Candidates::kMax> items_;
    size_t size_;
};

// One of them, each with a probability by its weight.
size_t draw_by_weight(const Round& round);

}  // namespace sluice::balance
