// Finding a file, and what stands in the head of its answer.
#include "server/dashboard.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/slice.h"
#include "crypto/digest.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "http/types.h"

namespace sluice::server {

namespace {

constexpr std::string_view kRoot = "/ui";
constexpr std::string_view kFolder = "/ui/";
constexpr std::string_view kIndex = "index.html";
constexpr std::string_view kAccess = "/ui/access.json";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr size_t kTagBytes = 12;  // Of the digest.

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

struct ContentType {
    std::string_view ending;
    std::string_view type;
};
constexpr ContentType kContentTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
};

std::string_view content_type_of(std::string_view name) {
    for (const ContentType& known : kContentTypes) {
        if (name.ends_with(known.ending)) {
            return known.type;
        }
    }
    return kPlain;
}

const EmbeddedFile* find_file(std::string_view path) {
    const std::string_view rest = path.substr(kFolder.size());
    const std::string_view name = rest.empty() ? kIndex : rest;
    for (const EmbeddedFile& file : dashboard_files()) {
        if (file.name == name) {
            return &file;
        }
    }
    return nullptr;
}

// A browser asks each time whether a file has changed, as a new program may have come meanwhile.
std::string tag_of(const EmbeddedFile& file) {
    const crypto::Sha256 digest = crypto::sha256(file.text);
    return '"' + crypto::hex(std::span(digest).first<kTagBytes>()) + '"';
}

// What is the same of every answer.
void common_fields(http::HeadWriter& writer) {
    writer.field("content-security-policy", kPolicy);
    writer.field("x-content-type-options", "nosniff");
    writer.field("referrer-policy", "no-referrer");
    writer.field("cross-origin-opener-policy", "same-origin");
    writer.field("cross-origin-resource-policy", "same-origin");
    writer.field("x-frame-options", "DENY");
}

void send(http::ServerExchange& exchange,
          http::HeadWriter& writer,
          uint16_t status,
          std::string_view text) {
    [[maybe_unused]] const Status sent = exchange.respond(writer, status, Slice::copy_of(text));
}

void answer_with_words(http::ServerExchange& exchange, uint16_t status, std::string_view words) {
    // Whatever body came with it is not read.
    exchange.close_after();
    http::HeadWriter writer = exchange.begin_response(status);
    writer.field(http::HeaderId::content_type, kPlain);
    writer.field(http::HeaderId::cache_control, "no-store");
    if (status == 405) {
        writer.field(http::HeaderId::allow, "GET, HEAD");
    }
    common_fields(writer);
    send(exchange, writer, status, words);
}

void answer_with_file(http::ServerExchange& exchange, const EmbeddedFile& file) {
    const std::string tag = tag_of(file);
    const bool is_known = exchange.head().headers.value(http::HeaderId::if_none_match).find(tag) !=
                          std::string_view::npos;
    const uint16_t status = is_known ? 304 : 200;
    http::HeadWriter writer = exchange.begin_response(status);
    writer.field(http::HeaderId::content_type, content_type_of(file.name));
    writer.field(http::HeaderId::cache_control, "no-cache");
    writer.field(http::HeaderId::etag, tag);
    common_fields(writer);
    send(exchange, writer, status, is_known ? std::string_view() : file.text);
}

}  // namespace

bool is_dashboard_path(std::string_view path) {
    return path == kRoot || path.starts_with(kFolder);
}

void answer_dashboard(http::ServerExchange& exchange, bool needs_token) {
    const http::RequestHead& head = exchange.head();
    if (head.method != http::Method::get && head.method != http::Method::head) {
        answer_with_words(exchange, 405, "expected GET or HEAD\n");
        return;
    }
    if (head.path == kRoot) {
        // Files name each other relatively, so that a proxy may put all of it elsewhere.
        http::HeadWriter writer = exchange.begin_response(308);
        writer.field(http::HeaderId::location, "ui/");
        writer.field(http::HeaderId::content_type, kPlain);
        common_fields(writer);
        send(exchange, writer, 308, "ui/\n");
        return;
    }
    if (head.path == kAccess) {
        http::HeadWriter writer = exchange.begin_response(200);
        writer.field(http::HeaderId::content_type, kJson);
        writer.field(http::HeaderId::cache_control, "no-store");
        common_fields(writer);
        send(exchange, writer, 200,
             needs_token ? R"({"needs_token":true})" : R"({"needs_token":false})");
        return;
    }
    const EmbeddedFile* const file = find_file(head.path);
    if (file == nullptr) {
        answer_with_words(exchange, 404, "there is no such file; the dashboard is at /ui/\n");
        return;
    }
    answer_with_file(exchange, *file);
}

}  // namespace sluice::server
