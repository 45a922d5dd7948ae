// Small random changes to a text, for tests that look for disagreement near well-formed input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/prng.h"

namespace sluice::test {

// Applies one change: a byte replaced, taken out or doubled, a word put in or over, two places
// swapped, or a stretch repeated. `words` is what the grammar under test is sensitive to.
inline void mutate(std::string& text, std::span<const std::string_view> words, Prng& prng) {
    const auto place = [&] { return prng.below(static_cast<uint32_t>(text.size()) + 1); };
    const std::string_view word = words[prng.below(static_cast<uint32_t>(words.size()))];
    const size_t at = place();
    if (text.empty() || at == text.size()) {
        text.append(word);
        return;
    }
    switch (prng.below(7)) {
        case 0:
            text[at] = static_cast<char>(prng.below(256));
            return;
        case 1:
            text.erase(at, 1 + prng.below(4));
            return;
        case 2:
            text.insert(at, 1, text[at]);
            return;
        case 3:
            text.insert(at, word);
            return;
        case 4:
            text.replace(at, word.size(), word);
            return;
        case 5: {
            const size_t other = prng.below(static_cast<uint32_t>(text.size()));
            std::swap(text[at], text[other]);
            return;
        }
        default: {
            const std::string stretch = text.substr(at, 1 + prng.below(40));
            text.insert(place(), stretch);
            return;
        }
    }
}

}  // namespace sluice::test
