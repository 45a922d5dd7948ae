// Which URLs go to whom, and a request with bytes instead.
#include "providers/remote_content.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/assert.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

// Some languages write slashes as "\/" in JSON.
bool is_web_url(Text url, Arena& arena) {
    const std::string_view plain = json::unescape(url.raw, arena).value_or("");
    return plain.starts_with("https://") || plain.starts_with("http://");
}

// Google's own stores, which only Google can read.
bool is_google_file(std::string_view url) {
    return url.starts_with("gs://") ||
           url.starts_with("https://generativelanguage.googleapis.com/") ||
           url.starts_with("https://www.youtube.com/") || url.starts_with("https://youtu.be/");
}

template <class T>
std::span<T> copy_of(std::span<const T> items, Arena& arena) {
    const std::span<T> copy = arena.allocate_array<T>(items.size());
    std::ranges::copy(items, copy.begin());
    return copy;
}

}  // namespace

std::string_view media_type_of_url(std::string_view url) {
    static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
        {"gif", "image/gif"},   {"heic", "image/heic"}, {"jpeg", "image/jpeg"},
        {"jpg", "image/jpeg"},  {"mp3", "audio/mp3"},   {"mp4", "video/mp4"},
        {"png", "image/png"},   {"wav", "audio/wav"},   {"pdf", "application/pdf"},
        {"webp", "image/webp"},
    };
    const std::string_view path = url.substr(0, url.find_first_of("?#"));
    const size_t dot = path.find_last_of("./");
    if (dot == path.npos || path[dot] == '/') {
        return {};
    }
    const std::string_view extension = path.substr(dot + 1);
    const auto* const found = std::ranges::find_if(
        kTypes, [&](const auto& type) { return equals_ignoring_case(type.first, extension); });
    return found == std::end(kTypes) ? std::string_view() : found->second;
}

bool takes_url(const Target& target, const Part& part) {
    const std::string_view url = part.url.raw;
    if (target.vendor->dialect != Dialect::generate_content) {
        return !url.empty() && target.capabilities().image_urls;
    }
    if (is_google_file(url)) {
        return true;
    }
    // Gemini wants to be told what it will find there.
    return !url.empty() && target.capabilities().image_urls &&
           (!part.media_type.empty() || !media_type_of_url(url).empty());
}

bool takes_every_url(const Vendor& vendor) {
    return vendor.dialect != Dialect::generate_content && vendor.capabilities.image_urls;
}

std::span<const RemotePart> remote_parts(const ChatRequest& request,
                                         const Target& target,
                                         Arena& arena) {
    ArenaList<RemotePart> found(arena);
    for (size_t message = 0; message < request.messages.size(); ++message) {
        const std::span<const Part> parts = request.messages[message].parts;
        for (size_t i = 0; i < parts.size(); ++i) {
            // What cannot see is sent the address as it is, and refuses it.
            const bool is_wanted = parts[i].type != PartType::image || target.capabilities().vision;
            if (is_wanted && is_web_url(parts[i].url, arena) && !takes_url(target, parts[i])) {
                found.push_back({.message = static_cast<uint32_t>(message),
                                 .part = static_cast<uint32_t>(i),
                                 .type = parts[i].type,
                                 .url = parts[i].url});
            }
        }
    }
    return found.view();
}

const ChatRequest& with_fetched(const ChatRequest& request,
                                std::span<const RemotePart> remote,
                                std::span<const FetchedPart> fetched,
                                Arena& arena) {
    SLUICE_ASSERT(remote.size() == fetched.size());
    const std::span<Message> messages = copy_of(request.messages, arena);
    std::span<Part> parts;
    for (size_t i = 0; i < remote.size(); ++i) {
        Message& message = messages[remote[i].message];
        if (i == 0 || remote[i].message != remote[i - 1].message) {
            parts = copy_of(message.parts, arena);
            message.parts = parts;
        }
        Part& part = parts[remote[i].part];
        part.url = {};
        part.media_type = json::escape(fetched[i].media_type, arena);
        part.data = {fetched[i].data};
    }
    ChatRequest& result = arena.make<ChatRequest>(request);
    result.messages = messages;
    return result;
}

}  // namespace sluice::providers
