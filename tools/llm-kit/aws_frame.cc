// Bytes of frames, and words of errors.
#include "llm-kit/aws_frame.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "crypto/crc32.h"
#include "llm-kit/wire_form.h"

namespace sluice::llm_kit {

namespace {

// --- Frames: lengths, their checksum, headers, payload, checksum of all; big endian.

void append_number(std::string& frame, uint32_t number, uint32_t bytes) {
    for (uint32_t i = bytes; i-- > 0;) {
        frame += static_cast<char>(number >> (8 * i));
    }
}

void append_header(std::string& headers, std::string_view name, std::string_view value) {
    constexpr uint32_t kText = 7;
    append_number(headers, static_cast<uint32_t>(name.size()), 1);
    headers += name;
    append_number(headers, kText, 1);
    append_number(headers, static_cast<uint32_t>(value.size()), 2);
    headers += value;
}

}  // namespace

std::string aws_frame(std::string_view kind, std::string_view name, std::string_view payload) {
    std::string headers;
    append_header(headers, kind == "exception" ? ":exception-type" : ":event-type", name);
    append_header(headers, ":content-type", "application/json");
    append_header(headers, ":message-type", kind);
    constexpr size_t kAround = 16;
    std::string bytes;
    append_number(bytes, static_cast<uint32_t>(headers.size() + payload.size() + kAround), 4);
    append_number(bytes, static_cast<uint32_t>(headers.size()), 4);
    append_number(bytes, crypto::crc32(bytes), 4);
    bytes += headers;
    bytes += payload;
    append_number(bytes, crypto::crc32(bytes), 4);
    return bytes;
}

std::string_view aws_error_type(uint16_t status) {
    switch (status) {
        case 401:
        case 403:
            return "AccessDeniedException";
        case 404:
            return "ResourceNotFoundException";
        case 408:
            return "ModelTimeoutException";
        case 424:
            return "ModelErrorException";
        case 429:
            return "ThrottlingException";
        case 503:
            return "ServiceUnavailableException";
        default:
            return status < 500 ? "ValidationException" : "InternalServerException";
    }
}

std::string aws_error_body(uint16_t /*status*/, std::string_view message) {
    return fmt::format(R"({{"message":{}}})", quoted(message));
}

std::string aws_error_event() {
    return aws_frame("exception", "modelStreamErrorException", aws_error_body(0, kStopped));
}

}  // namespace sluice::llm_kit
