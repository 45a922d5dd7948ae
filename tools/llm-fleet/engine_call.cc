// Reading what a request asks of an engine, and the call's entry and exit.
#include "llm-fleet/engine_call.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "balance/prefix_hash.h"
#include "base/arena.h"
#include "base/result.h"
#include "json/document.h"
#include "llm-fleet/served_worker.h"
#include "llm-kit/model_call.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"

namespace sluice::llm_fleet {

Result<EngineWork> read_engine_work(const llm_kit::ModelCall& call,
                                    std::string_view body,
                                    uint32_t tokens) {
    Arena arena;
    json::Document document({.text_bytes_max = body.size()});
    TRY(const providers::SimulatedRequestTexts texts,
        providers::read_simulated_request(call.endpoint, body, document, arena));
    const providers::SimulatedRequest& request = texts.request;
    const providers::SimulatedAnswer answer(request, {.tokens = tokens});
    EngineWork work;
    work.input_tokens = request.prompt.tokens();
    work.output_tokens = answer.tokens_to_make();
    work.blocks.resize(request.prompt.bytes() / balance::kPrefixBlockBytes);
    balance::PrefixHasher hasher(balance::prefix_seed(request.model, {}), work.blocks);
    const bool is_chat = call.endpoint == providers::SimulatedEndpoint::chat;
    providers::visit_simulated_prompt(
        document, is_chat ? "/messages" : "/prompt",
        [](void* to, std::string_view text) { static_cast<balance::PrefixHasher*>(to)->add(text); },
        &hasher);
    work.blocks.resize(hasher.blocks().size());
    return work;
}

EngineCall::~EngineCall() {
    worker_.leave(*this);
}

void EngineCall::submit(EngineWork&& work) {
    work_ = std::move(work);
    worker_.enter(*this);
}

}  // namespace sluice::llm_fleet
