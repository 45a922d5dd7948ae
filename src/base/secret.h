// Secret: a key that must not reach a log line, an error text or a client.
//
// It cannot be formatted or streamed; whoever needs the bytes says so by calling reveal(), which a
// reviewer can search for. Every copy is wiped when it dies. The bytes live in a block of their
// own, never inside a string, so that moving a Secret leaves no second copy behind.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view value) { assign(value); }
    Secret(const Secret& other) { assign(other.reveal()); }
    Secret(Secret&& other) noexcept
        : bytes_(std::move(other.bytes_)), length_(std::exchange(other.length_, 0)) {}
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            assign(other.reveal());
        }
        return *this;
    }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe();
            bytes_ = std::move(other.bytes_);
            length_ = std::exchange(other.length_, 0);
        }
        return *this;
    }
    ~Secret() { wipe(); }

    bool empty() const { return length_ == 0; }
    // The view lives as long as this object is neither assigned nor destroyed.
    std::string_view reveal() const { return {bytes_.get(), length_}; }

    bool operator==(const Secret& other) const { return reveal() == other.reveal(); }

private:
    void assign(std::string_view value) {
        wipe();
        if (!value.empty()) {
            bytes_ = std::make_unique<char[]>(value.size());
            value.copy(bytes_.get(), value.size());
            length_ = value.size();
        }
    }
    void wipe() {
        if (bytes_ != nullptr) {
            explicit_bzero(bytes_.get(), length_);  // glibc's; the compiler may not leave it out.
            bytes_.reset();
        }
        length_ = 0;
    }

    std::unique_ptr<char[]> bytes_;
    size_t length_ = 0;
};

// Printing a secret by mistake is to be a compile error that names the reason.
template <class Stream>
Stream& operator<<(Stream& stream, const Secret&) = delete;

}  // namespace sluice
