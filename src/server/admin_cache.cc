// Endpoints about the response cache: what it holds, and taking something out of it.
//
// Counts are read from where the shards keep them. A purge is done by each shard for its own
// entries, a bounded part of them in a turn, and answered when all have done so.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "coro/task.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "net/shard.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/ask_shards.h"

namespace sluice::server {

namespace {

// A million entries take a shard about a second.
constexpr Duration kPurgePatience = Duration::seconds(20);

void write_counts(json::Writer& writer, const cache::CacheStatistics& counts) {
    writer.key("entries")
        .unsigned_integer(counts.entries)
        .key("bytes")
        .unsigned_integer(counts.bytes)
        .key("hits")
        .unsigned_integer(counts.hits)
        .key("misses")
        .unsigned_integer(counts.misses)
        .key("stores")
        .unsigned_integer(counts.stores)
        .key("replacements")
        .unsigned_integer(counts.replacements)
        .key("evictions")
        .unsigned_integer(counts.evictions)
        .key("expirations")
        .unsigned_integer(counts.expirations)
        .key("invalidations")
        .unsigned_integer(counts.invalidations)
        .key("refusals")
        .unsigned_integer(counts.refusals);
}

// One member of what is to go, if it is there. Returns what is wrong with it.
std::string_view take_text(const json::Value& member,
                           Arena& arena,
                           std::optional<std::string>& to) {
    if (!member.is_present()) {
        return {};
    }
    if (!member.is_string()) {
        return "model, tenant and digest must be texts";
    }
    to = json::unescape(member.text().raw, arena).value_or(member.text().raw);
    return {};
}

// Nothing but "all" means all: a body that says nothing was perhaps to say something.
std::expected<cache::CacheScope, std::string_view> read_scope(std::string_view body) {
    Arena arena;
    const auto parsed = json::Value::parse(body, arena, ErrorSource::client);
    if (!parsed || !(**parsed).is_object()) {
        return std::unexpected("the body is no JSON object");
    }
    const json::Value& root = **parsed;
    cache::CacheScope scope;
    std::optional<std::string> digest;
    for (const json::Value& member : root) {
        const std::string_view key = member.key().raw;
        std::string_view problem;
        if (key == "model") {
            problem = take_text(member, arena, scope.model);
        } else if (key == "tenant") {
            problem = take_text(member, arena, scope.tenant);
        } else if (key == "digest") {
            problem = take_text(member, arena, digest);
        } else if (key != "all") {
            problem = "expected some of all, model, tenant and digest, and nothing else";
        }
        if (!problem.empty()) {
            return std::unexpected(problem);
        }
    }
    if (digest) {
        scope.digest = crypto::parse_sha256(*digest);
        if (!scope.digest) {
            return std::unexpected("digest must be 64 hexadecimal digits");
        }
    }
    const bool is_narrowed = scope.model || scope.tenant || scope.digest;
    if (root["all"].is_true() == is_narrowed) {
        return std::unexpected(is_narrowed
                                   ? "all and a model, tenant or digest exclude each other"
                                   : R"(expected a model, a tenant, a digest, or "all": true)");
    }
    return scope;
}

}  // namespace

coro::Task<AdminAnswer> answer_cache(AdminCall& call) {
    AdminQuery query(call.query);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    const cache::CacheGroup& group = call.backend.cache();
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("enabled")
        .boolean(group.options().enabled)
        .key("bytes_max")
        .unsigned_integer(group.options().bytes_max)
        .key("entries_max")
        .unsigned_integer(group.options().entries_max);
    write_counts(writer, group.statistics());
    writer.key("shards").begin_array();
    for (size_t i = 0; i < group.size(); ++i) {
        writer.begin_object().key("index").unsigned_integer(i);
        write_counts(writer, group.part(i).statistics());
        writer.end_object();
    }
    writer.end_array().end_object();
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_purge(AdminCall& call) {
    const std::expected<cache::CacheScope, std::string_view> scope = read_scope(call.body);
    if (!scope) {
        co_return admin_error(400, "invalid_scope", scope.error());
    }
    const cache::CacheGroup& group = call.backend.cache();
    if (!group.options().enabled) {
        co_return admin_error(409, "cache_off", "there is no cache; set cache.enabled");
    }
    const auto begin = [&group, wanted = *scope](net::Shard& shard, LaterAnswer<uint64_t> answer) {
        group.part(shard.index())
            .invalidate_here(wanted, [answer](cache::SharedCache& /*here*/, uint64_t removed) {
                answer.send(removed);
            });
    };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const std::vector<std::optional<uint64_t>> counts = co_await ask_shards_later<uint64_t>(
        call.backend.shards(), call.signal, begin, kPurgePatience, is_over);
    uint64_t removed = 0;
    bool is_complete = true;
    for (const std::optional<uint64_t>& count : counts) {
        removed += count.value_or(0);
        is_complete = is_complete && count.has_value();
    }
    SLUICE_LOG(info, "cache", "answers were purged", {"entries", removed});
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("removed")
        .unsigned_integer(removed)
        .key("complete")
        .boolean(is_complete)
        .end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
