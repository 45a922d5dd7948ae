// KeyedFingerprint: a keyed 256-bit name for a long text, at the speed of memory.
//
// HMAC-SHA-256 over a GMAC of the text: the long part goes through GHASH, nine times as fast as
// SHA-256. Two texts have one name with a chance of their length in blocks / 2^128 for whoever does
// not know the key, which is enough to find things by and too little to prove anything by: whoever
// must be sure compares the texts. Never changed once made; any thread.
#pragma once

#include <memory>
#include <string_view>

#include "crypto/digest.h"

namespace sluice::crypto {

class KeyedFingerprint {
public:
    explicit KeyedFingerprint(std::string_view key);
    ~KeyedFingerprint();
    KeyedFingerprint(const KeyedFingerprint&) = delete;
    KeyedFingerprint& operator=(const KeyedFingerprint&) = delete;

    Sha256 of(std::string_view text) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::crypto
