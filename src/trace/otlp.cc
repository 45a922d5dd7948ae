// Brackets, names and the forms of numbers.
#include "trace/otlp.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/text.h"
#include "trace/context.h"

namespace sluice::trace {

namespace {

// The conventions that names of attributes are of.
constexpr std::string_view kSchemaUrl = "https://opentelemetry.io/schemas/1.37.0";
// Number of Status.StatusCode.
constexpr int64_t kStatusError = 2;
constexpr size_t kDigitsMax = 20;

}  // namespace

void OtlpText::begin_request() {
    writer_.begin_object().key("resourceSpans").begin_array().begin_object();
    writer_.key("resource").begin_object().key("attributes").begin_array();
}

void OtlpText::begin_spans(std::string_view scope, std::string_view version) {
    writer_.end_array().end_object();
    writer_.key("scopeSpans").begin_array().begin_object();
    writer_.key("scope").begin_object().key("name").string(scope);
    writer_.key("version").string(version).end_object();
    writer_.key("spans").begin_array();
}

void OtlpText::begin_span(const SpanHead& head) {
    const auto as_view = [](const auto& digits) {
        return std::string_view(digits.data(), digits.size());
    };
    writer_.begin_object();
    writer_.key("traceId").string(as_view(hex(head.trace)));
    writer_.key("spanId").string(as_view(hex(head.span)));
    if (head.parent != 0) {
        writer_.key("parentSpanId").string(as_view(hex(head.parent)));
    }
    writer_.key("flags").unsigned_integer(head.flags);
    writer_.key("name").string(head.name);
    writer_.key("kind").integer(static_cast<int64_t>(head.kind));
    quoted("startTimeUnixNano", head.began_ns);
    quoted("endTimeUnixNano", head.ended_ns);
    writer_.key("attributes").begin_array();
}

void OtlpText::end_span(std::string_view error) {
    writer_.end_array();
    writer_.key("status").begin_object();
    if (!error.empty()) {
        writer_.key("message").string(error).key("code").integer(kStatusError);
    }
    writer_.end_object().end_object();
}

void OtlpText::end_request() {
    writer_.end_array().key("schemaUrl").string(kSchemaUrl);
    writer_.end_object().end_array().end_object().end_array().end_object();
    output_.finish();
}

// A 64-bit integer, as protobuf's JSON has it.
void OtlpText::quoted(std::string_view key, int64_t value) {
    std::array<char, kDigitsMax + 1> digits;
    char* at = digits.data();
    uint64_t magnitude = static_cast<uint64_t>(value);
    if (value < 0) {
        *at++ = '-';
        magnitude = 0 - magnitude;
    }
    at += write_decimal(magnitude, at);
    writer_.key(key).string({digits.data(), at});
}

void OtlpText::begin_attribute(std::string_view key) {
    writer_.begin_object().key("key").string(key).key("value").begin_object();
}

void OtlpText::end_attribute() {
    writer_.end_object().end_object();
}

void OtlpText::text(std::string_view key, std::string_view value) {
    if (!value.empty()) {
        begin_attribute(key);
        writer_.key("stringValue").string(value);
        end_attribute();
    }
}

void OtlpText::integer(std::string_view key, int64_t value) {
    begin_attribute(key);
    quoted("intValue", value);
    end_attribute();
}

void OtlpText::number(std::string_view key, double value) {
    begin_attribute(key);
    writer_.key("doubleValue").number(value);
    end_attribute();
}

void OtlpText::boolean(std::string_view key, bool value) {
    begin_attribute(key);
    writer_.key("boolValue").boolean(value);
    end_attribute();
}

void OtlpText::texts(std::string_view key, std::span<const std::string_view> values) {
    if (values.empty()) {
        return;
    }
    begin_attribute(key);
    writer_.key("arrayValue").begin_object().key("values").begin_array();
    for (const std::string_view value : values) {
        writer_.begin_object().key("stringValue").string(value).end_object();
    }
    writer_.end_array().end_object();
    end_attribute();
}

}  // namespace sluice::trace
