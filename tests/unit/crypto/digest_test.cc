// Digests against the examples of FIPS 180-4 and RFC 4231.
#include "crypto/digest.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

TEST(Digest, Sha256OfTheStandardsExamples) {
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, HmacOfTheStandardsExamples) {
    EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                              "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Digest, ReadsWhatHexWrites) {
    const Sha256 digest = sha256("abc");
    EXPECT_EQ(parse_sha256(hex(digest)), digest);
    EXPECT_FALSE(parse_sha256(hex(digest).substr(1)));
    EXPECT_FALSE(parse_sha256(std::string(64, 'g')));
}

TEST(Digest, ComparesEveryByte) {
    const Sha256 digest = sha256("abc");
    for (size_t i = 0; i < digest.size(); ++i) {
        Sha256 other = digest;
        EXPECT_TRUE(equal_in_constant_time(digest, other));
        other[i] ^= 1U;
        EXPECT_FALSE(equal_in_constant_time(digest, other));
    }
}

TEST(EqualInConstantTime, ComparesLengthAndBytes) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("token", "token"));
    EXPECT_FALSE(equal_in_constant_time("token", "tokem"));
    EXPECT_FALSE(equal_in_constant_time("token", "token1"));
    EXPECT_FALSE(equal_in_constant_time("", "t"));
}

}  // namespace
}  // namespace sluice::crypto
