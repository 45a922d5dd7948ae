// From a URL to base64, hop by hop; and the request that holds it.
#include "pipeline/fetch_remote.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/task.h"
#include "crypto/base64.h"
#include "http/url.h"
#include "http/web_url.h"
#include "json/unescape.h"
#include "net/proactor.h"
#include "pipeline/exchange.h"
#include "pipeline/fetch.h"
#include "pipeline/options.h"
#include "pipeline/remote_hosts.h"
#include "pipeline/route_table.h"
#include "pipeline/snapshot.h"
#include "pipeline/translated.h"
#include "providers/canonical.h"
#include "providers/remote_content.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "upstream/options.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using providers::PartType;

constexpr uint32_t kRedirectsMax = 3;
constexpr std::string_view kRefusedCode = "invalid_image_url";
// Of the URL in the message of a refusal.
constexpr size_t kShownUrlBytesMax = 256;
// Bytes of base64, and the bytes that they stand for.
constexpr uint64_t kQuadBytes = 4;
constexpr uint64_t kTripleBytes = 3;

Error not_taken(const char* why) {
    return {.kind = ErrorKind::invalid_field, .source = ErrorSource::client, .where = why};
}

bool is_redirect(uint16_t status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What a part of a request may turn out to be.
std::string_view wanted(PartType type) {
    switch (type) {
        case PartType::file:
            return "application/pdf";
        case PartType::audio:
            return "audio/*";
        case PartType::image:
        case PartType::text:
            break;
    }
    return "image/*";
}

// "Image/PNG; q=1" is "image/png"; empty when it is not what is wanted.
std::string media_type_of(std::string_view field, PartType type) {
    const std::string_view plain = trim_ows(field.substr(0, field.find(';')));
    std::string media_type(plain);
    std::ranges::transform(media_type, media_type.begin(), ascii_lower);
    std::string_view pattern = wanted(type);
    const bool is_group = pattern.ends_with('*');
    pattern.remove_suffix(is_group ? 1 : 0);
    const bool is_wanted = is_group ? media_type.starts_with(pattern) : media_type == pattern;
    const bool is_clean = std::ranges::all_of(
        std::string_view(media_type).substr(is_wanted ? pattern.size() : 0), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '+' ||
                   c == '-';
        });
    if (!is_wanted || !is_clean) {
        return {};
    }
    return media_type == "image/jpg" ? "image/jpeg" : media_type;
}

// As much of a URL as belongs into a message.
std::string_view shown(std::string_view url) {
    size_t bytes = std::min(url.size(), kShownUrlBytesMax);
    while (bytes < url.size() && (static_cast<unsigned char>(url[bytes]) & 0xC0U) == 0x80U) {
        --bytes;
    }
    return url.substr(0, bytes);
}

// The first part that asks for what parts[index] asks for.
size_t first_of_same_url(std::span<const providers::RemotePart> parts, size_t index) {
    size_t first = 0;
    while (parts[first].type != parts[index].type || parts[first].url.raw != parts[index].url.raw) {
        ++first;
    }
    return first;
}

// How long strangers' hosts are bothered, and how little is kept of them.
upstream::UpstreamOptions host_options(const std::string& origin, uint32_t timeout_ms) {
    upstream::UpstreamOptions options;
    options.name = "remote_content";
    options.base_url = origin;
    options.timeouts.connect_ms = timeout_ms;
    options.pool.connections_max = 1;
    options.pool.waiters_max = 0;
    options.pool.idle_connections_max = 0;
    return options;
}

}  // namespace

RemoteFetch::RemoteFetch(net::Proactor& proactor,
                         RemoteHosts& hosts,
                         const RemoteContentOptions& options,
                         upstream::Patience& exchange)
    : proactor_(proactor),
      hosts_(hosts),
      options_(options),
      exchange_(exchange),
      deadline_(proactor, exchange.signal()) {}

std::optional<Error> RemoteFetch::reason_to_stop() {
    if (const std::optional<Error> stop = exchange_.reason_to_stop()) {
        return stop;
    }
    if (deadline_.has_passed()) {
        return Error{.kind = ErrorKind::total_timeout,
                     .source = ErrorSource::upstream,
                     .where = "fetching took too long"};
    }
    return std::nullopt;
}

coro::Task<Result<RemoteFile>> RemoteFetch::run(PartType type,
                                                std::string_view url,
                                                uint64_t bytes_max) {
    deadline_.set(Duration::milliseconds(options_.timeout_ms));
    const providers::HeaderLine headers[] = {{"accept", wanted(type)}, {"user-agent", "sluice"}};
    FetchRequest how;
    how.headers = headers;
    how.reply_bytes_max =
        static_cast<uint32_t>(std::min<uint64_t>({bytes_max, options_.bytes_max}));
    how.timeout = Duration();  // The deadline is for all hops together.
    Result<FetchedReply> reply = co_await follow(url, how);
    deadline_.clear();
    if (!reply) {
        co_return fail(reply.error());
    }
    if (reply->status != 200) {
        Error error = not_taken("its host did not send it");
        error.kind = ErrorKind::upstream_status;
        error.status = reply->status;
        co_return fail(error);
    }
    RemoteFile file;
    file.media_type = media_type_of(reply->content_type, type);
    if (file.media_type.empty()) {
        co_return fail(not_taken("its content type is not one of those that are taken here"));
    }
    if (!reply->content_encoding.empty() &&
        !equals_ignoring_case(reply->content_encoding, "identity")) {
        co_return fail(not_taken("its host sends it compressed only"));
    }
    if (reply->body.empty()) {
        co_return fail(not_taken("it is empty"));
    }
    file.base64 = crypto::base64(reply->body);
    co_return file;
}

coro::Task<Result<FetchedReply>> RemoteFetch::follow(std::string_view text,
                                                     const FetchRequest& how) {
    std::optional<http::WebUrl> url = http::parse_web_url(text);
    for (uint32_t redirects = 0; url; ++redirects) {
        if (url->scheme != http::Scheme::https && !options_.allow_http) {
            co_return fail(not_taken("only https URLs are fetched"));
        }
        CO_TRY(FetchedReply reply, co_await get(*url, how));
        if (!is_redirect(reply.status)) {
            co_return reply;
        }
        if (redirects == kRedirectsMax) {
            co_return fail(not_taken("it is redirected too often"));
        }
        url = http::resolve_location(*url, reply.location);
    }
    co_return fail(not_taken("the URL, or one that it is redirected to, is not valid"));
}

coro::Task<Result<FetchedReply>> RemoteFetch::get(const http::WebUrl& url, FetchRequest request) {
    const auto reach =
        options_.allow_private_addresses ? upstream::Reach::any : upstream::Reach::public_only;
    const LocalPtr<upstream::Upstream> host =
        hosts_.open(host_options(url.origin, options_.timeout_ms), reach);
    if (!host) {
        co_return fail({.kind = ErrorKind::tls_verify,
                        .source = ErrorSource::upstream,
                        .where = "there are no authorities to trust"});
    }
    request.target = url.target;
    co_return co_await fetch(proactor_, *this, *host, request);
}

bool RemoteFetch::concerns_client(const Error& error) {
    switch (error.kind) {
        case ErrorKind::overloaded:
        case ErrorKind::out_of_fds:
        case ErrorKind::cancelled:
        case ErrorKind::shutting_down:
        case ErrorKind::internal:
            return false;
        default:
            return true;
    }
}

std::string RemoteFetch::reason(const Error& error) {
    switch (error.kind) {
        case ErrorKind::invalid_field:
            return error.where;
        case ErrorKind::upstream_status:
            return error.where + (" (status " + std::to_string(error.status) + ")");
        case ErrorKind::dns_failed:
            // One text for both, so that nobody learns which names exist inside.
            return "its host is unknown or has no public address";
        case ErrorKind::connect_timeout:
        case ErrorKind::first_byte_timeout:
        case ErrorKind::silence_timeout:
        case ErrorKind::total_timeout:
            return "it took too long";
        case ErrorKind::body_too_large:
            return "it is too large";
        case ErrorKind::tls_handshake:
        case ErrorKind::tls_verify:
            return "its host could not be verified";
        default:
            return "its host could not be reached, or broke off";
    }
}

// --- The exchange's part of it.

// Files count against the limit of the request's body, as if the client had put them there.
uint64_t Exchange::remote_bytes_max() const {
    const uint64_t own = route_->options->request_body_bytes_max;
    return own != 0 ? own : client_.options().request_body_bytes_max;
}

Error Exchange::refuse_remote(const providers::RemotePart& part,
                              std::string_view url,
                              std::string_view reason) {
    providers::Translation& translation = translated_->translation;
    const std::string message =
        "Error while downloading " + std::string(shown(url)) + ": " + std::string(reason) + ".";
    return translation
        .refuse(translation.path("messages[#].content[#]", part.message, part.part), message,
                kRefusedCode)
        .error();
}

// Why a file was not fetched, as far as that is the client's business.
Error Exchange::remote_failure(const providers::RemotePart& part,
                               std::string_view url,
                               const Error& error) {
    if (!RemoteFetch::concerns_client(error)) {
        return error;
    }
    SLUICE_LOG(debug, "pipeline", "a file that a request names was not fetched",
               {"request_id", record_.request_id}, {"error", error});
    return refuse_remote(part, url, RemoteFetch::reason(error));
}

coro::Task<Result<const providers::ChatRequest*>> Exchange::fetch_remote(
    const providers::ChatRequest& request,
    std::span<const providers::RemotePart> parts,
    std::vector<RemoteFile>& files) {
    Arena& arena = client_.request_arena();
    const std::span<providers::FetchedPart> fetched =
        arena.allocate_array<providers::FetchedPart>(parts.size());
    RemoteFetch remote(services_.proactor, services_.remote_hosts, snapshot_->remote_content,
                       *this);
    uint64_t base64_left = remote_bytes_max();
    files.reserve(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
        CO_TRY(const std::string_view url, json::unescape(parts[i].url.raw, arena));
        if (parts.size() > kRemotePartsMax) {
            co_return fail(refuse_remote(parts[i], url, "the request names too many files"));
        }
        // Conversations come with all that was said before.
        const size_t same = first_of_same_url(parts, i);
        if (same != i) {
            fetched[i] = fetched[same];
        } else {
            Result<RemoteFile> file =
                co_await remote.run(parts[i].type, url, base64_left / kQuadBytes * kTripleBytes);
            if (!file) {
                co_return fail(remote_failure(parts[i], url, file.error()));
            }
            files.push_back(std::move(*file));
            fetched[i] = {.media_type = files.back().media_type, .data = files.back().base64};
        }
        base64_left -= std::min<uint64_t>(base64_left, fetched[i].data.size());
    }
    co_return &providers::with_fetched(request, parts, fetched, arena);
}

}  // namespace sluice::pipeline
