// Endpoints about virtual keys: what there are, a new one, other numbers, the end of one.
//
// A change is in the file of keys first, then in the table of every shard, and only then answered;
// so whoever got the answer may use the key, or rely on that nobody else does any more. A secret is
// in the answer to its making and nowhere else.
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <string.h>

#include "access/key_json.h"
#include "access/key_store.h"
#include "access/key_table.h"
#include "access/virtual_key.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "coro/task.h"
#include "json/tree.h"
#include "json/writer.h"
#include "net/shard.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/ask_shards.h"
#include "server/machine.h"
#include "server/shard_body.h"

namespace sluice::server {

namespace {

using access::KeyRecord;
using access::VirtualKey;

// A shard that does not turn for so long is in trouble, and gets the keys when it turns again.
constexpr Duration kShardPatience = Duration::seconds(5);
constexpr uint64_t kKeysAtOnce = 100;
constexpr uint64_t kKeysAtOnceMax = 1'000;

// All that is wrong, as one text.
std::string joined(const std::vector<std::string>& problems) {
    std::string text;
    for (const std::string& problem : problems) {
        text += (text.empty() ? "" : "; ") + problem;
    }
    return text;
}

// The table as it is now, for every shard. False when one did not take it in time.
coro::Task<bool> give_to_shards(AdminCall& call) {
    const access::KeyTablePtr table = call.backend.access().keys().table();
    const auto give = [table](net::Shard& shard) {
        ShardBody::give_keys(shard, table);
        return true;
    };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const std::vector<std::optional<bool>> taken =
        co_await ask_shards(call.backend.shards(), call.signal, give, kShardPatience, is_over);
    bool is_everywhere = true;
    for (const std::optional<bool>& one : taken) {
        is_everywhere = is_everywhere && one.has_value();
    }
    co_return is_everywhere;
}

AdminAnswer no_key() {
    return admin_error(404, "no_such_key", "there is no key with this id");
}

// Why nothing can be changed at all; nothing when it can.
std::optional<AdminAnswer> why_unchangeable(AdminCall& call) {
    if (!call.backend.access().keys().options().file.empty()) {
        return std::nullopt;
    }
    return admin_error(409, "no_key_file",
                       "there is no file to keep keys in; set keys.file and reload");
}

// The key that the path names, or the answer to a name of none.
std::expected<const VirtualKey*, AdminAnswer> find_key(AdminCall& call) {
    Arena arena;
    const std::optional<std::string_view> id = decoded_parameter(call, 0, arena);
    const VirtualKey* const key = id ? call.backend.access().keys().find(*id) : nullptr;
    if (key == nullptr) {
        return std::unexpected(no_key());
    }
    return key;
}

// The record of the key that the path names, if it may be changed.
std::expected<KeyRecord, AdminAnswer> find_changeable(AdminCall& call) {
    const std::expected<const VirtualKey*, AdminAnswer> key = find_key(call);
    if (!key) {
        return std::unexpected(key.error());
    }
    if ((*key)->record.origin == access::KeyOrigin::configuration) {
        return std::unexpected(admin_error(
            409, "configured_key",
            "[key." + (*key)->record.id + "] is part of the configuration; change it there"));
    }
    if (std::optional<AdminAnswer> answer = why_unchangeable(call)) {
        return std::unexpected(std::move(*answer));
    }
    return (*key)->record;
}

// What the body sets of `record`; nothing when that is all right.
std::optional<AdminAnswer> read_body(const AdminCall& call, KeyRecord& record) {
    Arena arena;
    const auto body = json::Value::parse(call.body, arena, ErrorSource::client);
    if (!body) {
        return admin_error(400, "malformed_body", "the body is no JSON object");
    }
    std::vector<std::string> problems;
    access::read_settable(**body, arena, record, problems);
    if (problems.empty() && record.name.empty()) {
        problems.emplace_back("name must be a text that is not empty");
    }
    if (problems.empty()) {
        problems = access::problems_of(record);
    }
    return problems.empty() ? std::nullopt
                            : std::optional(admin_error(400, "invalid_key", joined(problems)));
}

// All was checked before, so it is the file that could not be written, or the book that is full.
AdminAnswer not_stored(const access::Errors& errors) {
    SLUICE_LOG(error, "keys", "a change of a key could not be kept", {"reason", joined(errors)});
    return admin_error(500, "not_stored", joined(errors));
}

void write_changed(json::Writer& writer, AdminCall& call, std::string_view id, bool is_in_force) {
    writer.key("key");
    if (const VirtualKey* const key = call.backend.access().keys().find(id)) {
        access::write_key(writer, key->record, access::KeyDetail::public_members);
    } else {
        writer.null();  // A reload came between, and the file did not have it any more.
    }
    writer.key("in_force").boolean(is_in_force);
}

AdminAnswer changed(AdminCall& call, std::string_view id, bool is_in_force) {
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object();
    write_changed(writer, call, id, is_in_force);
    writer.end_object();
    text.finish();
    return answer;
}

}  // namespace

coro::Task<AdminAnswer> answer_keys(AdminCall& call) {
    AdminQuery query(call.query);
    const std::string_view tenant = query.text("tenant");
    const AdminPage page = query.page(kKeysAtOnce, kKeysAtOnceMax);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object().key("keys").begin_array();
    const access::KeyTablePtr table = call.backend.access().keys().table();
    uint64_t count = 0;
    for (const access::KeyTable::KeyPtr& key : table->keys()) {
        if (!tenant.empty() && key->record.tenant != tenant) {
            continue;
        }
        if (page.holds(count++)) {
            access::write_key(writer, key->record, access::KeyDetail::public_members);
        }
    }
    writer.end_array().key("total").unsigned_integer(count).end_object();
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_key(AdminCall& call) {
    const std::expected<const VirtualKey*, AdminAnswer> key = find_key(call);
    if (!key) {
        co_return key.error();
    }
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    access::write_key(writer, (*key)->record, access::KeyDetail::public_members);
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_create_key(AdminCall& call) {
    if (std::optional<AdminAnswer> refusal = why_unchangeable(call)) {
        co_return *std::move(refusal);
    }
    KeyRecord draft;
    if (std::optional<AdminAnswer> refusal = read_body(call, draft)) {
        co_return *std::move(refusal);
    }
    std::array<uint8_t, access::kRandomBytes> random = {};
    if (!fill_random(random)) {
        co_return admin_error(500, "no_randomness", "the system gives no random bytes");
    }
    access::KeyStore& store = call.backend.access().keys();
    const auto created = store.create(std::move(draft), random, call.backend.moment());
    ::explicit_bzero(random.data(), random.size());
    if (!created) {
        co_return not_stored(created.error());
    }
    SLUICE_LOG(info, "keys", "a key was made", {"id", created->id});
    const bool is_in_force = co_await give_to_shards(call);
    AdminAnswer answer;
    answer.status = 201;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object().key("secret").string(created->secret.reveal());
    write_changed(writer, call, created->id, is_in_force);
    writer.end_object();
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_change_key(AdminCall& call) {
    std::expected<KeyRecord, AdminAnswer> record = find_changeable(call);
    if (!record) {
        co_return record.error();
    }
    if (std::optional<AdminAnswer> refusal = read_body(call, *record)) {
        co_return *std::move(refusal);
    }
    const auto updated = call.backend.access().keys().update(*record, call.backend.moment());
    if (!updated) {
        co_return not_stored(updated.error());
    }
    SLUICE_LOG(info, "keys", "a key was changed", {"id", record->id});
    call.backend.on_budgets_changed();
    const bool is_in_force = co_await give_to_shards(call);
    co_return changed(call, record->id, is_in_force);
}

coro::Task<AdminAnswer> answer_revoke_key(AdminCall& call) {
    const std::expected<KeyRecord, AdminAnswer> record = find_changeable(call);
    if (!record) {
        co_return record.error();
    }
    const auto revoked = call.backend.access().keys().revoke(record->id, call.backend.moment());
    if (!revoked) {
        co_return not_stored(revoked.error());
    }
    SLUICE_LOG(info, "keys", "a key was revoked", {"id", record->id});
    const bool is_in_force = co_await give_to_shards(call);
    co_return changed(call, record->id, is_in_force);
}

}  // namespace sluice::server
