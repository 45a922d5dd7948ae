// A request out, everything up to the end in.
#include "server/admin_client.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <string.h>

#include "base/error.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/time.h"
#include "net/blocking_stream.h"
#include "net/endpoint.h"

namespace sluice::server {

namespace {

// Longer than a reload or a shard that does not answer takes.
constexpr Duration kPatience = Duration::seconds(30);
constexpr size_t kReplyBytesMax = size_t{16} * 1024 * 1024;
constexpr std::string_view kCutShort = "the answer was cut short";

std::string reason(const net::Endpoint& endpoint, const Error& error) {
    return fmt::format("{}: {}: {}", endpoint.to_string(), error.where,
                       std::error_code(error.os_errno, std::generic_category()).message());
}

// The value of a header field in a head of lines; nothing when it is not there.
std::optional<std::string_view> field_of(std::string_view head, std::string_view name) {
    while (!head.empty()) {
        const size_t end = std::min(head.find("\r\n"), head.size());
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(std::min(end + 2, head.size()));
        const size_t colon = line.find(':');
        if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
            return trim_ows(line.substr(colon + 1));
        }
    }
    return std::nullopt;
}

Result<std::string> send_and_read(const net::Endpoint& endpoint, std::string_view request) {
    TRY(const auto stream, net::BlockingStream::connect(endpoint, kPatience));
    TRY_VOID(stream->send(request));
    std::string reply;
    std::array<char, size_t{16} * 1024> piece;
    while (reply.size() < kReplyBytesMax) {
        TRY(const size_t got, stream->receive(piece));
        if (got == 0) {
            break;
        }
        reply.append(piece.data(), got);
    }
    return reply;
}

}  // namespace

std::expected<AdminReply, std::string> parse_admin_reply(std::string_view bytes) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    const size_t end = bytes.find("\r\n\r\n");
    if (!bytes.starts_with(kVersion) || end == std::string_view::npos) {
        return std::unexpected("what answered is no admin API");
    }
    const std::string_view head = bytes.substr(0, end);
    const auto status = parse_decimal(head.substr(kVersion.size(), 3));
    const auto length = parse_decimal(field_of(head, "content-length").value_or("0"));
    const std::string_view body = bytes.substr(end + 4);
    if (!status || !length || body.size() < *length) {
        return std::unexpected(std::string(kCutShort));
    }
    AdminReply reply;
    reply.status = static_cast<uint16_t>(*status);
    reply.body = body.substr(0, *length);
    return reply;
}

std::expected<AdminReply, std::string> ask_admin(const net::Endpoint& endpoint,
                                                 const Secret& token,
                                                 std::string_view method,
                                                 std::string_view path,
                                                 std::string_view body) {
    const std::string host = endpoint.is_unix() ? "localhost" : endpoint.address.to_string();
    std::string request =
        fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", method, path, host);
    if (!token.empty()) {
        request += "authorization: Bearer ";
        request += token.reveal();
        request += "\r\n";
    }
    request += fmt::format("content-length: {}\r\n\r\n{}", body.size(), body);
    const Result<std::string> reply = send_and_read(endpoint, request);
    ::explicit_bzero(request.data(), request.size());
    if (!reply) {
        return std::unexpected(reason(endpoint, reply.error()));
    }
    return parse_admin_reply(*reply);
}

}  // namespace sluice::server
