// An entry is a key and slots. Of the key, 48 bits are of the hash, 15 say when it was used last
// and one that the block is common; of a slot, 12 are the target and 20 the stamp. Words are
// reached through atomic_ref.
#include "balance/prefix_index.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <stdlib.h>
#include <string.h>

#include "balance/cache_model.h"
#include "base/assert.h"
#include "base/prefetch.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr unsigned kKeyShift = 16;
constexpr uint64_t kCommonBit = 1U << 15U;
constexpr uint64_t kTimeMask = kCommonBit - 1;
// Times that pass while as many entries are made as there are.
constexpr size_t kTimesPerTurn = 32;
// An entry lies within so many of where its hash says.
constexpr size_t kWindow = 8;
constexpr size_t kEntriesMin = 1'024;
// By which the size is guessed: text has about four bytes a token.
constexpr uint64_t kTokensPerBlock = 64;
// Blocks whose places are asked for ahead.
constexpr size_t kAhead = 16;
// Probes that one search may spend on making depths exact.
constexpr int kProbesMax = 32;

uint64_t load(const uint64_t& word) {
    return std::atomic_ref(const_cast<uint64_t&>(word)).load(kRelaxed);
}

uint32_t load(const uint32_t& word) {
    return std::atomic_ref(const_cast<uint32_t&>(word)).load(kRelaxed);
}

// Never 0, which is an empty place.
uint64_t key_of(uint64_t hash) {
    const uint64_t key = hash >> kKeyShift << kKeyShift;
    return key == 0 ? uint64_t{1} << kKeyShift : key;
}

bool is_same(uint64_t word, uint64_t key) {
    return word >> kKeyShift == key >> kKeyShift;
}

uint16_t id_in(uint32_t slot) {
    return static_cast<uint16_t>(slot >> CacheModel::kStampBits);
}

uint32_t stamp_in(uint32_t slot) {
    return slot & CacheModel::kStampMask;
}

}  // namespace

// --- Making one.

void PrefixIndex::Free::operator()(void* memory) const {
    free(memory);
}

// Entries of 32, 64 and 128 bytes.
size_t PrefixIndex::slots_for(size_t targets) {
    if (targets <= 6) {
        return 6;
    }
    return targets <= 14 ? 14 : kHitsMax;
}

size_t PrefixIndex::entries_for(const Size& size) {
    const size_t entry_bytes = sizeof(uint64_t) + slots_for(size.targets) * sizeof(uint32_t);
    const uint64_t affordable = std::bit_floor(std::max<uint64_t>(size.bytes_max / entry_bytes, 1));
    const uint64_t wanted = std::bit_ceil(size.cache_tokens / kTokensPerBlock * 2 + 1);
    return std::clamp<uint64_t>(wanted, kEntriesMin, std::max<uint64_t>(affordable, kEntriesMin));
}

PrefixIndex::PrefixIndex(const Size& size)
    : slots_(slots_for(size.targets)),
      entries_(entries_for(size)),
      ids_(std::clamp<size_t>(std::bit_ceil(size.targets * 2), 64, kIdsMax)),
      caches_(std::make_unique<CacheModel[]>(ids_)),
      claimed_(ids_, false) {
    // The last entries' windows go round, so nothing lies behind the end. All of it is written, so
    // that no choice has to wait for the kernel to find a page.
    const size_t bytes = entries_ * entry_bytes();
    memory_.reset(aligned_alloc(kCacheLineBytes, bytes));
    SLUICE_ASSERT(memory_ != nullptr);
    table_ = static_cast<char*>(memory_.get());
    memset(table_, 0, bytes);
}

bool PrefixIndex::fits(const Size& size) const {
    // Half of what would be best is good enough to keep.
    const size_t wanted = entries_for(size);
    return slots_ == slots_for(size.targets) && ids_ >= size.targets &&
           (entries_ == wanted || entries_ == wanted * 2 || entries_ * 2 == wanted);
}

void PrefixIndex::take_over(const PrefixIndex& other) {
    for (size_t id = 0; id < std::min(ids_, other.ids_); ++id) {
        claimed_[id] = other.claimed_[id];
        caches_[id].copy_from(other.caches_[id]);
    }
    for (size_t entry = 0; entry < other.entries_; ++entry) {
        const uint64_t key = load(other.key_at(entry));
        if (key == 0) {
            continue;
        }
        const std::span<uint32_t> to = slots_at(make_entry(key, 0));
        size_t filled = 0;
        for (const uint32_t& slot : other.slots_at(entry)) {
            const uint32_t value = load(slot);
            if (value != 0 && filled < to.size() && id_in(value) < ids_ && is_fresh(value)) {
                to[filled++] = value;
            }
        }
    }
}

uint16_t PrefixIndex::claim(uint64_t cache_tokens) {
    const auto free_one = std::ranges::find(claimed_, false);
    SLUICE_ASSERT(free_one != claimed_.end());
    *free_one = true;
    const auto id = static_cast<uint16_t>(free_one - claimed_.begin());
    caches_[id].clear();
    caches_[id].set_capacity(cache_tokens);
    return id;
}

void PrefixIndex::set_capacity(uint16_t id, uint64_t cache_tokens) {
    caches_[id].set_capacity(cache_tokens);
}

void PrefixIndex::release(uint16_t id) {
    caches_[id].clear();
    caches_[id].set_capacity(0);  // Nothing of what was learned of it is left.
    claimed_[id] = false;
}

// --- The table.

uint64_t& PrefixIndex::key_at(size_t entry) const {
    return *reinterpret_cast<uint64_t*>(table_ + entry * entry_bytes());
}

std::span<uint32_t> PrefixIndex::slots_at(size_t entry) const {
    char* first = table_ + entry * entry_bytes() + sizeof(uint64_t);
    return {reinterpret_cast<uint32_t*>(first), slots_};
}

bool PrefixIndex::is_fresh(uint32_t slot) const {
    return slot != 0 && caches_[id_in(slot)].span().has(stamp_in(slot));
}

uint32_t PrefixIndex::time_now() const {
    return static_cast<uint32_t>(made_.load(kRelaxed) * kTimesPerTurn / entries_ & kTimeMask);
}

std::optional<size_t> PrefixIndex::find_entry(uint64_t hash) const {
    const uint64_t key = key_of(hash);
    for (size_t i = 0; i < kWindow; ++i) {
        const size_t entry = ((key >> kKeyShift) + i) & (entries_ - 1);
        const uint64_t word = load(key_at(entry));
        if (is_same(word, key)) {
            return entry;
        }
        if (word == 0) {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

// A place is hardly ever in the cache of the processor: many are asked for before one is looked at.
void PrefixIndex::prefetch(uint64_t hash) const {
    const size_t entry = (hash >> kKeyShift) & (entries_ - 1);
    sluice::prefetch(table_ + entry * entry_bytes(), entry_bytes());
}

void PrefixIndex::touch(size_t entry, uint32_t now) {
    uint64_t word = load(key_at(entry));
    if ((word & kTimeMask) != now) {
        // Another block that comes to this place in between keeps its own time.
        std::atomic_ref(key_at(entry))
            .compare_exchange_strong(word, (word & ~kTimeMask) | now, kRelaxed);
    }
}

size_t PrefixIndex::make_entry(uint64_t hash, uint32_t now) {
    const uint64_t made = key_of(hash) | now;
    size_t oldest = 0;
    uint64_t oldest_age = 0;
    for (size_t i = 0; i < kWindow; ++i) {
        const size_t entry = ((made >> kKeyShift) + i) & (entries_ - 1);
        uint64_t word = load(key_at(entry));
        if (word == 0 &&
            std::atomic_ref(key_at(entry)).compare_exchange_strong(word, made, kRelaxed)) {
            return entry;
        }
        if (is_same(word, made)) {
            return entry;
        }
        const uint64_t age = (now - word) & kTimeMask;
        if (i == 0 || age > oldest_age) {
            oldest = entry;
            oldest_age = age;
        }
    }
    for (uint32_t& slot : slots_at(oldest)) {
        std::atomic_ref(slot).store(0, kRelaxed);
    }
    std::atomic_ref(key_at(oldest)).store(made, kRelaxed);
    return oldest;
}

// Where a further target goes: an empty place, one that is out of date, or the oldest; with the
// last, more have the block than there are places.
uint32_t* PrefixIndex::choose_slot(size_t entry) {
    uint32_t* oldest = nullptr;
    uint32_t oldest_age = 0;
    for (uint32_t& each : slots_at(entry)) {
        const uint32_t slot = load(each);
        if (!is_fresh(slot)) {
            std::atomic_ref(key_at(entry)).fetch_and(~kCommonBit, kRelaxed);
            return &each;
        }
        const uint32_t age = caches_[id_in(slot)].span().age(stamp_in(slot));
        if (oldest == nullptr || age > oldest_age) {
            oldest = &each;
            oldest_age = age;
        }
    }
    std::atomic_ref(key_at(entry)).fetch_or(kCommonBit, kRelaxed);
    return oldest;
}

void PrefixIndex::stamp(
    size_t entry, uint16_t id, const CacheModel::Span& span, int32_t tokens, CacheModel::Use& use) {
    const uint32_t wanted = uint32_t{id} << CacheModel::kStampBits | span.stamp();
    uint32_t* place = nullptr;
    for (uint32_t& each : slots_at(entry)) {
        const uint32_t slot = load(each);
        if (slot == wanted) {
            return;
        }
        if (slot != 0 && id_in(slot) == id) {
            place = &each;
            if (span.has(stamp_in(slot))) {
                use.moved_tokens[span.age(stamp_in(slot)) % use.moved_tokens.size()] += tokens;
                use.has_moved = true;
                tokens = 0;
            }
            break;
        }
    }
    if (place == nullptr) {
        place = choose_slot(entry);
    }
    use.fresh_tokens += tokens;
    std::atomic_ref(*place).store(wanted, kRelaxed);
}

void PrefixIndex::insert(uint16_t id, std::span<const uint64_t> blocks, uint32_t tokens) {
    if (blocks.empty()) {
        return;
    }
    const CacheModel::Span span = caches_[id].span();
    const auto each =
        static_cast<int32_t>(std::clamp<size_t>(tokens / blocks.size(), 1, CacheModel::kStampMask));
    CacheModel::Use use;
    const uint32_t now = time_now();
    uint64_t made = 0;
    for (size_t i = 0; i < blocks.size(); ++i) {
        if (i + kAhead < blocks.size()) {
            prefetch(blocks[i + kAhead]);
        }
        const uint64_t hash = blocks[i];
        std::optional<size_t> entry = find_entry(hash);
        if (entry) {
            touch(*entry, now);
        } else {
            entry = make_entry(hash, now);
            ++made;
        }
        stamp(*entry, id, span, each, use);
    }
    if (made > 0) {
        made_.fetch_add(made, kRelaxed);
    }
    caches_[id].use(span, use);
}

// --- Searching.

// What one block says: who has it.
struct PrefixIndex::Probe {
    std::array<uint16_t, kHitsMax> ids;
    size_t count = 0;
    bool is_common = false;

    bool is_hit() const { return count > 0 || is_common; }
    bool has(uint16_t id) const {
        return std::find(ids.begin(), ids.begin() + count, id) != ids.begin() + count;
    }
};

// How deep each target's hit is, between what was seen and what was seen not to be.
class PrefixIndex::Bounds {
public:
    explicit Bounds(std::span<Hit, kHitsMax> hits) : hits_(hits) {}

    void add(uint32_t at, const Probe& probe) {
        for (size_t i = 0; i < count_; ++i) {
            if (probe.has(hits_[i].id)) {
                hits_[i].blocks = std::max(hits_[i].blocks, at + 1);
            } else if (at >= hits_[i].blocks) {
                ends_[i] = std::min(ends_[i], at);
            }
        }
        for (size_t i = 0; i < probe.count; ++i) {
            const auto seen = hits_.first(count_);
            if (count_ < kHitsMax &&
                std::ranges::find(seen, probe.ids[i], &Hit::id) == seen.end()) {
                ends_[count_] = deepest_;
                hits_[count_++] = {.id = probe.ids[i], .blocks = at + 1};
            }
        }
        common_ = probe.is_common ? std::max(common_, at + 1) : common_;
    }

    // Nobody has anything from here on.
    void end_at(uint32_t deepest) {
        deepest_ = deepest;
        for (size_t i = 0; i < count_; ++i) {
            ends_[i] = std::min(ends_[i], deepest);
        }
    }

    // In the middle of what is known least, if that is worth a look.
    std::optional<uint32_t> next() const {
        uint32_t widest = deepest_ / 64;
        std::optional<uint32_t> middle;
        for (size_t i = 0; i < count_; ++i) {
            const uint32_t width = ends_[i] - std::min(ends_[i], hits_[i].blocks);
            if (width > widest) {
                widest = width;
                middle = hits_[i].blocks + width / 2;
            }
        }
        return middle;
    }

    Found found() const { return {.common_blocks = common_, .count = count_}; }

private:
    std::span<Hit, kHitsMax> hits_;
    std::array<uint32_t, kHitsMax> ends_;
    size_t count_ = 0;
    uint32_t deepest_ = UINT32_MAX;
    uint32_t common_ = 0;
};

PrefixIndex::Probe PrefixIndex::probe_at(uint64_t hash) const {
    Probe probe;
    const std::optional<size_t> entry = find_entry(hash);
    if (!entry) {
        return probe;
    }
    probe.is_common = (load(key_at(*entry)) & kCommonBit) != 0;
    for (const uint32_t& each : slots_at(*entry)) {
        const uint32_t slot = load(each);
        if (is_fresh(slot)) {
            probe.ids[probe.count++] = id_in(slot);
        }
    }
    return probe;
}

PrefixIndex::Found PrefixIndex::find(std::span<const uint64_t> blocks,
                                     std::span<Hit, kHitsMax> hits) const {
    Bounds bounds(hits);
    const auto look = [&](uint32_t at) {
        const Probe probe = probe_at(blocks[at]);
        bounds.add(at, probe);
        return probe.is_hit();
    };
    const auto count = static_cast<uint32_t>(blocks.size());
    for (uint32_t i = 0; i < std::min<uint32_t>(count, kAhead); ++i) {
        prefetch(blocks[i]);
    }
    if (count == 0 || !look(0)) {
        return {};
    }
    // The deepest block that anybody has: strides that double, then halving.
    uint32_t held = 1;
    uint32_t missing = count;
    for (uint32_t stride = 1; held < count; stride *= 2) {
        const uint32_t at = std::min(held + stride - 1, count - 1);
        if (!look(at)) {
            missing = at;
            break;
        }
        held = at + 1;
    }
    while (held < missing) {
        const uint32_t middle = held + (missing - held) / 2;
        if (look(middle)) {
            held = middle + 1;
        } else {
            missing = middle;
        }
    }
    bounds.end_at(held);
    for (int i = 0; i < kProbesMax; ++i) {
        const std::optional<uint32_t> at = bounds.next();
        if (!at) {
            break;
        }
        look(*at);
    }
    return bounds.found();
}

}  // namespace sluice::balance
