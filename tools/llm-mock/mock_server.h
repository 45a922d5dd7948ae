// MockServer: what one shard of the mock answers, by which plan and with which fault.
//
// Made, run and destroyed on its shard's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "coro/task.h"
#include "http/server_exchange.h"
#include "llm-kit/answer_cache.h"
#include "llm-kit/answer_server.h"
#include "llm-kit/fault.h"
#include "llm-kit/player.h"
#include "llm-kit/shard_runner.h"
#include "llm-mock/control.h"
#include "llm-mock/options.h"
#include "net/shard.h"
#include "net/tls_context.h"

namespace sluice::llm_mock {

// What the exchanges of one shard share.
struct ShardContext {
    llm_kit::PlayContext play;
    const MockOptions& options;
    Control& control;
    Prng& prng;
};

class MockServer final : public llm_kit::AnswerServer, public llm_kit::ShardService {
public:
    // `tls` is empty where there is none.
    MockServer(net::Shard& shard,
               const MockOptions& options,
               Control& control,
               const net::TlsContext& tls);

    std::string start(std::vector<uint16_t>& ports) override;
    void stop() override { AnswerServer::stop(); }
    bool is_over() const override { return AnswerServer::is_over(); }

    coro::Task<void> handle(http::ServerExchange& exchange) override;

private:
    struct Request;

    coro::Task<bool> read_request(Request& request);
    coro::Task<void> answer(Request& request);
    coro::Task<void> answer_model_call(Request& request);
    coro::Task<void> answer_control(Request& request);
    coro::Task<void> answer_text(Request& request,
                                 uint16_t status,
                                 std::string_view content_type,
                                 std::string_view text);
    coro::Task<void> answer_error(Request& request, uint16_t status, std::string_view message);
    bool choose_fault(Request& request, std::string& wrong);
    void record(const Request& request);
    std::string models_json(std::string_view path) const;

    ShardContext context_;
    llm_kit::AnswerCache answers_;
    llm_kit::FaultSpec fault_;  // Of requests that name none; a copy of the shared one.
    uint64_t fault_generation_ = 0;
};

}  // namespace sluice::llm_mock
