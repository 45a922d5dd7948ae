// Every way to cut an input in pieces that is worth trying: whole, byte by byte, each cut in two,
// and seeded random cuts. A parser must come to the same end with all of them.
//
// Each piece is a heap block of exactly its size, so that the address sanitizer sees a read that
// goes one byte too far.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"

namespace sluice::test {

class Pieces {
public:
    // `cuts` are offsets in ascending order; the same offset twice makes an empty piece.
    Pieces(std::string_view input, const std::vector<size_t>& cuts) {
        size_t from = 0;
        for (const size_t cut : cuts) {
            add(input.substr(from, cut - from));
            from = cut;
        }
        add(input.substr(from));
    }

    size_t size() const { return blocks_.size(); }
    std::string_view operator[](size_t i) const { return {blocks_[i].data(), blocks_[i].size()}; }
    // For a failure message: the sizes of the pieces.
    std::string describe() const {
        std::string text = "pieces of";
        for (const std::vector<char>& block : blocks_) {
            text += ' ';
            text += std::to_string(block.size());
        }
        return text;
    }

private:
    void add(std::string_view piece) { blocks_.emplace_back(piece.begin(), piece.end()); }

    std::vector<std::vector<char>> blocks_;
};

inline Pieces whole(std::string_view input) {
    return {input, {}};
}

inline Pieces byte_by_byte(std::string_view input) {
    std::vector<size_t> cuts;
    for (size_t i = 1; i < input.size(); ++i) {
        cuts.push_back(i);
    }
    return {input, cuts};
}

// Up to `cuts_max` cuts anywhere.
inline Pieces random_pieces(std::string_view input, uint32_t cuts_max, Prng& prng) {
    std::vector<size_t> cuts(prng.below(cuts_max + 1));
    for (size_t& cut : cuts) {
        cut = prng.below(static_cast<uint32_t>(input.size()) + 1);
    }
    std::ranges::sort(cuts);
    return {input, cuts};
}

// Calls visit(pieces) for each way. Long inputs are cut in two at a stride only, which keeps a
// table of cases quick; the random cuts fall anywhere.
template <class Visit>
void for_each_split(std::string_view input, Visit visit) {
    constexpr size_t kCutsInTwoMax = 512;
    constexpr int kRandomSplits = 20;
    constexpr uint32_t kRandomCutsMax = 8;
    visit(whole(input));
    visit(byte_by_byte(input));
    const size_t stride = std::max<size_t>(1, input.size() / kCutsInTwoMax);
    for (size_t cut = 0; cut <= input.size(); cut += stride) {
        visit(Pieces(input, {cut}));
    }
    Prng prng(input.size() + 1);
    for (int i = 0; i < kRandomSplits; ++i) {
        visit(random_pieces(input, kRandomCutsMax, prng));
    }
}

}  // namespace sluice::test
