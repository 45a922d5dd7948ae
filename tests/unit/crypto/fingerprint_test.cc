// Fingerprints: repeatable, and every bit of key and text matters.
#include "crypto/fingerprint.h"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "crypto/digest.h"
#include "gtest/gtest.h"

namespace sluice::crypto {

namespace {

TEST(KeyedFingerprint, IsTheSameInAnotherObject) {
    const KeyedFingerprint one("key");
    const KeyedFingerprint again("key");
    EXPECT_EQ(one.of("text"), again.of("text"));
    EXPECT_EQ(one.of(""), again.of(""));
}

TEST(KeyedFingerprint, DependsOnTheKey) {
    EXPECT_NE(KeyedFingerprint("key").of("text"), KeyedFingerprint("Key").of("text"));
    EXPECT_NE(KeyedFingerprint("").of("text"), KeyedFingerprint("k").of("text"));
}

TEST(KeyedFingerprint, DependsOnEveryBitAndOnTheLength) {
    const KeyedFingerprint fingerprint("key");
    std::string text(300, '\0');
    std::set<Sha256> seen = {fingerprint.of(text)};
    size_t texts = 1;
    for (size_t bit = 0; bit < 8 * text.size(); ++bit, ++texts) {
        text[bit / 8] = static_cast<char>(1U << bit % 8);
        seen.insert(fingerprint.of(text));
        text[bit / 8] = '\0';
    }
    for (size_t length = 0; length < text.size(); ++length, ++texts) {
        seen.insert(fingerprint.of(std::string_view(text).substr(0, length)));
    }
    EXPECT_EQ(seen.size(), texts);
}

}  // namespace

}  // namespace sluice::crypto
