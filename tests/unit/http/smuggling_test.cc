// Bytes with which two readers can be made to disagree, and their harmless neighbours.
//
// Each case is read whole and in every split, and must always come to the same end. The names say
// what the case attacks; the classes follow published request-smuggling work.
#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/read_http.h"
#include "support/splits.h"

namespace sluice::test {
namespace {

using namespace std::string_view_literals;

enum class Verdict : uint8_t {
    accept,       // Read to its end.
    waits,        // Not refused, but more bytes are needed.
    malformed,    // 400
    unsupported,  // 501, a transfer coding we do not speak
    version,      // 505
    expectation,  // 417
    method,       // 501, CONNECT
};

struct Case {
    const char* name;
    Verdict verdict;
    std::string_view bytes;
};

ErrorKind kind_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::accept:
        case Verdict::waits:
            return ErrorKind::none;
        case Verdict::malformed:
            return ErrorKind::malformed;
        case Verdict::unsupported:
            return ErrorKind::unsupported_encoding;
        case Verdict::version:
            return ErrorKind::unsupported_version;
        case Verdict::expectation:
            return ErrorKind::unsupported_expectation;
        case Verdict::method:
            return ErrorKind::method_not_allowed;
    }
    return ErrorKind::internal;
}

ReadMessage::End end_of(Verdict verdict) {
    if (verdict == Verdict::accept) {
        return ReadMessage::End::complete;
    }
    return verdict == Verdict::waits ? ReadMessage::End::incomplete : ReadMessage::End::refused;
}

template <class Read>
void check(const Case& test, const std::string& bytes, Read read) {
    const ReadMessage expected = read(whole(bytes));
    EXPECT_EQ(expected.end, end_of(test.verdict)) << test.name << ": " << expected;
    EXPECT_EQ(expected.error, kind_of(test.verdict)) << test.name << ": " << expected;
    for_each_split(bytes, [&](const Pieces& pieces) {
        EXPECT_EQ(read(pieces), expected) << test.name << ", " << pieces.describe();
    });
}

// Framing fields of a POST; the head around them is supplied.
constexpr Case kFramingFields[] = {
    {"no body", Verdict::accept, ""},
    {"length 0", Verdict::accept, "Content-Length: 0\r\n"},
    {"length with leading zeros", Verdict::accept, "Content-Length: 000\r\n"},
    {"length with blanks around", Verdict::accept, "Content-Length: \t 0 \t\r\n"},
    {"length without a blank", Verdict::accept, "Content-Length:0\r\n"},
    {"length of 15 digits", Verdict::waits, "Content-Length: 999999999999999\r\n"},
    {"length of 16 digits", Verdict::malformed, "Content-Length: 1000000000000000\r\n"},
    {"length over 64 bits", Verdict::malformed, "Content-Length: 18446744073709551616\r\n"},
    {"length with plus", Verdict::malformed, "Content-Length: +0\r\n"},
    {"length with minus", Verdict::malformed, "Content-Length: -0\r\n"},
    {"length in hex", Verdict::malformed, "Content-Length: 0x0\r\n"},
    {"length with a point", Verdict::malformed, "Content-Length: 0.0\r\n"},
    {"length with exponent", Verdict::malformed, "Content-Length: 0e0\r\n"},
    {"length with inner blank", Verdict::malformed, "Content-Length: 0 0\r\n"},
    {"length with underscore", Verdict::malformed, "Content-Length: 1_0\r\n"},
    {"length quoted", Verdict::malformed, "Content-Length: \"0\"\r\n"},
    {"length empty", Verdict::malformed, "Content-Length:\r\n"},
    {"length only blanks", Verdict::malformed, "Content-Length:  \t\r\n"},
    {"length word", Verdict::malformed, "Content-Length: zero\r\n"},
    {"length in other digits", Verdict::malformed, "Content-Length: \xD9\xA0\r\n"},
    {"length with 0xa0", Verdict::malformed, "Content-Length: 0\xA0\r\n"},
    {"length list, equal", Verdict::malformed, "Content-Length: 0, 0\r\n"},
    {"length list, different", Verdict::malformed, "Content-Length: 0, 5\r\n"},
    {"length list, trailing comma", Verdict::malformed, "Content-Length: 0,\r\n"},
    {"length list, leading comma", Verdict::malformed, "Content-Length: ,0\r\n"},
    {"length twice, equal", Verdict::malformed, "Content-Length: 0\r\nContent-Length: 0\r\n"},
    {"length twice, different", Verdict::malformed, "Content-Length: 0\r\nContent-Length: 5\r\n"},
    {"length twice, case", Verdict::malformed, "Content-Length: 0\r\ncontent-length: 0\r\n"},
    {"length twice, one empty", Verdict::malformed, "Content-Length: 0\r\nContent-Length:\r\n"},
    {"CL.TE", Verdict::malformed, "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"},
    {"TE.CL", Verdict::malformed, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"},
    {"CL and unknown coding", Verdict::malformed, "Content-Length: 0\r\nTransfer-Encoding: x\r\n"},
    {"CL and empty coding", Verdict::malformed, "Content-Length: 0\r\nTransfer-Encoding:\r\n"},
    {"bad CL and coding", Verdict::malformed,
     "Content-Length: x\r\nTransfer-Encoding: chunked\r\n"},
    {"TE chunked", Verdict::waits, "Transfer-Encoding: chunked\r\n"},
    {"TE case folded", Verdict::waits, "tRANSFER-eNCODING: ChUnKeD\r\n"},
    {"TE blanks around", Verdict::waits, "Transfer-Encoding:  \tchunked \t \r\n"},
    {"TE twice", Verdict::malformed,
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
    {"TE twice, second other", Verdict::malformed,
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"},
    {"TE twice, first other", Verdict::malformed,
     "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"},
    {"TE empty", Verdict::malformed, "Transfer-Encoding:\r\n"},
    {"TE only comma", Verdict::malformed, "Transfer-Encoding: ,\r\n"},
    {"TE leading comma", Verdict::malformed, "Transfer-Encoding: ,chunked\r\n"},
    {"TE trailing comma", Verdict::malformed, "Transfer-Encoding: chunked,\r\n"},
    {"TE chunked, identity", Verdict::malformed, "Transfer-Encoding: chunked, identity\r\n"},
    {"TE chunked, chunked", Verdict::malformed, "Transfer-Encoding: chunked, chunked\r\n"},
    {"TE identity, x", Verdict::malformed, "Transfer-Encoding: identity, x\r\n"},
    {"TE gzip, chunked", Verdict::unsupported, "Transfer-Encoding: gzip, chunked\r\n"},
    {"TE identity", Verdict::unsupported, "Transfer-Encoding: identity\r\n"},
    {"TE gzip", Verdict::unsupported, "Transfer-Encoding: gzip\r\n"},
    {"TE xchunked", Verdict::unsupported, "Transfer-Encoding: xchunked\r\n"},
    {"TE chunkedx", Verdict::unsupported, "Transfer-Encoding: chunkedx\r\n"},
    {"TE chunke", Verdict::unsupported, "Transfer-Encoding: chunke\r\n"},
    {"TE quoted", Verdict::unsupported, "Transfer-Encoding: \"chunked\"\r\n"},
    {"TE with parameter", Verdict::unsupported, "Transfer-Encoding: chunked;q=1\r\n"},
    {"TE semicolon", Verdict::unsupported, "Transfer-Encoding: chunked;\r\n"},
    {"TE chunked x", Verdict::unsupported, "Transfer-Encoding: chunked x\r\n"},
    {"TE colon", Verdict::unsupported, "Transfer-Encoding: : chunked\r\n"},
    {"TE 0xa0", Verdict::unsupported, "Transfer-Encoding: chunked\xA0\r\n"},
    {"TE 0x85", Verdict::unsupported,
     "Transfer-Encoding: \x85"
     "chunked\r\n"},
    {"TE kelvin sign", Verdict::unsupported,
     "Transfer-Encoding: chun\xE2\x84\xAA"
     "ed\r\n"},
    {"TE vertical tab", Verdict::malformed, "Transfer-Encoding: \vchunked\r\n"},
    {"TE form feed", Verdict::malformed, "Transfer-Encoding: chunked\f\r\n"},
    {"TE trailing control", Verdict::malformed, "Transfer-Encoding: chunked\x1f\r\n"},
    {"TE DEL", Verdict::malformed, "Transfer-Encoding: chunked\x7f\r\n"},
    {"TE NUL", Verdict::malformed, "Transfer-Encoding: chunked\0\r\n"sv},
    {"TE bare CR", Verdict::malformed, "Transfer-Encoding: chunked\r \r\n"},
    {"TE CR CRLF", Verdict::malformed, "Transfer-Encoding: chunked\r\r\n"},
    {"TE bare LF", Verdict::malformed, "Transfer-Encoding: chunked\n"},
    {"TE folded", Verdict::malformed, "Transfer-Encoding:\r\n chunked\r\n"},
    {"TE folded by tab", Verdict::malformed, "Transfer-Encoding:\r\n\tchunked\r\n"},
    {"TE folded after comma", Verdict::malformed, "Transfer-Encoding: x,\r\n chunked\r\n"},
    {"TE blank before colon", Verdict::malformed, "Transfer-Encoding : chunked\r\n"},
    {"TE tab before colon", Verdict::malformed, "Transfer-Encoding\t: chunked\r\n"},
    {"TE vertical tab before colon", Verdict::malformed, "Transfer-Encoding\v: chunked\r\n"},
    {"TE NUL in name", Verdict::malformed, "Transfer-\0Encoding: chunked\r\n"sv},
    {"TE leading blank in name", Verdict::malformed, " Transfer-Encoding: chunked\r\n"},
    {"TE no colon", Verdict::malformed, "Transfer-Encoding chunked\r\n"},
    {"TE equals", Verdict::malformed, "Transfer-Encoding= chunked\r\n"},
    {"TE other name", Verdict::accept, "Transfer_Encoding: chunked\r\n"},
    {"TE prefix of the name", Verdict::accept, "Transfer-Encodin: chunked\r\n"},
    {"TE longer name", Verdict::accept, "X-Transfer-Encoding: chunked\r\n"},
    {"CL blank before colon", Verdict::malformed, "Content-Length : 0\r\n"},
    {"CL folded", Verdict::malformed, "Content-Length:\r\n 0\r\n"},
    {"CL other name", Verdict::accept, "Content_Length: 5\r\n"},
    {"empty name", Verdict::malformed, ": x\r\n"},
    {"only a colon", Verdict::malformed, ":\r\n"},
    {"line without colon", Verdict::malformed, "nonsense\r\n"},
    {"NUL name", Verdict::malformed, "X\0Y: 1\r\n"sv},
    {"high byte in name", Verdict::malformed, "X\xFFY: 1\r\n"},
    {"blank in name", Verdict::malformed, "X Y: 1\r\n"},
    {"parenthesis in name", Verdict::malformed, "X(Y): 1\r\n"},
    {"slash in name", Verdict::malformed, "X/Y: 1\r\n"},
    {"at sign in name", Verdict::malformed, "X@Y: 1\r\n"},
    {"quote in name", Verdict::malformed, "\"X\": 1\r\n"},
    {"comma in name", Verdict::malformed, "X,Y: 1\r\n"},
    {"semicolon in name", Verdict::malformed, "X;Y: 1\r\n"},
    {"brackets in name", Verdict::malformed, "[X]: 1\r\n"},
    {"braces in name", Verdict::malformed, "{X}: 1\r\n"},
    {"backslash in name", Verdict::malformed, "X\\Y: 1\r\n"},
    {"all token marks in name", Verdict::accept, "!#$%&'*+-.^_`|~09azAZ: 1\r\n"},
    {"NUL in value", Verdict::malformed, "X: a\0b\r\n"sv},
    {"escape in value", Verdict::malformed,
     "X: a\x1b"
     "b\r\n"},
    {"bell in value", Verdict::malformed, "X: \a\r\n"},
    {"DEL in value", Verdict::malformed, "X: a\x7f\r\n"},
    {"bare CR in value", Verdict::malformed, "X: a\rb\r\n"},
    {"bare LF in value", Verdict::malformed, "X: a\nb: c\r\n"},
    {"CR CR LF", Verdict::malformed, "X: a\r\r\n"},
    {"LF CR", Verdict::malformed, "X: a\n\r"},
    {"obs-text in value", Verdict::accept, "X: \x80\xFF\r\n"},
    {"tab in value", Verdict::accept, "X: a\tb\r\n"},
    {"empty value", Verdict::accept, "X:\r\n"},
    {"folding", Verdict::malformed, "X: a\r\n b\r\n"},
    {"folding of nothing", Verdict::malformed, "X: a\r\n \r\n"},
    {"expect other", Verdict::expectation, "Expect: 200-ok\r\nContent-Length: 5\r\n"},
    {"expect with more", Verdict::expectation, "Expect: 100-continue, x\r\n"},
    {"expect obfuscated", Verdict::expectation, "Expect: y 100-continue\r\n"},
    {"expect twice", Verdict::expectation, "Expect: 100-continue\r\nExpect: 100-continue\r\n"},
    {"expect empty", Verdict::expectation, "Expect:\r\n"},
    {"expect continue", Verdict::waits, "Expect: 100-Continue\r\nContent-Length: 5\r\n"},
    {"second Host", Verdict::malformed, "Host: a\r\n"},
    {"second Host, other case", Verdict::malformed, "hOST: b\r\n"},
    {"connection names Content-Length", Verdict::waits,
     "Connection: Content-Length\r\nContent-Length: 5\r\n"},
};

TEST(Smuggling, FramingFieldsOfRequests) {
    for (const Case& test : kFramingFields) {
        std::string bytes = "POST /v1/x HTTP/1.1\r\nHost: a\r\n";
        bytes.append(test.bytes).append("\r\n");
        check(test, bytes, [](const Pieces& pieces) { return read_request(pieces); });
    }
}

TEST(Smuggling, FramingFieldsBeforeHost) {
    for (const Case& test : kFramingFields) {
        std::string bytes = "POST /v1/x HTTP/1.1\r\n";
        bytes.append(test.bytes).append("Host: a\r\n\r\n");
        check(test, bytes, [](const Pieces& pieces) { return read_request(pieces); });
    }
}

// The same rules hold for what an upstream sends; there only the fields of requests mean nothing,
// and a response without a length goes on until the end of the connection.
TEST(Smuggling, FramingFieldsOfResponses) {
    for (const Case& test : kFramingFields) {
        std::string bytes = "HTTP/1.1 200 OK\r\nServer: a\r\n";
        bytes.append(test.bytes).append("\r\n");
        Case adapted = test;
        const bool has_zero_length =
            test.bytes.starts_with("Content-Length:") && test.verdict == Verdict::accept;
        if (test.verdict == Verdict::expectation || test.name == "second Host"sv ||
            test.name == "second Host, other case"sv ||
            (test.verdict == Verdict::accept && !has_zero_length)) {
            adapted.verdict = Verdict::waits;
        }
        check(adapted, bytes, [](const Pieces& pieces) { return read_response(pieces); });
    }
}

constexpr Case kRequests[] = {
    {"plain", Verdict::accept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"1.0 without Host", Verdict::accept, "GET / HTTP/1.0\r\n\r\n"},
    {"1.0 with Host", Verdict::accept, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"},
    {"1.0 with two Hosts", Verdict::malformed, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"},
    {"1.0 with bad Host", Verdict::malformed, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"},
    {"1.0 and chunked", Verdict::malformed,
     "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"1.0 and unknown coding", Verdict::malformed,
     "POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n"},
    {"1.1 without Host", Verdict::malformed, "GET / HTTP/1.1\r\n\r\n"},
    {"empty Host", Verdict::malformed, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {"Host list", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {"Host with path", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {"Host with user", Verdict::malformed, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
    {"Host with bad port", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
    {"Host with port over the top", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"},
    {"Host with empty port", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"},
    {"Host with two ports", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"},
    {"Host IPv6", Verdict::accept, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"},
    {"Host IPv6 open", Verdict::malformed, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    {"Host IPv6 bare", Verdict::malformed, "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"},
    {"Host IPv6 with more", Verdict::malformed, "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"},
    {"Host percent", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a%2e\r\n\r\n"},
    {"Host with high byte", Verdict::malformed, "GET / HTTP/1.1\r\nHost: \xC3\xA9\r\n\r\n"},
    {"lower-case method is another", Verdict::accept, "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"method with a slash", Verdict::malformed, "GE/T / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"method with NUL", Verdict::malformed, "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"sv},
    {"no method", Verdict::malformed, " / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"leading tab", Verdict::malformed, "\tGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two blanks after method", Verdict::malformed, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"tab after method", Verdict::malformed, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two blanks after target", Verdict::malformed, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"tab in target", Verdict::malformed, "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"blank in target", Verdict::malformed, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"blank after version", Verdict::malformed, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {"no target", Verdict::malformed, "GET HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"empty target", Verdict::malformed, "GET  HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"no version", Verdict::malformed, "GET /\r\nHost: a\r\n\r\n"},
    {"version 0.9", Verdict::version, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
    {"version 1.2", Verdict::version, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
    {"version 2.0", Verdict::version, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {"version 3.1", Verdict::version, "GET / HTTP/3.1\r\nHost: a\r\n\r\n"},
    {"HTTP/2 preface", Verdict::version, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"version 1.10", Verdict::malformed, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
    {"version 11.1", Verdict::malformed, "GET / HTTP/11.1\r\nHost: a\r\n\r\n"},
    {"version 01.1", Verdict::malformed, "GET / HTTP/01.1\r\nHost: a\r\n\r\n"},
    {"version 1,1", Verdict::malformed, "GET / HTTP/1,1\r\nHost: a\r\n\r\n"},
    {"version 1", Verdict::malformed, "GET / HTTP/1\r\nHost: a\r\n\r\n"},
    {"version in lower case", Verdict::malformed, "GET / http/1.1\r\nHost: a\r\n\r\n"},
    {"version of others", Verdict::malformed, "GET / HTTQ/1.1\r\nHost: a\r\n\r\n"},
    {"version blank", Verdict::malformed, "GET / HTTP /1.1\r\nHost: a\r\n\r\n"},
    {"fragment", Verdict::malformed, "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"raw high byte in target", Verdict::malformed, "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"DEL in target", Verdict::malformed, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"NUL in target", Verdict::malformed, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"sv},
    {"relative target", Verdict::malformed, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"query only", Verdict::malformed, "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"asterisk with GET", Verdict::malformed, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"asterisk with OPTIONS", Verdict::accept, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"asterisk and more", Verdict::malformed, "OPTIONS */ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute", Verdict::accept, "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute, default port", Verdict::accept, "GET HTTP://A:80/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute https", Verdict::accept, "GET https://a?q HTTP/1.1\r\nHost: a:443\r\n\r\n"},
    {"absolute, other host", Verdict::malformed, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute, other port", Verdict::malformed, "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute, port of the other scheme", Verdict::malformed,
     "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n"},
    {"absolute, user", Verdict::malformed, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute, no host", Verdict::malformed, "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute, user, in 1.0", Verdict::malformed, "GET http://u@a/ HTTP/1.0\r\n\r\n"},
    {"absolute without Host", Verdict::malformed, "GET http://a/ HTTP/1.1\r\n\r\n"},
    {"other scheme", Verdict::malformed, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"CONNECT", Verdict::method, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"},
    {"CONNECT with a path", Verdict::method, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"line ends are LF", Verdict::malformed, "GET / HTTP/1.1\nHost: a\n\n"},
    {"line ends are CR", Verdict::malformed, "GET / HTTP/1.1\rHost: a\r\r"},
    {"blank line is LF", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {"blank line of a blank", Verdict::malformed, "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n"},
    {"folding after the request line", Verdict::malformed,
     "GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"},
    {"one empty line before", Verdict::accept, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"four empty lines before", Verdict::accept,
     "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"five empty lines before", Verdict::malformed,
     "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"empty LF line before", Verdict::malformed, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"CR before", Verdict::malformed, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"NUL first", Verdict::malformed, "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv},
    {"TLS handshake", Verdict::malformed, "\x16\x03\x01\x02"},
    {"byte order mark", Verdict::malformed, "\xEF\xBB\xBFGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"nothing", Verdict::waits, ""},
    {"only empty lines", Verdict::waits, "\r\n\r\n"},
    {"CR alone so far", Verdict::waits, "\r"},
    {"head not ended", Verdict::waits, "GET / HTTP/1.1\r\nHost: a\r\n\r"},
};

TEST(Smuggling, Requests) {
    for (const Case& test : kRequests) {
        check(test, std::string(test.bytes),
              [](const Pieces& pieces) { return read_request(pieces); });
    }
}

constexpr Case kChunkedBodies[] = {
    {"empty", Verdict::accept, "0\r\n\r\n"},
    {"one chunk", Verdict::accept, "5\r\nhello\r\n0\r\n\r\n"},
    {"upper and lower hex", Verdict::accept, "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"},
    {"leading zeros", Verdict::accept, "005\r\nhello\r\n000\r\n\r\n"},
    {"15 digits", Verdict::accept, "000000000000005\r\nhello\r\n0\r\n\r\n"},
    {"16 digits", Verdict::malformed, "0000000000000005\r\nhello\r\n0\r\n\r\n"},
    {"size overflows", Verdict::malformed, "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"},
    {"size with 0x", Verdict::malformed, "0x5\r\nhello\r\n0\r\n\r\n"},
    {"size with plus", Verdict::malformed, "+5\r\nhello\r\n0\r\n\r\n"},
    {"size with minus", Verdict::malformed, "-5\r\nhello\r\n0\r\n\r\n"},
    {"size with underscore", Verdict::malformed, "0_5\r\nhello\r\n0\r\n\r\n"},
    {"size with leading blank", Verdict::malformed, " 5\r\nhello\r\n0\r\n\r\n"},
    {"size with trailing blank", Verdict::malformed, "5 \r\nhello\r\n0\r\n\r\n"},
    {"size with trailing tab", Verdict::malformed, "5\t\r\nhello\r\n0\r\n\r\n"},
    {"size with blank before extension", Verdict::malformed, "5 ;a\r\nhello\r\n0\r\n\r\n"},
    {"size with h", Verdict::malformed, "5h\r\nhello\r\n0\r\n\r\n"},
    {"size empty", Verdict::malformed, "\r\nhello\r\n0\r\n\r\n"},
    {"size empty before the end", Verdict::malformed, "\r\n\r\n"},
    {"size empty after a chunk", Verdict::malformed, "5\r\nhello\r\n\r\n\r\n"},
    {"size g", Verdict::malformed, "g\r\nhello\r\n0\r\n\r\n"},
    {"size with NUL", Verdict::malformed, "5\0\r\nhello\r\n0\r\n\r\n"sv},
    {"size with high byte", Verdict::malformed, "5\xA0\r\nhello\r\n0\r\n\r\n"},
    {"size ends with LF", Verdict::malformed, "5\nhello\r\n0\r\n\r\n"},
    {"size ends with CR", Verdict::malformed, "5\rhello\r\n0\r\n\r\n"},
    {"size ends with CR and a byte", Verdict::malformed, "5\rxhello\r\n0\r\n\r\n"},
    {"size ends with CR CR LF", Verdict::malformed, "5\r\r\nhello\r\n0\r\n\r\n"},
    {"size with quote", Verdict::malformed, "\"5\"\r\nhello\r\n0\r\n\r\n"},
    {"size with point", Verdict::malformed, "5.0\r\nhello\r\n0\r\n\r\n"},
    {"data ends with LF", Verdict::malformed, "5\r\nhello\n0\r\n\r\n"},
    {"data ends with CR", Verdict::malformed, "5\r\nhello\r0\r\n\r\n"},
    {"data ends with CR and a byte", Verdict::malformed, "5\r\nhello\rx0\r\n\r\n"},
    {"data ends with two bytes", Verdict::malformed, "5\r\nhelloxx0\r\n\r\n"},
    {"data too long", Verdict::malformed, "4\r\nhello\r\n0\r\n\r\n"},
    {"data too short", Verdict::malformed, "6\r\nhello\r\n0\r\n\r\n"},
    {"data holds line ends", Verdict::accept, "4\r\n\r\n\r\n\r\n0\r\n\r\n"},
    {"data missing", Verdict::waits, "5\r\n"},
    {"last chunk missing", Verdict::waits, "5\r\nhello\r\n"},
    {"last line end missing", Verdict::waits, "0\r\n"},
    {"last LF missing", Verdict::waits, "0\r\n\r"},
    {"last line end is LF", Verdict::malformed, "0\r\n\n"},
    {"last line end is CR", Verdict::malformed, "0\r\n\rx"},
    {"last chunk ends with LF", Verdict::malformed, "0\n\n"},
    {"last chunk with blank", Verdict::malformed, "0 \r\n\r\n"},
    {"many zeros", Verdict::accept, "000000000000000\r\n\r\n"},
    {"extension", Verdict::accept, "5;a\r\nhello\r\n0;b\r\n\r\n"},
    {"extension with value", Verdict::accept, "5;a=b\r\nhello\r\n0\r\n\r\n"},
    {"extension quoted", Verdict::accept, "5;a=\"b \\\" ;\"\r\nhello\r\n0\r\n\r\n"},
    {"two extensions", Verdict::accept, "5;a;b=c\r\nhello\r\n0\r\n\r\n"},
    {"quoted, then another", Verdict::accept, "5;a=\"\";b\r\nhello\r\n0\r\n\r\n"},
    {"extension empty", Verdict::malformed, "5;\r\nhello\r\n0\r\n\r\n"},
    {"extension empty among others", Verdict::malformed, "5;a;;b\r\nhello\r\n0\r\n\r\n"},
    {"extension without value", Verdict::malformed, "5;a=\r\nhello\r\n0\r\n\r\n"},
    {"extension value without name", Verdict::malformed, "5;=a\r\nhello\r\n0\r\n\r\n"},
    {"extension with two values", Verdict::malformed, "5;a=b=c\r\nhello\r\n0\r\n\r\n"},
    {"extension with blank", Verdict::malformed, "5; a\r\nhello\r\n0\r\n\r\n"},
    {"extension with LF", Verdict::malformed, "5;a\nhello\r\n0\r\n\r\n"},
    {"extension with CR", Verdict::malformed, "5;a\rb\r\nhello\r\n0\r\n\r\n"},
    {"extension with NUL", Verdict::malformed, "5;a\0\r\nhello\r\n0\r\n\r\n"sv},
    {"quoted extension with LF", Verdict::malformed, "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"},
    {"quoted extension with CRLF", Verdict::malformed, "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"},
    {"quoted pair with CR", Verdict::malformed, "5;a=\"\\\r\"\r\nhello\r\n0\r\n\r\n"},
    {"quoted, then text", Verdict::malformed, "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"},
    {"quote open", Verdict::malformed, "5;a=\"b\r\nhello\r\n0\r\n\r\n"},
    {"quote inside of a token", Verdict::malformed, "5;a=b\"c\"\r\nhello\r\n0\r\n\r\n"},
    {"trailer", Verdict::accept, "0\r\nX: y\r\n\r\n"},
    {"trailers", Verdict::accept, "0\r\nX: y\r\nZ:\r\n\r\n"},
    {"trailer Content-Length", Verdict::accept, "0\r\nContent-Length: 9\r\n\r\n"},
    {"trailer without colon", Verdict::malformed, "0\r\nX\r\n\r\n"},
    {"trailer without name", Verdict::malformed, "0\r\n: y\r\n\r\n"},
    {"trailer blank before colon", Verdict::malformed, "0\r\nX : y\r\n\r\n"},
    {"trailer folded", Verdict::malformed, "0\r\nX: y\r\n z\r\n\r\n"},
    {"trailer with LF", Verdict::malformed, "0\r\nX: y\n\r\n"},
    {"trailer with CR", Verdict::malformed, "0\r\nX: y\rz\r\n\r\n"},
    {"trailer with NUL", Verdict::malformed, "0\r\nX: \0\r\n\r\n"sv},
    {"request where trailers are", Verdict::malformed,
     "0\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"next request follows", Verdict::accept, "0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
};

TEST(Smuggling, ChunkedBodies) {
    for (const Case& test : kChunkedBodies) {
        std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        bytes.append(test.bytes);
        check(test, bytes, [](const Pieces& pieces) { return read_request(pieces); });
        bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        bytes.append(test.bytes);
        check(test, bytes, [](const Pieces& pieces) { return read_response(pieces); });
    }
}

constexpr Case kResponses[] = {
    {"no length", Verdict::waits, "HTTP/1.1 200 OK\r\n\r\nbody"},
    {"no reason", Verdict::waits, "HTTP/1.1 200 \r\n\r\n"},
    {"no reason and no blank", Verdict::waits, "HTTP/1.1 200\r\n\r\n"},
    {"reason with high bytes", Verdict::waits, "HTTP/1.1 200 \xC3\xA9\t!\r\n\r\n"},
    {"204", Verdict::accept, "HTTP/1.1 204 No Content\r\n\r\n"},
    {"204 with a length", Verdict::accept, "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"},
    {"304 with a length", Verdict::accept, "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n"},
    {"204 with two lengths", Verdict::malformed,
     "HTTP/1.1 204 No\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
    {"100", Verdict::accept, "HTTP/1.1 100 Continue\r\n\r\n"},
    {"101", Verdict::malformed, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
    {"1.0 and chunked", Verdict::malformed,
     "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"status of two digits", Verdict::malformed, "HTTP/1.1 20 OK\r\n\r\n"},
    {"status of four digits", Verdict::malformed, "HTTP/1.1 2000 OK\r\n\r\n"},
    {"status 099", Verdict::malformed, "HTTP/1.1 099 OK\r\n\r\n"},
    {"status 600", Verdict::malformed, "HTTP/1.1 600 OK\r\n\r\n"},
    {"status with a letter", Verdict::malformed, "HTTP/1.1 2O0 OK\r\n\r\n"},
    {"status with a sign", Verdict::malformed, "HTTP/1.1 +20 OK\r\n\r\n"},
    {"two blanks", Verdict::malformed, "HTTP/1.1  200 OK\r\n\r\n"},
    {"no status", Verdict::malformed, "HTTP/1.1\r\n\r\n"},
    {"tab", Verdict::malformed, "HTTP/1.1\t200 OK\r\n\r\n"},
    {"bare CR in reason", Verdict::malformed, "HTTP/1.1 200 O\rK\r\n\r\n"},
    {"NUL in reason", Verdict::malformed, "HTTP/1.1 200 \0\r\n\r\n"sv},
    {"control in reason", Verdict::malformed, "HTTP/1.1 200 \x01\r\n\r\n"},
    {"version 2", Verdict::version, "HTTP/2.0 200 OK\r\n\r\n"},
    {"version 1.2", Verdict::version, "HTTP/1.2 200 OK\r\n\r\n"},
    {"version without minor", Verdict::malformed, "HTTP/2 200 OK\r\n\r\n"},
    {"lower case", Verdict::malformed, "http/1.1 200 OK\r\n\r\n"},
    {"empty line first", Verdict::malformed, "\r\nHTTP/1.1 200 OK\r\n\r\n"},
    {"another protocol", Verdict::malformed, "SSH-2.0-x\r\n"},
    {"plain text", Verdict::malformed, "{\"error\": 1}"},
    {"TLS alert", Verdict::malformed, "\x15\x03\x01"},
    {"beginning only", Verdict::waits, "HTT"},
    {"line ends are LF", Verdict::malformed, "HTTP/1.1 200 OK\n\n"},
    {"folding after the status line", Verdict::malformed, "HTTP/1.1 200 OK\r\n X: y\r\n\r\n"},
};

TEST(Smuggling, Responses) {
    for (const Case& test : kResponses) {
        check(test, std::string(test.bytes),
              [](const Pieces& pieces) { return read_response(pieces); });
    }
}

TEST(Smuggling, TableIsLargeEnough) {
    EXPECT_GE(std::size(kFramingFields) + std::size(kRequests) + std::size(kChunkedBodies) +
                  std::size(kResponses),
              240U);
}

}  // namespace
}  // namespace sluice::test
