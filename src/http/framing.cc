// RFC 9112 section 6.3 and 9.3, RFC 9110 section 10.1.1.
#include "http/framing.h"

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/types.h"

namespace sluice::http {

namespace {

constexpr std::string_view kChunked = "chunked";
constexpr uint16_t kNotImplemented = 501;

std::unexpected<Error> refuse(ErrorSource source, const char* where) {
    return fail(Error{.kind = ErrorKind::malformed, .source = source, .where = where});
}

// Not exactly one `chunked`: a list that has it once and last is well-formed and only beyond us,
// as is a coding of another name; anything else leaves the length of the body open.
std::unexpected<Error> refuse_coding(std::string_view value, ErrorSource source) {
    uint32_t elements = 0;
    uint32_t chunked = 0;
    std::string_view last;
    std::string_view rest = value;
    while (const std::optional<std::string_view> element = next_list_element(rest)) {
        last = *element;
        ++elements;
        chunked += equals_ignoring_case(last, kChunked) ? 1 : 0;
    }
    const bool is_known_list = chunked == 1 && equals_ignoring_case(last, kChunked);
    if (elements == 0 || (elements > 1 && !is_known_list) || value.ends_with(',') ||
        value.starts_with(',')) {
        return refuse(source, "Transfer-Encoding");
    }
    return fail(Error{.kind = ErrorKind::unsupported_encoding,
                      .source = source,
                      .status = kNotImplemented,
                      .where = "Transfer-Encoding"});
}

// Of what the fields say alone; `until_close` stands for no length at all.
Result<BodyFraming> declared_framing(const HeaderMap& headers,
                                     Version version,
                                     ErrorSource source) {
    const HeaderField* const coding = headers.find(HeaderId::transfer_encoding);
    const HeaderField* const length = headers.find(HeaderId::content_length);
    if (coding != nullptr) {
        if (length != nullptr) {
            return refuse(source, "Content-Length beside Transfer-Encoding");
        }
        if (version == Version::http_1_0) {
            return refuse(source, "Transfer-Encoding in HTTP/1.0");
        }
        if (headers.count(HeaderId::transfer_encoding) != 1) {
            return refuse(source, "repeated Transfer-Encoding");
        }
        if (!equals_ignoring_case(coding->value, kChunked)) {
            return refuse_coding(coding->value, source);
        }
        return BodyFraming{.kind = BodyKind::chunked};
    }
    if (length == nullptr) {
        return BodyFraming{.kind = BodyKind::until_close};
    }
    if (headers.count(HeaderId::content_length) != 1) {
        return refuse(source, "repeated Content-Length");
    }
    const std::optional<uint64_t> value = parse_decimal(length->value);
    if (!value) {
        return refuse(source, "Content-Length");
    }
    return *value == 0 ? BodyFraming{}
                       : BodyFraming{.kind = BodyKind::length, .length_bytes = *value};
}

struct ConnectionOptions {
    bool has_close = false;
    bool has_keep_alive = false;
    uint32_t count = 0;

    void add_listed(std::string_view names) {
        while (const std::optional<std::string_view> name = next_list_element(names)) {
            has_close = has_close || equals_ignoring_case(*name, "close");
            has_keep_alive = has_keep_alive || equals_ignoring_case(*name, "keep-alive");
            ++count;
        }
    }
};

// RFC 9112 section 9.3. `close` wins over everything else.
Result<bool> is_kept_alive(const HeaderMap& headers, Version version, ErrorSource source) {
    ConnectionOptions options;
    if (headers.has(HeaderId::connection)) {
        for (const HeaderField& field : headers) {
            if (field.id == HeaderId::connection) {
                options.add_listed(field.value);
            }
        }
    }
    if (options.count > kConnectionOptionsMax) {
        return refuse(source, "number of Connection options");
    }
    return !options.has_close && (version == Version::http_1_1 || options.has_keep_alive);
}

// Statuses whose answers never have a body, whatever their fields say.
constexpr bool has_no_body(uint16_t status) {
    return is_informational(status) || status == 204 || status == 304;
}

}  // namespace

Result<RequestFraming> request_framing(const RequestHead& head) {
    constexpr ErrorSource kSource = ErrorSource::client;
    RequestFraming framing;
    TRY(framing.body, declared_framing(head.headers, head.version, kSource));
    if (framing.body.kind == BodyKind::until_close) {
        framing.body.kind = BodyKind::none;  // A request cannot end by closing.
    }
    TRY(framing.keep_alive, is_kept_alive(head.headers, head.version, kSource));
    if (const HeaderField* expect = head.headers.find(HeaderId::expect)) {
        if (!equals_ignoring_case(expect->value, "100-continue") ||
            head.headers.count(HeaderId::expect) != 1) {
            return fail(Error{
                .kind = ErrorKind::unsupported_expectation, .source = kSource, .where = "Expect"});
        }
        // In HTTP/1.0 it means nothing, and without a body there is nothing to wait for.
        framing.expects_continue =
            head.version == Version::http_1_1 && framing.body.kind != BodyKind::none;
    }
    return framing;
}

Result<ResponseFraming> response_framing(const ResponseHead& head, Method request_method) {
    constexpr ErrorSource kSource = ErrorSource::upstream;
    constexpr uint16_t kSwitchingProtocols = 101;
    if (head.status == kSwitchingProtocols) {
        return refuse(kSource, "status 101 without Upgrade");
    }
    ResponseFraming framing;
    TRY(framing.body, declared_framing(head.headers, head.version, kSource));
    TRY(framing.keep_alive, is_kept_alive(head.headers, head.version, kSource));
    if (has_no_body(head.status)) {
        // Where a length may not even be declared, one that is declared may also be sent.
        const bool declares_body =
            framing.body.kind == BodyKind::length || framing.body.kind == BodyKind::chunked;
        framing.keep_alive = framing.keep_alive && (head.status == 304 || !declares_body);
        framing.body = BodyFraming{};
    } else if (request_method == Method::head) {
        framing.body = BodyFraming{};
    } else if (framing.body.kind == BodyKind::until_close) {
        framing.keep_alive = false;
    }
    return framing;
}

}  // namespace sluice::http
