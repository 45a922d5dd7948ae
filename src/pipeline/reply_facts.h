// ReplyFacts: what a trace says of a reply besides its tokens: which model has answered, and why it
// ended. Found in the bytes that the client gets, while they pass.
//
// Only for exchanges whose trace is sampled, and only in dialects where a reply's own members
// cannot be taken for something that the model wrote. In the exchange's arena.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "http/server_exchange.h"
#include "json/member_finder.h"
#include "pipeline/client_call.h"
#include "trace/notes.h"

namespace sluice::pipeline {

class ReplyFacts final : public http::BodyTap {
public:
    // Whether such a reply can be looked into.
    static bool can_read(const ClientCall& call, bool is_stream);

    // `next` gets every byte as well, if there is one.
    ReplyFacts(const ClientCall& call, Arena& arena, http::BodyTap* next);

    void on_body(std::string_view bytes) override;
    void on_hidden(std::string_view bytes) override;

    std::string_view model() const { return model_.value(); }
    // One for each choice that has ended, in that order.
    std::span<const std::string_view> finish_reasons() const {
        return std::span(finish_reasons_).first(finish_count_);
    }

private:
    static constexpr size_t kReasonsMax = trace::kFinishReasonsMax;

    void look(std::string_view bytes);

    Arena& arena_;
    http::BodyTap* const next_;
    json::MemberFinder model_;
    json::MemberFinder finish_;
    std::array<std::string_view, kReasonsMax> finish_reasons_;
    uint8_t finish_count_ = 0;
};

}  // namespace sluice::pipeline
