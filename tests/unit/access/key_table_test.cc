// Secrets, and who is granted what.
#include "access/key_table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "access/virtual_key.h"
#include "base/prng.h"
#include "crypto/digest.h"

namespace sluice::access {
namespace {

constexpr int64_t kNow = 1'795'902'330;

std::vector<uint8_t> random_bytes(uint64_t seed, size_t count = kRandomBytes) {
    Prng random(seed);
    std::vector<uint8_t> bytes(count);
    for (uint8_t& byte : bytes) {
        byte = static_cast<uint8_t>(random.below(256));
    }
    return bytes;
}

KeyTable::KeyPtr key_of(std::string_view secret, KeyRecord record = {}) {
    record.id = secret;
    record.hash = hash_secret(secret);
    return std::make_shared<const VirtualKey>(VirtualKey{.record = std::move(record)});
}

TEST(Secret, HasTheFormThatIsDocumented) {
    std::set<std::string> seen;
    for (uint64_t seed = 1; seed <= 2'000; ++seed) {
        const auto made = make_secret(random_bytes(seed));
        ASSERT_TRUE(made);
        const std::string_view secret = made->secret.reveal();
        ASSERT_TRUE(secret.starts_with("sk-sluice-"));
        ASSERT_EQ(secret.size(), 50U);
        ASSERT_EQ(made->id.size(), 20U);
        ASSERT_EQ(secret.substr(10).find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                  std::string_view::npos);
        ASSERT_EQ(display_of(secret), secret.substr(0, 14));
        ASSERT_TRUE(seen.emplace(secret).second);
        ASSERT_TRUE(seen.emplace(made->id).second);
    }
}

TEST(Secret, EveryCharacterIsAsLikely) {
    size_t counts[128] = {};
    size_t total = 0;
    for (uint64_t seed = 1; seed <= 5'000; ++seed) {
        const auto made = make_secret(random_bytes(seed));
        ASSERT_TRUE(made);
        for (const char c : made->secret.reveal().substr(10)) {
            ++counts[static_cast<unsigned char>(c)];
            ++total;
        }
    }
    const double expected = static_cast<double>(total) / 62;
    size_t characters = 0;
    for (const size_t count : counts) {
        if (count != 0) {
            ++characters;
            EXPECT_NEAR(static_cast<double>(count), expected, expected * 0.1);
        }
    }
    EXPECT_EQ(characters, 62U);
}

TEST(Secret, TooLittleRandomnessMakesNone) {
    EXPECT_FALSE(make_secret(random_bytes(1, 50)));
    EXPECT_FALSE(make_secret(std::vector<uint8_t>(kRandomBytes, 0xff)));
}

TEST(Secret, OthersAreNotShown) {
    EXPECT_EQ(display_of("sk-team-0123456789abcdefghij"), "");
    EXPECT_EQ(display_of("sk-sluice-short"), "");
}

TEST(KeyTable, FindsEachOfManyAndNothingElse) {
    std::vector<KeyTable::KeyPtr> keys;
    keys.reserve(3'000);
    for (int i = 0; i < 3'000; ++i) {
        keys.push_back(key_of("secret-" + std::to_string(i)));
    }
    const KeyTable table(keys);
    for (int i = 0; i < 3'000; ++i) {
        const std::string secret = "secret-" + std::to_string(i);
        const VirtualKey* const found = table.find(hash_secret(secret));
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->record.id, secret);
        ASSERT_EQ(table.find(hash_secret("other-" + std::to_string(i))), nullptr);
    }
    EXPECT_EQ(KeyTable().find(hash_secret("secret-1")), nullptr);
}

TEST(KeyTable, KeysWhoseHashesBeginAlikeAreToldApart) {
    KeyRecord a;
    KeyRecord b;
    a.hash.fill(7);
    b.hash = a.hash;
    b.hash[31] = 8;
    const KeyTable table({std::make_shared<const VirtualKey>(VirtualKey{.record = a}),
                          std::make_shared<const VirtualKey>(VirtualKey{.record = b})});
    EXPECT_EQ(table.find(a.hash), table.keys()[0].get());
    EXPECT_EQ(table.find(b.hash), table.keys()[1].get());
    a.hash[20] = 0;
    EXPECT_EQ(table.find(a.hash), nullptr);
}

TEST(Authenticate, SaysWhyNot) {
    KeyRecord expired;
    expired.expires_at_s = kNow;
    KeyRecord revoked;
    revoked.revoked_at_s = kNow - 1;
    KeyRecord disabled;
    disabled.is_disabled = true;
    KeyRecord narrow;
    narrow.models = {"gpt-4o", "claude-*"};
    narrow.routes = {"chat"};
    narrow.expires_at_s = kNow + 1;
    const KeyTable table({key_of("good"), key_of("expired", expired), key_of("revoked", revoked),
                          key_of("disabled", disabled), key_of("narrow", narrow)});
    const auto reason = [&](std::string_view secret, std::string_view model = "",
                            std::string_view route = "") {
        return access_reason_name(authenticate(table, secret, kNow, model, route).reason);
    };
    EXPECT_EQ(reason(""), "missing");
    EXPECT_EQ(reason("goo"), "unknown");
    EXPECT_EQ(reason(std::string(kSecretBytesMax + 1, 'a')), "unknown");
    EXPECT_EQ(reason("good", "anything", "anywhere"), "granted");
    EXPECT_EQ(reason("expired"), "expired");
    EXPECT_EQ(reason("revoked"), "revoked");
    EXPECT_EQ(reason("disabled"), "disabled");
    EXPECT_EQ(reason("narrow"), "granted");
    EXPECT_EQ(reason("narrow", "gpt-4o", "chat"), "granted");
    EXPECT_EQ(reason("narrow", "claude-sonnet-4-5", "chat"), "granted");
    EXPECT_EQ(reason("narrow", "claude-", "chat"), "granted");
    EXPECT_EQ(reason("narrow", "gpt-4o-mini", "chat"), "model_not_allowed");
    EXPECT_EQ(reason("narrow", "gpt-4o", "embeddings"), "route_not_allowed");
    EXPECT_EQ(authenticate(table, "revoked", kNow, "", "").key->record.id, "revoked");
    EXPECT_EQ(authenticate(table, "nobody", kNow, "", "").key, nullptr);
}

TEST(Authenticate, ReadsBearerTokens) {
    EXPECT_EQ(bearer_token("Bearer sk-1"), "sk-1");
    EXPECT_EQ(bearer_token("  bearer   sk-1\t"), "sk-1");
    for (const std::string_view other :
         {"", "Bearer", "Bearer ", "Basic abc", "sk-1", "Bearersk-1"}) {
        EXPECT_EQ(bearer_token(other), "") << other;
    }
}

}  // namespace
}  // namespace sluice::access
