// What holds for every message head, request or response: shared by the two fuzz targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "base/result.h"
#include "fuzz/require.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/limits.h"
#include "support/plain_http.h"
#include "support/read_http.h"
#include "support/splits.h"

namespace sluice::fuzz {

inline constexpr size_t kInputBytesMax = 4096;
// Reading byte by byte copies what came so far for each, so only for short inputs.
inline constexpr size_t kByteByByteMax = 200;

// Reads `input` whole, byte by byte and in random pieces, with the usual and with tight limits;
// returns the outcome under the usual ones.
template <class Read>
test::ReadMessage read_every_way(std::string_view input, Read read) {
    constexpr int kRandomSplits = 3;
    constexpr uint32_t kCutsMax = 6;
    const http::MessageLimits tight{.head_bytes_max = 120,
                                    .fields_max = 3,
                                    .field_bytes_max = 40,
                                    .request_line_bytes_max = 30,
                                    .trailer_bytes_max = 20,
                                    .chunk_extension_bytes_max = 10};
    Prng prng = prng_of(input);
    for (const http::MessageLimits& limits : {tight, http::MessageLimits()}) {
        const test::ReadMessage whole = read(test::whole(input), limits);
        if (input.size() <= kByteByByteMax) {
            require(read(test::byte_by_byte(input), limits) == whole, "bytes alone read the same");
        }
        for (int i = 0; i < kRandomSplits; ++i) {
            require(read(test::random_pieces(input, kCutsMax, prng), limits) == whole,
                    "every split reads the same");
        }
    }
    return read(test::whole(input), {});
}

// The plain reference knows no limits; below them it must agree.
template <class PlainRead>
void agree_with_reference(std::string_view input,
                          const test::ReadMessage& message,
                          PlainRead plain_read) {
    if (message.error == ErrorKind::head_too_large || message.error == ErrorKind::uri_too_long) {
        return;
    }
    const bool has_head =
        !message.start_line.empty() &&
        (message.error == ErrorKind::none || message.body_kind == http::BodyKind::chunked);
    const std::optional<test::PlainHead> reference = plain_read(std::string(input));
    require(has_head == reference.has_value(), "the reference takes what we take");
    if (reference) {
        require(message.fields == reference->fields, "the reference reads the same fields");
    }
}

// Fields that were read can be written, and are read again as they were.
inline void survive_writing(const test::ReadMessage& message) {
    if (message.end == test::ReadMessage::End::refused || message.start_line.empty()) {
        return;
    }
    std::vector<http::HeaderField> storage(message.fields.size());
    http::HeaderMap headers(storage);
    for (const auto& [name, value] : message.fields) {
        require(headers.add(name, value), "there is room for every field");
    }
    headers.remove_hop_by_hop();
    for (const http::HeaderId id :
         {http::HeaderId::connection, http::HeaderId::keep_alive, http::HeaderId::te,
          http::HeaderId::transfer_encoding, http::HeaderId::upgrade}) {
        require(headers.count(id) == 0 && !headers.has(id), "no hop-by-hop field is left");
    }
    headers.remove(http::HeaderId::content_length);
    Arena arena;
    http::HeadWriter writer(arena, 16);
    writer.status_line(200);
    writer.fields(headers);
    const Result<std::string_view> text = writer.finish();
    require(text.has_value(), "what was read can be written");
    const test::ReadMessage again = test::read_response(test::whole(*text));
    require(again.error == ErrorKind::none && again.fields.size() == headers.size(),
            "what was written is read again");
    for (size_t i = 0; i < headers.size(); ++i) {
        require(again.fields[i].first == headers[i].name, "names are the same");
        require(again.fields[i].second == headers[i].value, "values are the same");
    }
}

}  // namespace sluice::fuzz
