// Document: reads a few values out of a small, complete JSON text (a usage object, an error body).
//
// A thin face on simdjson, which checks the whole text first. The parser and its padded copy of
// the text are kept from one text to the next, so one Document per shard serves everybody, one text
// at a time; nothing read from it may be kept across a suspension.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "json/field_watch.h"

namespace sluice::json {

class Document {
public:
    struct Options {
        // Reading takes about ten times as much memory, which is kept.
        size_t text_bytes_max = 256UL * 1024;
        // Who is blamed in errors.
        ErrorSource source = ErrorSource::upstream;
    };

    Document() : Document(Options{}) {}
    explicit Document(const Options& options);
    ~Document();
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;

    // Reads a new text; what was read from the one before is gone. Fails with invalid_json.
    Status parse(std::string_view text);

    // Paths are JSON pointers (RFC 6901), "" for the top value: "/usage/prompt_tokens",
    // "/choices/0/index". They must be literals: `where` of an error is `path` itself. The error
    // is invalid_field when the value is missing or of another type.
    ValueType type(const char* path) const;
    bool has(const char* path) const { return type(path) != ValueType::absent; }
    // Unescaped; valid until the next parse().
    Result<std::string_view> string(const char* path) const;
    Result<int64_t> integer(const char* path) const;
    Result<double> number(const char* path) const;
    Result<bool> boolean(const char* path) const;
    // How many items or members the array or object has.
    Result<size_t> size(const char* path) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::json
