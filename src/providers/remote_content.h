// Files that a request names by URL, for targets that want their bytes.
//
// The pipeline asks for the list, fetches what is on it, and encodes the request that holds the
// bytes instead. Nothing is fetched here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/vendor.h"

namespace sluice::providers {

// Where one stands: messages[message].content[part].
struct RemotePart {
    uint32_t message = 0;
    uint32_t part = 0;
    PartType type = PartType::image;
    Text url = {};  // As written; http or https.
};

// What was fetched for it.
struct FetchedPart {
    std::string_view media_type = {};  // Plain, without parameters.
    std::string_view data = {};        // Base64, standard alphabet.
};

// The parts whose URLs `target` does not take, in order.
std::span<const RemotePart> remote_parts(const ChatRequest& request,
                                         const Target& target,
                                         Arena& arena);

// The request with `fetched[i]` in the place of `remote[i]`; shares all else with the given one.
const ChatRequest& with_fetched(const ChatRequest& request,
                                std::span<const RemotePart> remote,
                                std::span<const FetchedPart> fetched,
                                Arena& arena);

// Whether the target takes the URL of this part as it is. False for parts that have none.
bool takes_url(const Target& target, const Part& part);

// Whether no request for this vendor needs a file fetched that it names.
bool takes_every_url(const Vendor& vendor);

// The media type that a URL's path ends with (".jpg"); empty when it does not say.
std::string_view media_type_of_url(std::string_view url);

}  // namespace sluice::providers
