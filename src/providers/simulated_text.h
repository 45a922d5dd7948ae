// Words, ids and small JSON pieces of the simulated LLM. Everything is a function of a seed, so
// that no text is kept: a token can be made again at any time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::providers {

// Spreads the bits of a number (SplitMix64).
uint64_t mix(uint64_t value);
// Of two numbers, in their order.
uint64_t mix(uint64_t a, uint64_t b);

// A token of an answer: a word, from the second one on with a blank before it. Static text.
std::string_view word_of(uint64_t seed, uint32_t token);
// Prefix and 24 letters and digits.
std::string make_id(std::string_view prefix, uint64_t seed);

void append_number(std::string& out, int64_t value);
// With its quotes.
void append_json_string(std::string& out, std::string_view text);

// The end of the piece of `text` that begins at `begin` and has about `bytes` bytes: never inside a
// UTF-8 sequence.
size_t piece_end(std::string_view text, size_t begin, size_t bytes);

}  // namespace sluice::providers
