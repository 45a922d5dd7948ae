// Fields in the order they came; base64 as of RFC 4648 section 4.
#include "llm-mock/echo.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/types.h"

namespace sluice::llm_mock {

namespace {

void append_base64(std::string& to, std::string_view bytes) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const std::string_view group = bytes.substr(i, 3);
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; ++j) {
            bits = bits << 8U | (j < group.size() ? static_cast<uint8_t>(group[j]) : 0U);
        }
        for (size_t j = 0; j < 4; ++j) {
            to += j <= group.size() ? kDigits[(bits >> (18U - 6U * j)) & 63U] : '=';
        }
    }
}

void append_string(std::string& to, std::string_view text) {
    to += '"';
    append_json_escaped(to, text);
    to += '"';
}

}  // namespace

std::string echo_json(const http::RequestHead& head, std::string_view body, uint64_t body_bytes) {
    std::string json = "{\"method\": ";
    append_string(json, head.method_text);
    json += ", \"target\": ";
    append_string(json, head.target);
    json += ", \"version\": ";
    append_string(json, http::version_name(head.version));
    json += ", \"headers\": [";
    const char* separator = "";
    for (const http::HeaderField& field : head.headers) {
        json += separator;
        json += '[';
        append_string(json, field.name);
        json += ", ";
        append_string(json, field.value);
        json += ']';
        separator = ", ";
    }
    json += "], \"body\": ";
    append_string(json, body);
    json += ", \"body_bytes\": ";
    append_decimal(json, body_bytes);
    json += ", \"body_base64\": \"";
    append_base64(json, body);
    json += "\"}\n";
    return json;
}

}  // namespace sluice::llm_mock
