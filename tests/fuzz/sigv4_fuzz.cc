// AWS signatures: any request can be signed, twice in the same way; what canonicalisation takes
// away makes no difference and what it keeps makes one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/secret.h"
#include "base/text.h"
#include "fuzz/require.h"
#include "providers/aws_credentials.h"
#include "providers/sigv4.h"
#include "providers/vendor.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 12;

// The input's lines: the path, the query, then headers.
struct Request {
    std::string_view path;
    std::string_view query;
    std::vector<providers::HeaderLine> headers;
};

std::string_view take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return line;
}

Request parse(std::string_view input) {
    Request request = {.path = take_line(input), .query = take_line(input), .headers = {}};
    while (!input.empty()) {
        const std::string_view line = take_line(input);
        const size_t colon = std::min(line.find(':'), line.size());
        request.headers.push_back(
            {line.substr(0, colon), line.substr(std::min(colon + 1, line.size()))});
    }
    return request;
}

std::string sign(const Request& request, bool resolves_dots, std::string* canonical = nullptr) {
    static const providers::AwsCredentials kCredentials = {.access_key_id = "AKIDEXAMPLE",
                                                           .secret_access_key = Secret("secret"),
                                                           .session_token = Secret("token")};
    Arena arena;
    providers::SigV4Key key;
    const providers::SigV4Signature made = providers::sign_sigv4(
        {.method = "POST",
         .path = request.path,
         .query = request.query,
         .headers = request.headers,
         .body_sha256 = "0",
         .resolves_dots = resolves_dots},
        {.region = "us-east-1", .service = "bedrock"}, kCredentials, 1'787'229'296, key, arena);
    if (canonical != nullptr) {
        *canonical = made.canonical_request;
    }
    return std::string(made.authorization);
}

bool is_path_text(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~%/").contains(c);
}

// Names may come in any order, as long as those that are the same stay in theirs.
void sort_by_name(std::vector<providers::HeaderLine>& headers) {
    std::vector<std::pair<std::string, size_t>> order;
    for (const providers::HeaderLine& line : headers) {
        std::string name;
        for (const char c : line.name) {
            name += ascii_lower(c);
        }
        order.emplace_back(name, order.size());
    }
    std::ranges::sort(order);
    std::vector<providers::HeaderLine> sorted;
    sorted.reserve(order.size());
    for (const auto& [name, index] : order) {
        sorted.push_back(headers[index]);
    }
    headers = sorted;
}

void check(std::string_view input) {
    Request request = parse(input);
    std::string canonical;
    const std::string authorization = sign(request, true, &canonical);
    require(sign(request, true) == authorization, "a signature is stable");
    (void)sign(request, false);

    const std::string_view path =
        std::string_view(canonical).substr(5, canonical.find('\n', 5) - 5);
    require(path.starts_with('/') || !request.path.starts_with('/'), "a path begins with a slash");
    require(std::ranges::all_of(path, is_path_text), "a path is percent-encoded");
    require(path.find("//") == path.npos, "a path has no empty segments");

    sort_by_name(request.headers);
    require(sign(request, true) == authorization, "the order of headers makes no difference");

    const std::string other = std::string(request.path) + "/x";
    request.path = other;
    require(sign(request, true) != authorization, "another path has another signature");
}

void check_credentials(std::string_view input) {
    Arena scratch;
    const auto read = providers::read_aws_credentials(input, scratch);
    require(!read || read->is_usable(), "credentials that are read can be used");
    (void)providers::read_aws_profile(input, input, "default");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= fuzz::kInputBytesMax) {
        fuzz::check(input);
        fuzz::check_credentials(input);
    }
    return 0;
}
