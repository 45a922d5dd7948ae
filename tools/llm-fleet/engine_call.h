// EngineCall: one request in a served engine: what it asks of it, and how far it has come.
//
// It is the pacer of its answer: an event is due when the engine has made its token. Lives in the
// frame of its exchange, and takes itself out of the engine at the end, whatever that was.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "llm-kit/model_call.h"
#include "llm-kit/pacer.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_fleet {

class ServedWorker;

// What a request asks of an engine.
struct EngineWork {
    std::vector<uint64_t> blocks;  // Chain hashes of the prompt's text.
    uint32_t input_tokens = 0;
    uint32_t output_tokens = 0;
};
// Of a chat or a completion; `tokens` are made where the request sets no limit. Fails where the
// service would answer 400.
Result<EngineWork> read_engine_work(const llm_kit::ModelCall& call,
                                    std::string_view body,
                                    uint32_t tokens);

class EngineCall final : public llm_kit::Pacer {
public:
    // `signal` is raised whenever something has changed.
    EngineCall(ServedWorker& worker, coro::Signal& signal) : worker_(worker), signal_(signal) {}
    ~EngineCall() override;

    void submit(EngineWork&& work);
    // It can never fit.
    bool is_refused() const { return is_refused_; }
    // After the first token.
    uint32_t cached_tokens() const { return cached_tokens_; }

    // --- For the player.
    void step(providers::SimulatedPace pace) override {
        wanted_ += pace == providers::SimulatedPace::at_once ? 0 : 1;
    }
    Instant due() const override {
        return is_refused_ || made_ >= wanted_ ? Instant() : Instant::never();
    }
    bool is_paced() const override { return true; }

private:
    friend class ServedWorker;

    ServedWorker& worker_;
    coro::Signal& signal_;
    EngineWork work_;
    uint32_t attempt_ = 0;  // 0: it is in no engine.
    uint32_t wanted_ = 0;   // Tokens that what comes next needs.
    uint32_t made_ = 0;
    uint32_t cached_tokens_ = 0;
    bool is_refused_ = false;
};

}  // namespace sluice::llm_fleet
