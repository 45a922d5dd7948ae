// OtlpText: a request of OTLP as JSON, span by span, field by field.
//
// The form of opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest in the JSON encoding
// that OTLP specifies: names in lowerCamelCase, ids in hexadecimal, 64-bit integers as strings,
// enumerators as numbers. Knows the form and no meaning. Lives where a batch is written; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "json/writer.h"
#include "trace/context.h"

namespace sluice::trace {

// Numbers of Span.SpanKind.
enum class SpanKind : uint8_t { internal = 1, server = 2, client = 3 };

struct SpanHead {
    TraceId trace;
    SpanId span = 0;
    SpanId parent = 0;  // 0: it is a root.
    uint32_t flags = 0;
    std::string_view name;
    SpanKind kind = SpanKind::internal;
    int64_t began_ns = 0;  // Since 1970.
    int64_t ended_ns = 0;
};

class OtlpText {
public:
    // Appends to `text`, which is whole after end_request().
    explicit OtlpText(std::string& text) : output_(text), writer_(output_) {}

    // --- In this order: a request, attributes of its resource, spans with theirs.
    void begin_request();
    void begin_spans(std::string_view scope, std::string_view version);
    void begin_span(const SpanHead& head);
    // `error`: what failed, or empty when nothing did.
    void end_span(std::string_view error);
    void end_request();

    // So far.
    size_t size_bytes() const { return output_.view().size(); }

    // --- An attribute of the resource or of the span. Empty texts are left out.
    void text(std::string_view key, std::string_view value);
    void integer(std::string_view key, int64_t value);
    void number(std::string_view key, double value);
    void boolean(std::string_view key, bool value);
    void texts(std::string_view key, std::span<const std::string_view> values);

private:
    void begin_attribute(std::string_view key);
    void end_attribute();
    void quoted(std::string_view key, int64_t value);

    json::StringText output_;
    json::Writer writer_;
};

}  // namespace sluice::trace
