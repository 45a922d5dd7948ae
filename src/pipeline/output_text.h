// Memory for what the gateway writes itself: translated events and bodies.
//
// Bytes that go into a stream must be counted, because a stream can outlive the exchange; so they
// are written straight into blocks. Several events share a block, with room around each for its
// framing; blocks come from the shard's pool, so that an event allocates nothing.
#pragma once

#include <cstddef>

#include "base/slice.h"
#include "http/body_reader.h"
#include "json/writer.h"

namespace sluice::pipeline {

// Text of one event after another; take() hands on what was written since the last call.
class EventText final : public json::TextOutput {
public:
    http::BodyPiece take();
    bool has_text() const { return next_ != begin_; }

private:
    void grow(size_t count) override;

    Slice block_;
};

// One text of any length, in one block of its own.
class BodyText final : public json::TextOutput {
public:
    explicit BodyText(size_t size_hint_bytes) { grow(size_hint_bytes); }

    Slice take();

private:
    void grow(size_t count) override;

    Slice block_;
};

}  // namespace sluice::pipeline
