// The chunked transfer coding (RFC 9112 section 7.1): an incremental decoder and chunk headers out.
//
// The decoder says where the body bytes lie in the input it was given and copies none. Extensions
// and trailers are checked, bounded and dropped; only CRLF ends a line and a size is hexadecimal
// digits alone. One decoder per body, in the frame of its reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "http/limits.h"

namespace sluice::http {

// Framing bytes (sizes, line ends, extensions) may reach this or the count of body bytes, whichever
// is more: a stream of short events passes, a long body of little but framing does not.
inline constexpr uint64_t kChunkOverheadBytesMax = uint64_t{100} * 1024;

// What one call of `ChunkedDecoder::next` took from the front of its input.
struct ChunkedPiece {
    uint32_t consumed = 0;     // Framing before the data, the data, framing right after it.
    uint32_t data_offset = 0;  // Where the body bytes begin within the input.
    uint32_t data_length = 0;  // 0 when the input held framing only.

    // Bytes of the input directly before and after the data that carry nothing any more: a relay
    // may write its own framing there. No two pieces share such bytes.
    uint32_t headroom() const { return data_offset; }
    uint32_t tailroom() const { return consumed - data_offset - data_length; }
};

class ChunkedDecoder {
public:
    // `source` is the peer that sends the body and goes into errors.
    ChunkedDecoder(const MessageLimits& limits, ErrorSource source)
        : extension_bytes_max_(limits.chunk_extension_bytes_max),
          trailer_bytes_max_(limits.trailer_bytes_max),
          source_(source) {}

    // Takes the next run of body bytes with the framing around it. Call it again with the rest of
    // the input until that is empty or `at_end`; after the end it takes nothing. Inputs are below
    // 4 GiB. After an error the body is lost and the connection must be closed.
    Result<ChunkedPiece> next(std::string_view input);

    bool at_end() const { return state_ == State::end; }
    // Inside the data of a chunk; then `chunk_rest` bytes of it have yet to come.
    bool in_data() const { return state_ == State::data; }
    uint64_t chunk_rest() const { return in_data() ? size_ : 0; }
    uint64_t body_bytes() const { return body_bytes_; }
    uint64_t overhead_bytes() const { return overhead_bytes_; }

private:
    // Each state names what the next byte belongs to.
    enum class State : uint8_t {
        size_first,
        size,
        extension_name_first,
        extension_name,
        extension_value_first,
        extension_value,
        extension_quoted,
        extension_quoted_pair,
        extension_quoted_end,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_first,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        end,
    };

    // All three return how many bytes they took.
    Result<uint32_t> read_framing(std::string_view input);
    uint32_t take_plain_size_line(std::string_view input);
    uint32_t take_data_end(std::string_view input);
    uint64_t overhead_bytes_max() const;
    const char* step(char c);
    const char* step_size(char c);
    const char* step_extension(char c);
    const char* step_trailer(char c);
    const char* begin_extension();
    const char* count_extension_byte();
    Error error(const char* where) const;

    uint32_t extension_bytes_max_;
    uint32_t trailer_bytes_max_;
    ErrorSource source_;
    State state_ = State::size_first;
    uint8_t size_digits_ = 0;
    uint64_t size_ = 0;  // Of the chunk while its line is read, then what is left of its data.
    uint64_t body_bytes_ = 0;
    uint64_t overhead_bytes_ = 0;
    uint32_t extension_bytes_ = 0;
    uint32_t trailer_bytes_ = 0;
};

// 16 hexadecimal digits and CRLF.
inline constexpr size_t kChunkHeaderBytesMax = 18;
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Writes the line that opens a chunk of `size` bytes, which is not 0; returns how many characters.
size_t write_chunk_header(uint64_t size, char* to);
// How many characters `write_chunk_header` needs.
size_t chunk_header_bytes(uint64_t size);

}  // namespace sluice::http
