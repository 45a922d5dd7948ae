// Files of credentials and what token endpoints answer: any text is read or refused; a claim says
// what the file says, and can be read back; how a file of AWS is laid out makes no difference.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "crypto/base64.h"
#include "fuzz/require.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/aws_credentials.h"
#include "providers/google_auth.h"
#include "providers/oauth.h"

namespace sluice::fuzz {
namespace {

using providers::AwsProfile;
using providers::GoogleCredentials;

constexpr size_t kInputBytesMax = 1 << 12;
constexpr int64_t kNow = 1'787'229'296;

// --- Google.

const json::Value& decoded(std::string_view part, Arena& arena) {
    const auto text = crypto::decode_base64(part);
    require(text.has_value(), "a part of a token is base64");
    const auto tree = json::Value::parse(arena.copy(*text), arena, ErrorSource::gateway);
    require(tree.has_value(), "a part of a token is JSON");
    return **tree;
}

// Texts that are no UTF-8 cannot be said in JSON as they are.
bool says(const json::Value& value, std::string_view text, Arena& arena) {
    const auto plain = json::unescape(value.text().raw, arena);
    return plain && (*plain == text || plain->find("\xEF\xBF\xBD") != plain->npos);
}

void check_claim(const GoogleCredentials& credentials, Arena& arena) {
    const std::string_view input = google_signing_input(credentials, kNow, arena);
    const size_t dot = input.find('.');
    require(dot != input.npos && input.find('.', dot + 1) == input.npos, "a token has two parts");
    const json::Value& header = decoded(input.substr(0, dot), arena);
    require(header["alg"].text() == "RS256", "the algorithm is the one that signs");
    require(says(header["kid"], credentials.private_key_id, arena), "the key is named");
    const json::Value& claims = decoded(input.substr(dot + 1), arena);
    require(says(claims["iss"], credentials.client_email, arena), "the issuer is the account");
    require(says(claims["aud"], credentials.token_uri, arena), "the audience is the endpoint");
    require(claims["iat"].integer() == kNow, "it is issued now");
    require(claims["exp"].integer() == kNow + 3600, "it is good for an hour");
}

void check_google_file(std::string_view input) {
    Arena arena;
    const auto read = providers::read_google_credentials(input, arena);
    if (!read) {
        require(read.error().kind == ErrorKind::invalid_field, "a refusal says why");
        return;
    }
    require(!read->token_uri.empty(), "there is always an endpoint");
    if (read->is_service_account()) {
        require(!read->client_email.empty(), "an account has a name");
        check_claim(*read, arena);
    }
    const auto form = google_token_request(*read, kNow, arena);
    if (!form) {
        require(read->is_service_account(), "only a key can be bad");
        return;
    }
    constexpr std::string_view kFormCharacters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%&=+!$'()*,;:@";
    require(form->starts_with("grant_type="), "a form says what it is");
    require(form->find_first_not_of(kFormCharacters) == form->npos, "a form is encoded");
}

void check_token_answer(std::string_view input) {
    Arena arena;
    const auto token = providers::read_oauth_token(input, 1'700'000'000, arena);
    require(!token || token->is_granted() || !token->error.empty(), "a token, or why not");
    require(!token || token->lifetime.ns() >= 0, "no token ends before it begins");
}

// --- AWS.

bool is_same(const AwsProfile& a, const AwsProfile& b) {
    return a.region == b.region && a.credentials.access_key_id == b.credentials.access_key_id &&
           a.credentials.secret_access_key == b.credentials.secret_access_key &&
           a.credentials.session_token == b.credentials.session_token;
}

std::string with_line_ends(std::string_view text, std::string_view end) {
    std::string made;
    while (!text.empty()) {
        const size_t at = text.find('\n');
        std::string_view line = text.substr(0, at);
        text.remove_prefix(at == text.npos ? text.size() : at + 1);
        while (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        made.append(line).append(end);
    }
    return made;
}

void check_aws_file(std::string_view input) {
    constexpr std::string_view kProfile = "default";
    const AwsProfile found = providers::read_aws_profile(input, "", kProfile);
    require(found.credentials.access_key_id.find('\n') == std::string::npos, "a value is a line");
    require(is_same(found, providers::read_aws_profile("", input, kProfile)),
            "both files are read alike");
    require(is_same(found, providers::read_aws_profile(input, input, kProfile)),
            "twice the same says nothing more");
    const std::string plain = with_line_ends(input, "\n");
    const AwsProfile expected = providers::read_aws_profile(plain, "", kProfile);
    require(
        is_same(expected, providers::read_aws_profile(with_line_ends(input, "\r\n"), "", kProfile)),
        "line ends make no difference");
    const std::string apart = with_line_ends(input, "\n\n# a remark\n; another\n");
    require(is_same(expected, providers::read_aws_profile(apart, "", kProfile)),
            "remarks and empty lines make no difference");
    const std::string more =
        plain + "[another]\naws_access_key_id = X\naws_secret_access_key = Y\n";
    require(is_same(expected, providers::read_aws_profile(more, "", kProfile)),
            "another profile makes no difference");
    const std::string own =
        "[default]\naws_access_key_id = X\naws_secret_access_key = Y\n[another]\n" + plain;
    const AwsProfile first = providers::read_aws_profile(
        "[default]\naws_access_key_id = X\naws_secret_access_key = Y\n", own, kProfile);
    require(first.credentials.access_key_id == "X" &&
                first.credentials.secret_access_key.reveal() == "Y",
            "the first file wins, key and secret together");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= fuzz::kInputBytesMax) {
        fuzz::check_google_file(input);
        fuzz::check_token_answer(input);
        fuzz::check_aws_file(input);
    }
    return 0;
}
