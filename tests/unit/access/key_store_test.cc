// Keys in a file: what is written is read back, what is wrong is named, what cannot be written has
// not happened.
#include "access/key_store.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "access/gcra.h"
#include "access/key_json.h"
#include "access/key_table.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "access/virtual_key.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/priority.h"
#include "base/prng.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "json/writer.h"

namespace sluice::access {
namespace {

constexpr Moment kMoment = {Instant::from_ns(5'000'000'000'000), 1'795'902'330'000};
constexpr std::string_view kHash =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // Of "abc".

std::vector<uint8_t> random_bytes(uint64_t seed) {
    Prng random(seed);
    std::vector<uint8_t> bytes(kRandomBytes);
    for (uint8_t& byte : bytes) {
        byte = static_cast<uint8_t>(random.below(256));
    }
    return bytes;
}

KeyRecord draft_of(std::string_view name) {
    KeyRecord draft;
    draft.name = name;
    return draft;
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class KeyStoreTest : public testing::Test {
protected:
    KeyStoreTest() {
        std::string pattern = testing::TempDir() + "sluice-keys-XXXXXX";
        folder_ = mkdtemp(pattern.data());
        options_.file = folder_ + "/keys.json";
    }
    ~KeyStoreTest() override { std::filesystem::remove_all(folder_); }

    void write_file(std::string_view text, mode_t mode = 0600) {
        std::ofstream(options_.file) << text;
        chmod(options_.file.c_str(), mode);
    }
    std::string content() {
        std::ifstream file(options_.file);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    // The first error of a load.
    std::string load_error(KeyStore& store,
                           std::vector<KeyRecord> configured = {},
                           const std::vector<TenantRecord>& tenants = {}) {
        const auto loaded = store.load(std::move(configured), tenants, kMoment);
        return loaded ? "" : loaded.error().front();
    }
    AccessReason reason_of(const KeyStore& store, std::string_view secret) {
        return authenticate(*store.table(), secret, kMoment.unix_s(), "", "").reason;
    }

    std::string folder_;
    KeyStoreOptions options_;
    LimitBook book_{{}, kMoment};
};

TEST_F(KeyStoreTest, WhatIsCreatedIsGrantedAlsoAfterARestart) {
    KeyStore store(book_, options_);
    ASSERT_EQ(load_error(store), "");
    KeyRecord draft = draft_of("ci \"runner\"");
    EXPECT_FALSE(store.create(draft, random_bytes(1), kMoment));
    draft.name = "ci-runner";
    draft.tenant = "research";
    draft.models = {"gpt-4o", "claude-*"};
    draft.limits = {.requests_per_minute = 60, .tokens_per_day = 1'000'000, .concurrency_max = 4};
    draft.budget = {.hard_picodollars = 25'500'000'000'000,
                    .soft_picodollars = 20'000'000'000'000,
                    .period = BudgetPeriod::week};
    draft.expires_at_s = kMoment.unix_s() + 86'400;
    draft.metadata = {{"owner", "Zo\xc3\xab \"z\"\n"}, {"cost-center", "17"}};
    const auto created = store.create(draft, random_bytes(1), kMoment);
    ASSERT_TRUE(created);
    const std::string secret(created->secret.reveal());
    EXPECT_EQ(reason_of(store, secret), AccessReason::granted);

    LimitBook other_book({}, kMoment);
    KeyStore again(other_book, options_);
    ASSERT_EQ(load_error(again), "");
    EXPECT_EQ(reason_of(again, secret), AccessReason::granted);
    const KeyRecord& record = again.find(created->id)->record;
    EXPECT_EQ(record.name, draft.name);
    EXPECT_EQ(record.tenant, draft.tenant);
    EXPECT_EQ(record.models, draft.models);
    EXPECT_EQ(record.limits, draft.limits);
    EXPECT_EQ(record.budget, draft.budget);
    EXPECT_EQ(record.metadata, draft.metadata);
    EXPECT_EQ(record.expires_at_s, draft.expires_at_s);
    EXPECT_EQ(record.created_at_s, kMoment.unix_s());
    EXPECT_EQ(record.display, secret.substr(0, 14));
}

TEST_F(KeyStoreTest, TheSecretIsInNoFileAndTheFileIsPrivate) {
    KeyStore store(book_, options_);
    const auto created = store.create(draft_of("a"), random_bytes(1), kMoment);
    ASSERT_TRUE(created);
    EXPECT_EQ(content().find(created->secret.reveal()), std::string::npos);
    EXPECT_EQ(content().find(created->secret.reveal().substr(14)), std::string::npos);
    struct stat status = {};
    ASSERT_EQ(stat(options_.file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    EXPECT_FALSE(std::filesystem::exists(options_.file + ".new"));
}

TEST_F(KeyStoreTest, RevokedAndDisabledKeysStayInTheList) {
    KeyStore store(book_, options_);
    const auto a = store.create(draft_of("a"), random_bytes(1), kMoment);
    const auto b = store.create(draft_of("b"), random_bytes(2), kMoment);
    ASSERT_TRUE(a && b);
    const auto old_table = store.table();
    ASSERT_TRUE(store.revoke(a->id, kMoment));
    EXPECT_EQ(reason_of(store, a->secret.reveal()), AccessReason::revoked);
    EXPECT_EQ(reason_of(store, b->secret.reveal()), AccessReason::granted);
    // Who still has the old table sees no change.
    EXPECT_TRUE(
        authenticate(*old_table, a->secret.reveal(), kMoment.unix_s(), "", "").is_granted());
    KeyRecord changed = store.find(b->id)->record;
    changed.is_disabled = true;
    changed.revoked_at_s = 5;  // Not what an update may set.
    ASSERT_TRUE(store.update(changed, kMoment));
    EXPECT_EQ(reason_of(store, b->secret.reveal()), AccessReason::disabled);
    ASSERT_EQ(load_error(store), "");
    EXPECT_EQ(reason_of(store, a->secret.reveal()), AccessReason::revoked);
    EXPECT_EQ(reason_of(store, b->secret.reveal()), AccessReason::disabled);
    EXPECT_EQ(store.table()->keys().size(), 2U);
    EXPECT_EQ(store.revoke("key_nobody", kMoment).error().front(),
              "there is no key with the id 'key_nobody'");
}

TEST_F(KeyStoreTest, AnUpdateKeepsWhatWasUsed) {
    KeyStore store(book_, options_);
    KeyRecord draft = draft_of("a");
    draft.limits.requests_per_day = 10;
    const auto created = store.create(draft, random_bytes(1), kMoment);
    ASSERT_TRUE(created);
    Gcra& limit = store.find(created->id)->limits->rate(LimitName::requests_per_day);
    ASSERT_TRUE(limit.try_take(kMoment.now, 7).is_admitted);
    KeyRecord changed = store.find(created->id)->record;
    changed.limits.requests_per_day = 12;
    ASSERT_TRUE(store.update(changed, kMoment));
    EXPECT_EQ(&store.find(created->id)->limits->rate(LimitName::requests_per_day), &limit);
    EXPECT_EQ(limit.peek(kMoment.now, 0).remaining, 5);
}

TEST_F(KeyStoreTest, WhatCannotBeWrittenHasNotHappened) {
    options_.file = folder_ + "/nowhere/keys.json";
    KeyStore store(book_, options_);
    const auto created = store.create(draft_of("a"), random_bytes(1), kMoment);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().front(), options_.file + " " + options_.file +
                                           ".new cannot be created: No such file or directory");
    EXPECT_TRUE(store.table()->empty());
    KeyStore without(book_, {});
    EXPECT_EQ(without.create(draft_of("a"), random_bytes(1), kMoment).error().front(),
              "there is no file to keep keys in: set keys.file");
}

TEST_F(KeyStoreTest, KeysOfTheConfigurationHaveTheirTenantAndAreNotChangedHere) {
    KeyStore store(book_, options_);
    KeyRecord key = draft_of("web");
    key.id = "web";
    key.tenant = "shop";
    key.hash = hash_secret("a secret of twenty letters");
    key.origin = KeyOrigin::configuration;
    const TenantRecord tenant = {"shop", {.requests_per_minute = 5}, {}};
    ASSERT_EQ(load_error(store, {key}, {tenant}), "");
    const VirtualKey* const found =
        authenticate(*store.table(), "a secret of twenty letters", 0, "", "").key;
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->tenant, book_.find(ScopeKind::tenant, "shop"));
    EXPECT_EQ(store.revoke("web", kMoment).error().front(),
              "[key.web] is part of the configuration and changed there");
    ASSERT_TRUE(store.create(draft_of("other"), random_bytes(1), kMoment));
    EXPECT_EQ(content().find("web"), std::string::npos);
    EXPECT_EQ(load_error(store, {key, key}), "[key.web]: id 'web' is another key's");
    EXPECT_EQ(store.table()->keys().size(), 2U);
    key.id = "web2";
    KeyRecord same = key;
    same.id = "web3";
    EXPECT_EQ(load_error(store, {key, same}), "[key.web3]: has the same secret as [key.web2]");
    key.tenant = "bad tenant";
    EXPECT_EQ(load_error(store, {key}),
              "[key.web2]: tenant must be the name of a tenant, not \"bad tenant\"");
}

TEST_F(KeyStoreTest, AFileThatOthersCanReadIsRefused) {
    write_file(R"({"version":1,"keys":[]})", 0640);
    KeyStore store(book_, options_);
    EXPECT_EQ(load_error(store), options_.file + " is open to others (mode 0640); make it 0600");
    chmod(options_.file.c_str(), 0600);
    EXPECT_EQ(load_error(store), "");
    options_.file_bytes_max = 10;
    KeyStore small(book_, options_);
    EXPECT_EQ(load_error(small), options_.file + " has more than 10 bytes");
    options_.file = folder_;
    KeyStore folder(book_, options_);
    EXPECT_EQ(load_error(folder), options_.file + " is not a regular file");
}

TEST_F(KeyStoreTest, ErrorsNameFileKeyMemberAndWhatWasExpected) {
    const std::string begin =
        R"({"version":1,"keys":[{"id":"key_1","name":"ci","sha256":")" + std::string(kHash) + "\"";
    const std::pair<std::string, std::string> cases[] = {
        {"{", " is not JSON: expected"},
        {R"({"version":2,"keys":[]})", "version must be 1"},
        {R"({"version":1})", "keys must be an array of keys"},
        {R"({"version":1,"keys":[7]})", "key number 1: must be an object"},
        {R"({"version":1,"keys":[{"id":"a","name":"ci"}]})", "key 'ci': sha256 is missing"},
        {R"({"version":1,"keys":[{"id":"a","name":"ci","sha256":"sk-sluice-secret"}]})",
         "key 'ci': sha256 must be 64 hexadecimal digits"},
        {begin + R"(,"limit":{}}]})", "key 'ci': limit is not a member that is known"},
        {begin + R"(,"limits":{"rpm":1}}]})", "key 'ci': limits.rpm is not a member"},
        {begin + R"(,"limits":{"requests_per_day":-1}}]})",
         "key 'ci': limits.requests_per_day must be a whole number from 0 to 10000000000, not -1"},
        {begin + R"(,"limits":{"requests_per_day":1.5}}]})",
         "key 'ci': limits.requests_per_day must be a whole number, 0 for no limit, not 1.5"},
        {begin + R"(,"limits":{"tokens_burst":5}}]})",
         "key 'ci': limits.tokens_burst needs limits.tokens_per_minute"},
        {begin + R"(,"budget":{"usd":"5"}}]})",
         "key 'ci': budget.usd must be a number of dollars from 0 to 9000000"},
        {begin + R"(,"budget":{"usd":5,"soft_usd":6}}]})",
         "key 'ci': budget.soft_usd must not be more than budget.usd"},
        {begin + R"(,"budget":{"period":"year"}}]})",
         "key 'ci': budget.period must be one of hour, day, week, month, total, not \"year\""},
        {begin + R"(,"expires_at":"tomorrow"}]})", "key 'ci': expires_at must be a time such as"},
        {begin + R"(,"models":["a*b"]}]})", "key 'ci': models must be names, or beginnings with"},
        {begin + R"(,"disabled":1}]})", "key 'ci': disabled must be true or false, not 1"},
        {begin + R"(,"metadata":{"a":1}}]})", "key 'ci': metadata.a must be a text, not 1"},
    };
    for (const auto& [text, expected] : cases) {
        write_file(text);
        KeyStore store(book_, options_);
        const std::string error = load_error(store);
        EXPECT_TRUE(error.starts_with(options_.file)) << error;
        EXPECT_NE(error.find(expected), std::string::npos) << error << "\n" << expected;
        EXPECT_EQ(error.find("secret"), std::string::npos);
    }
}

TEST_F(KeyStoreTest, AFaultyFileLeavesTheFormerKeys) {
    KeyStore store(book_, options_);
    const auto created = store.create(draft_of("a"), random_bytes(1), kMoment);
    ASSERT_TRUE(created);
    write_file("{");
    EXPECT_NE(load_error(store), "");
    EXPECT_EQ(reason_of(store, created->secret.reveal()), AccessReason::granted);
}

TEST_F(KeyStoreTest, TheNumberOfKeysIsBounded) {
    options_.keys_max = 1;
    KeyStore store(book_, options_);
    ASSERT_TRUE(store.create(draft_of("a"), random_bytes(1), kMoment));
    EXPECT_EQ(store.create(draft_of("b"), random_bytes(2), kMoment).error().front(),
              "there are 1 keys already, which is the most");
    EXPECT_EQ(store.create(draft_of("b"), random_bytes(1), kMoment).error().front(),
              "there is such a key already: the random bytes are not random");
}

TEST(KeyJson, AChangeTouchesWhatItNames) {
    Arena arena;
    KeyRecord record = draft_of("a");
    record.limits = {.requests_per_minute = 5, .requests_per_day = 7};
    record.expires_at_s = 9;
    Errors errors;
    const auto* const change =
        json::Value::parse(R"({"limits":{"requests_per_day":8},"expires_at":null,"disabled":true})",
                           arena, ErrorSource::client)
            .value();
    read_settable(*change, arena, record, errors);
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(record.limits.requests_per_minute, 5);
    EXPECT_EQ(record.limits.requests_per_day, 8);
    EXPECT_EQ(record.expires_at_s, 0);
    EXPECT_TRUE(record.is_disabled);
    const auto read_priority = [&](std::string_view text) {
        read_settable(*json::Value::parse(text, arena, ErrorSource::client).value(), arena, record,
                      errors);
        return record.priority;
    };
    EXPECT_EQ(read_priority(R"({"priority":"high"})"), Priority::high);
    EXPECT_EQ(read_priority(R"({"name":"a"})"), Priority::high);
    EXPECT_EQ(read_priority(R"({"priority":""})"), std::nullopt);
    EXPECT_TRUE(errors.empty());
    read_priority(R"({"priority":"urgent"})");
    read_priority(R"({"priority":1})");
    EXPECT_EQ(errors.size(), 2U);
    errors.clear();
    const auto* const stored =
        json::Value::parse(R"({"sha256":"","id":"x"})", arena, ErrorSource::client).value();
    read_settable(*stored, arena, record, errors);
    EXPECT_EQ(errors.size(), 2U);
}

TEST(KeyJson, TheListForPeopleHasNoHash) {
    KeyRecord record = draft_of("a");
    record.hash = crypto::parse_sha256(kHash).value();
    Arena arena;
    json::ArenaText text(arena);
    json::Writer writer(text);
    write_key(writer, record, KeyDetail::public_members);
    EXPECT_EQ(text.view(),
              R"({"id":"","name":"a","tenant":"","prefix":"","origin":"file","models":[],)"
              R"("routes":[],"priority":"","limits":{},"budget":{},"created_at":null,)"
              R"("expires_at":null,)"
              R"("revoked_at":null,"disabled":false,"metadata":{}})");
}

}  // namespace
}  // namespace sluice::access
