// Base64 in JSON in a frame.
#include "providers/bedrock_chunk.h"

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "crypto/base64.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::providers {

Result<std::string_view> read_bedrock_chunk(std::string_view payload, Arena& scratch) {
    TRY(const json::Value* const chunk,
        json::Value::parse(payload, scratch, ErrorSource::upstream));
    TRY(const std::string_view letters, json::unescape((*chunk)["bytes"].text().raw, scratch));
    auto* const to = static_cast<char*>(scratch.allocate(letters.size(), 1));
    const std::optional<size_t> count = crypto::decode_base64(letters, to);
    if (!count || *count == 0) {
        return fail({.kind = ErrorKind::malformed,
                     .source = ErrorSource::upstream,
                     .where = "a chunk without an event in base64"});
    }
    return std::string_view(to, *count);
}

}  // namespace sluice::providers
