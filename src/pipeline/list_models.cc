// The merged list of models: what the routes name, and what their upstreams say they have.
//
// An upstream that does not answer is left out, with a line in the log: a list is better than none.
#include <algorithm>
#include <span>
#include <string_view>

#include "access/key_table.h"
#include "access/virtual_key.h"
#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/header_names.h"
#include "http/url.h"
#include "json/tree.h"
#include "pipeline/chain.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/exchange.h"
#include "pipeline/fetch.h"
#include "pipeline/processor.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "providers/model_list.h"
#include "providers/vendor.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using providers::ModelInfo;
using providers::Operation;

constexpr Duration kFetchTimeout = Duration::seconds(5);
constexpr uint32_t kListBytesMax = 4 * 1024 * 1024;
constexpr size_t kTextBytesFirst = 4096;
constexpr std::string_view kOwner = "sluice";

}  // namespace

// What was found, without what the key that asks may not use.
struct ListedModels {
    Arena& arena;
    const access::VirtualKey* key;  // Null: nobody's, who may use everything.
    ArenaList<ModelInfo> models = ArenaList<ModelInfo>(arena);

    void add(const Route& route, const ModelInfo& model) {
        const auto is_same = [&](const ModelInfo& other) { return other.id.raw == model.id.raw; };
        const bool may_use =
            key == nullptr || access::may_use(*key, model.id.raw, route.options->path_prefix) ==
                                  access::AccessReason::granted;
        if (may_use && std::ranges::none_of(models.view(), is_same)) {
            models.push_back(model);
        }
    }
    void add_name(const Route& route, std::string_view name) {
        if (!name.empty() && !name.ends_with('*')) {
            add(route, {.id = json::escape(name, arena)});
        }
    }
};

namespace {

// What the configuration itself calls models.
void add_names_of(const Route& route, ListedModels& listed) {
    for (const upstream::ModelAlias& alias : route.options->model_aliases) {
        listed.add_name(route, alias.alias);
    }
    for (const std::string& name : route.options->models) {
        listed.add_name(route, name);
    }
    for (const LlmTarget& target : route.pool->targets) {
        for (const upstream::ModelAlias& alias : target.upstream->options().models) {
            listed.add_name(route, alias.alias);
        }
    }
}

void tell_unlisted(const upstream::Upstream& upstream, const Error& error) {
    SLUICE_LOG(warning, "pipeline", "an upstream's models could not be listed",
               {"upstream", upstream.options().name}, {"error", error});
}

bool takes(const Route& route, std::string_view model) {
    const auto fits = [&](const std::string& pattern) {
        return pattern.ends_with('*') ? model.starts_with(pattern.substr(0, pattern.size() - 1))
                                      : model == pattern;
    };
    return route.options->models.empty() || std::ranges::any_of(route.options->models, fits);
}

}  // namespace

coro::Task<Status> Exchange::list_models(std::span<const Route* const> routes) {
    Arena& arena = client_.arena();
    CO_TRY(const access::VirtualKey* const key, who_asks_for_models(routes));
    ListedModels listed = {.arena = arena, .key = key};
    for (const Route* route : routes) {
        add_names_of(*route, listed);
        for (const LlmTarget& target : route->pool->targets) {
            const Status added = co_await add_models_of(*route, target, listed);
            if (const std::optional<Error> stop = reason_to_stop()) {
                co_return fail(*stop);
            }
            if (!added) {
                tell_unlisted(*target.upstream, added.error());
            }
        }
    }
    const bool is_messages = client_.head().headers.has(http::HeaderId::anthropic_version);
    json::ArenaText text(arena, kTextBytesFirst);
    providers::encode_model_list(
        is_messages ? providers::Dialect::messages : providers::Dialect::chat, listed.models.view(),
        kOwner, text);
    co_return answer_with_json(200, text.view());
}

// The steps of the routes that tell who asks; each one that applies must have been satisfied. What
// the key may do on which route is asked for each model.
Result<const access::VirtualKey*> Exchange::who_asks_for_models(
    std::span<const Route* const> routes) {
    Arena& arena = client_.arena();
    ProcessorContext context(arena, record_);
    const ChainStep* latest = nullptr;
    for (const Route* route : routes) {
        if (route->chain == nullptr) {
            continue;
        }
        fill(context, *route);
        context.route = nullptr;
        for (const ChainStep* step : route->chain->steps()) {
            if (!step->authenticates() || step == latest || !step->condition.holds(context)) {
                continue;
            }
            latest = step;
            Processor& asking = step->factory->make(arena);
            const Verdict verdict = asking.on_head(context);
            asking.~Processor();
            if (verdict.kind() == Verdict::Kind::refuse) {
                refusal_ = verdict.told();
                return fail(verdict.error());
            }
        }
    }
    return context.key;
}

coro::Task<Status> Exchange::add_models_of(const Route& route,
                                           const LlmTarget& target,
                                           ListedModels& listed) {
    Arena& arena = client_.arena();
    if (!target.model.empty()) {
        co_return Status();  // Its own names are not those that clients use.
    }
    upstream::Upstream& upstream = *target.upstream;
    if (upstream.options().is_simulated()) {
        for (const std::string& name : upstream.options().simulator.models) {
            listed.add_name(route, name);
        }
        co_return Status();
    }
    const Service& service = *target.service;
    const std::string_view path = service.path(Operation::models, {}, false, arena);
    if (path.empty()) {
        co_return Status();  // It has no list, which is no failure.
    }
    if (CredentialKeeper* keeper = service.credentials()) {
        CO_TRY_VOID(co_await keeper->ensure(services_.proactor, *this));
    }
    ArenaList<providers::HeaderLine> headers(arena);
    const upstream::KeyRing::Choice choice = service.keys().choose({}, 0, services_.proactor.now());
    service.add_fields(headers, choice.key);
    FetchRequest request;
    request.target = http::join_target(arena, upstream.url().path_prefix, path);
    request.headers = headers.view();
    request.reply_bytes_max = kListBytesMax;
    request.timeout = kFetchTimeout;
    CO_TRY(const FetchedReply reply, co_await fetch(services_.proactor, *this, upstream, request));
    if (reply.status != 200) {
        co_return fail({.kind = ErrorKind::upstream_status,
                        .source = ErrorSource::upstream,
                        .status = reply.status,
                        .where = "the list of models was refused"});
    }
    CO_TRY(const std::span<const ModelInfo> found,
           providers::decode_model_list(service.vendor().dialect, arena.copy(reply.body), arena));
    for (const ModelInfo& model : found) {
        if (takes(route, model.id.raw)) {
            listed.add(route, model);
        }
    }
    co_return Status();
}

}  // namespace sluice::pipeline
