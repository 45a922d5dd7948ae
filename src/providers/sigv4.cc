// The steps of AWS's document, one function each.
#include "providers/sigv4.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/calendar.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/writer.h"
#include "providers/aws_credentials.h"
#include "providers/path_text.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr size_t kDateBytes = 8;  // YYYYMMDD

void append_digits(json::TextOutput& to, int64_t value, size_t count) {
    char* const begin = to.room(count);
    for (size_t i = count; i > 0; --i) {
        begin[i - 1] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    to.commit(count);
}

// "20260820T123456Z"
std::string_view write_date_time(int64_t now_s, Arena& arena) {
    const Date date = date_of(now_s / kSecondsPerDay);
    const int64_t second = now_s % kSecondsPerDay;
    json::ArenaText text(arena, 16);
    append_digits(text, date.year, 4);
    append_digits(text, date.month, 2);
    append_digits(text, date.day, 2);
    text.append('T');
    append_digits(text, second / 3'600, 2);
    append_digits(text, second / 60 % 60, 2);
    append_digits(text, second % 60, 2);
    text.append('Z');
    return text.view();
}

// Calls visit(part) for what stands between the marks.
template <class Visit>
void split(std::string_view text, char mark, Visit visit) {
    while (true) {
        const size_t end = text.find(mark);
        visit(text.substr(0, end));
        if (end == text.npos) {
            return;
        }
        text.remove_prefix(end + 1);
    }
}

// Without ".", ".." and empty segments; a slash at the end stays.
std::string_view resolve_dots(std::string_view path, Arena& arena) {
    ArenaList<std::string_view> segments(arena);
    split(path, '/', [&](std::string_view segment) {
        if (segment == "..") {
            if (!segments.empty()) {
                segments.remove_last();
            }
        } else if (!segment.empty() && segment != ".") {
            segments.push_back(segment);
        }
    });
    json::ArenaText text(arena, path.size() + 1);
    for (const std::string_view segment : segments.view()) {
        text.append('/');
        text.append(segment);
    }
    if (segments.empty() || path.ends_with('/')) {
        text.append('/');
    }
    return text.view();
}

void append_path(json::TextOutput& to, const SigV4Request& request, Arena& arena) {
    const std::string_view path =
        request.resolves_dots ? resolve_dots(request.path, arena) : request.path;
    bool is_first = true;
    split(path.empty() ? "/" : path, '/', [&](std::string_view segment) {
        to.append(is_first ? "" : "/");
        is_first = false;
        append_path_segment(to, segment);
    });
}

// What the percent signs of a query stand for; one that is none stays.
std::string_view percent_decode(std::string_view text, Arena& arena) {
    if (text.find('%') == text.npos) {
        return text;
    }
    json::ArenaText plain(arena, text.size());
    for (size_t at = 0; at < text.size(); ++at) {
        const auto byte = text[at] == '%' && at + 2 < text.size()
                              ? parse_hex(text.substr(at + 1, 2))
                              : std::nullopt;
        plain.append(byte ? static_cast<char>(*byte) : text[at]);
        at += byte ? 2 : 0;
    }
    return plain.view();
}

std::string_view canonical_component(std::string_view text, Arena& arena) {
    json::ArenaText encoded(arena, 3 * text.size());
    append_path_segment(encoded, percent_decode(text, arena));
    return encoded.view();
}

void append_query(json::TextOutput& to, std::string_view query, Arena& arena) {
    struct Parameter {
        std::string_view name;
        std::string_view value;
        auto operator<=>(const Parameter&) const = default;
    };
    ArenaList<Parameter> parameters(arena);
    split(query, '&', [&](std::string_view parameter) {
        if (!parameter.empty()) {
            const size_t equals = std::min(parameter.find('='), parameter.size());
            const std::string_view value =
                equals < parameter.size() ? parameter.substr(equals + 1) : std::string_view();
            parameters.push_back({canonical_component(parameter.substr(0, equals), arena),
                                  canonical_component(value, arena)});
        }
    });
    std::ranges::sort(parameters.view());
    std::string_view mark;
    for (const Parameter& parameter : parameters.view()) {
        to.append(mark);
        to.append(parameter.name);
        to.append('=');
        to.append(parameter.value);
        mark = "&";
    }
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Without blanks at the ends, and one for each run inside.
void append_header_value(json::TextOutput& to, std::string_view value) {
    bool has_blank = false;
    bool has_text = false;
    for (const char c : value) {
        if (is_blank(c)) {
            has_blank = has_text;
            continue;
        }
        if (has_blank) {
            to.append(' ');
        }
        to.append(c);
        has_blank = false;
        has_text = true;
    }
}

std::string_view lower(std::string_view text, Arena& arena) {
    json::ArenaText lowered(arena, text.size());
    for (const char c : text) {
        lowered.append(ascii_lower(c));
    }
    return lowered.view();
}

// Behind all whose names are not greater: those of the same name stay in their order.
void insert(ArenaList<HeaderLine>& lines, const HeaderLine& line) {
    lines.push_back(line);
    const auto is_before = [](const HeaderLine& a, const HeaderLine& b) { return a.name < b.name; };
    const auto place = std::upper_bound(lines.begin(), lines.end() - 1, line, is_before);
    std::rotate(place, lines.end() - 1, lines.end());
}

// Names in lower case, sorted.
std::span<const HeaderLine> canonical_headers(const SigV4Request& request,
                                              const SigV4Signature& signature,
                                              Arena& arena) {
    ArenaList<HeaderLine> lines(arena);
    for (const HeaderLine& line : request.headers) {
        insert(lines, {lower(line.name, arena), line.value});
    }
    insert(lines, {"x-amz-date", signature.date_time});
    if (!signature.security_token.empty()) {
        insert(lines, {"x-amz-security-token", signature.security_token});
    }
    return lines.view();
}

void append_headers(json::TextOutput& to, std::span<const HeaderLine> lines) {
    for (size_t i = 0; i < lines.size(); ++i) {
        if (i > 0 && lines[i].name == lines[i - 1].name) {
            to.append(',');
        } else {
            to.append(i > 0 ? "\n" : "");
            to.append(lines[i].name);
            to.append(':');
        }
        append_header_value(to, lines[i].value);
    }
    to.append('\n');
}

std::string_view signed_names(std::span<const HeaderLine> lines, Arena& arena) {
    json::ArenaText names(arena, 128);
    for (size_t i = 0; i < lines.size(); ++i) {
        if (i == 0 || lines[i].name != lines[i - 1].name) {
            names.append(i > 0 ? ";" : "");
            names.append(lines[i].name);
        }
    }
    return names.view();
}

std::string_view make_canonical_request(const SigV4Request& request,
                                        std::span<const HeaderLine> lines,
                                        std::string_view names,
                                        Arena& arena) {
    json::ArenaText text(arena, 512);
    text.append(request.method);
    text.append('\n');
    append_path(text, request, arena);
    text.append('\n');
    append_query(text, request.query, arena);
    text.append('\n');
    append_headers(text, lines);
    text.append('\n');
    text.append(names);
    text.append('\n');
    text.append(request.body_sha256);
    return text.view();
}

}  // namespace

const crypto::Sha256& SigV4Key::get(const AwsCredentials& credentials,
                                    std::string_view date,
                                    const SigV4Scope& scope) {
    using crypto::as_text;
    using crypto::hmac_sha256;
    // A new secret comes with a new key id.
    std::string wanted = credentials.access_key_id;
    for (const std::string_view part : {date, scope.region, scope.service}) {
        wanted.append(1, '/').append(part);
    }
    if (wanted != made_for_) {
        std::string seed = "AWS4";
        seed += credentials.secret_access_key.reveal();
        const crypto::Sha256 of_date = hmac_sha256(seed, date);
        const crypto::Sha256 of_region = hmac_sha256(as_text(of_date), scope.region);
        const crypto::Sha256 of_service = hmac_sha256(as_text(of_region), scope.service);
        key_ = hmac_sha256(as_text(of_service), kTerminator);
        made_for_ = std::move(wanted);
        explicit_bzero(seed.data(), seed.size());
    }
    return key_;
}

SigV4Signature sign_sigv4(const SigV4Request& request,
                          const SigV4Scope& scope,
                          const AwsCredentials& credentials,
                          int64_t now_s,
                          SigV4Key& key,
                          Arena& arena) {
    SigV4Signature signature;
    signature.date_time = write_date_time(now_s, arena);
    signature.security_token = arena.copy(credentials.session_token.reveal());
    const std::string_view date = signature.date_time.substr(0, kDateBytes);

    const auto lines = canonical_headers(request, signature, arena);
    const std::string_view names = signed_names(lines, arena);
    signature.canonical_request = make_canonical_request(request, lines, names, arena);

    const std::string_view where =
        arena.join({date, "/", scope.region, "/", scope.service, "/", kTerminator});
    const std::string hash = crypto::hex(crypto::sha256(signature.canonical_request));
    signature.string_to_sign =
        arena.join({kAlgorithm, "\n", signature.date_time, "\n", where, "\n", hash});

    const crypto::Sha256 proof = crypto::hmac_sha256(
        crypto::as_text(key.get(credentials, date, scope)), signature.string_to_sign);
    signature.authorization =
        arena.join({kAlgorithm, " Credential=", credentials.access_key_id, "/", where,
                    ", SignedHeaders=", names, ", Signature=", crypto::hex(proof)});
    return signature;
}

}  // namespace sluice::providers
