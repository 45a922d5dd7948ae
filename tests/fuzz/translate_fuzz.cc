// Requests of clients: any JSON, in the dialect that the first byte chooses, for every vendor of
// the table. What goes to the provider is JSON, or the client is told why not.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "fuzz/require.h"
#include "json/tree.h"
#include "json/validator.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::fuzz {
namespace {

using providers::Dialect;
using providers::Translation;

constexpr size_t kInputBytesMax = 1 << 13;
// A request that is as deep as can be becomes one that is deeper.
constexpr uint16_t kDepthMax = json::Validator::kDepthMax - 64;

bool is_object(std::string_view text, uint16_t depth_max) {
    json::Validator validator({.depth_max = depth_max});
    return validator.feed(text) && validator.finish() && validator.is_object();
}

bool is_told(const Translation& translation) {
    return !translation.refused_message().empty();
}

void encode(const providers::ChatRequest& request, const providers::Vendor& vendor) {
    for (const auto policy :
         {providers::UnsupportedPolicy::drop, providers::UnsupportedPolicy::strict}) {
        Arena arena;
        Translation translation(arena, policy);
        std::string body;
        json::StringText output(body);
        const providers::Target target = {
            .vendor = &vendor, .model = "m", .is_stream = request.stream};
        const bool is_done = providers::upstream_dialect(vendor.dialect)
                                 ->encode_request(request, target, translation, output)
                                 .has_value();
        output.finish();
        require(is_done || is_told(translation), "a refusal says why");
        require(!is_done || is_object(body, json::Validator::kDepthMax),
                "what goes to the provider is JSON");
    }
}

void check(std::string_view input) {
    if (input.empty() || !is_object(input.substr(1), kDepthMax)) {
        return;
    }
    const Dialect client = input.front() % 2 == 0 ? Dialect::chat : Dialect::messages;
    Arena arena;
    const auto body = json::Value::parse(input.substr(1), arena, ErrorSource::client);
    if (!body) {
        return;
    }
    Translation translation(arena);
    const auto request = providers::client_dialect(client)->decode_request(**body, translation);
    if (!request) {
        require(is_told(translation), "a refusal says why");
        return;
    }
    for (const providers::Vendor* const vendor : providers::vendors()) {
        encode(**request, *vendor);
    }
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= sluice::fuzz::kInputBytesMax) {
        sluice::fuzz::check({reinterpret_cast<const char*>(data), size});
    }
    return 0;
}
