// ContentCapture: keeps the beginnings of an exchange's bodies while they pass.
//
// Exists only where content is to be kept (`server.content_capture`), else an exchange has none and
// nothing is copied. Stands between the response and whoever else looks at it. Owned by its
// exchange; one shard.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "http/server_exchange.h"
#include "trace/content.h"

namespace sluice::pipeline {

class ContentCapture final : public http::BodyTap {
public:
    // `bytes_max`: of each of the two bodies.
    explicit ContentCapture(size_t bytes_max) : bytes_max_(bytes_max) {}

    void on_request(std::string_view bytes) { content_->request.add(bytes, bytes_max_); }
    void on_body(std::string_view bytes) override {
        content_->reply.add(bytes, bytes_max_);
        if (next_ != nullptr) {
            next_->on_body(bytes);
        }
    }
    // The client does not get it.
    void on_hidden(std::string_view bytes) override {
        if (next_ != nullptr) {
            next_->on_hidden(bytes);
        }
    }

    // Gets every byte of the response as well; null for nobody.
    void set_next(http::BodyTap* next) { next_ = next; }
    // At the end, once.
    trace::ContentPtr take() { return std::move(content_); }

private:
    const size_t bytes_max_;
    http::BodyTap* next_ = nullptr;
    std::unique_ptr<trace::Content> content_ = std::make_unique<trace::Content>();
};

}  // namespace sluice::pipeline
