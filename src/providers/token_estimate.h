// How many tokens a prompt takes, roughly, without any model's tokenizer: for count_tokens in front
// of services that count none, and for limits before a reply has said the truth.
//
// Characters are weighed by the class of their script, as the tokenizers of today's large models
// split such text: about four letters of English to a token, about one Chinese character.
//
//     class of character                           tokens each
//     ASCII: letters, digits, marks, white space   1/4; runs of blanks count as one character
//     ASCII marks ({ } ; and the like)             1/2
//     two bytes (Latin accents, Greek, Cyrillic,
//     Hebrew, Arabic)                              1/2
//     three bytes (Chinese, Japanese, Korean,
//     Indian scripts)                              1
//     four bytes (emoji and rare scripts)          2
//
// To that come 4 tokens for a message, 8 for a call or result of a tool, 12 for a tool, 1,600 for
// an image, and 1,500 for a document or a piece of audio for each 64 KiB of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"

namespace sluice::providers {

uint64_t estimate_prompt_tokens(const ChatRequest& request);
// Of a text alone; it may be escaped.
uint64_t estimate_text_tokens(std::string_view text);

// Anthropic's reply to count_tokens.
void encode_token_count(uint64_t tokens, json::TextOutput& to);

}  // namespace sluice::providers
