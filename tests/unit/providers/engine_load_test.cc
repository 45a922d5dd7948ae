// Metrics of engines: each one's names, and that nothing but their numbers counts.
#include "providers/engine_load.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::providers {
namespace {

TEST(EngineLoad, OfVllm) {
    constexpr std::string_view kText = R"(# HELP vllm:num_requests_running Requests on the GPU.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b} \" \\"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0 1700000000000
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.5
vllm:time_to_first_token_seconds_bucket{le="0.001"} 100
process_cpu_seconds_total 12.5
)";
    EXPECT_EQ(read_engine_load(kText), (EngineLoad{.waiting = 2, .running = 7, .kv_share = 0.5}));
    EXPECT_EQ(read_engine_load("vllm:num_requests_waiting 1\nvllm:gpu_cache_usage_perc 1.5"),
              (EngineLoad{.waiting = 1, .running = 0, .kv_share = 1}));
}

TEST(EngineLoad, OfSglang) {
    EXPECT_EQ(read_engine_load("sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\"} 5.0\r\n"
                               "sglang:num_queue_reqs{model_name=\"m\"} 6\r\n"
                               "sglang:token_usage{model_name=\"m\"} 7.5e-1\r\n"),
              (EngineLoad{.waiting = 6, .running = 5, .kv_share = 0.75}));
}

TEST(EngineLoad, OfTensorRtLlm) {
    EXPECT_EQ(read_engine_load("trtllm_num_requests_waiting 1\ntrtllm_num_requests_running 2\n"
                               "trtllm_kv_cache_utilization 0.125\n"),
              (EngineLoad{.waiting = 1, .running = 2, .kv_share = 0.125}));
    EXPECT_EQ(
        read_engine_load(
            "nv_trt_llm_request_metrics{model=\"m\",request_type=\"max\",version=\"1\"} 512\n"
            "nv_trt_llm_request_metrics{model=\"m\",request_type=\"waiting\",version=\"1\"} 3\n"
            "nv_trt_llm_request_metrics{model=\"m\",request_type=\"scheduled\",version=\"1\"} 4\n"
            "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\"} 900\n"
            "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\"} 0.5\n"),
        (EngineLoad{.waiting = 3, .running = 4, .kv_share = 0.5}));
}

TEST(EngineLoad, IsNotWhatIsNoNumber) {
    for (const std::string_view text :
         {"", "\n\n", "vllm:num_requests_waiting", "vllm:num_requests_waiting ",
          "vllm:num_requests_waiting{", "vllm:num_requests_waiting{a=\"}\" 1",
          "vllm:num_requests_waiting NaN", "vllm:num_requests_waiting +Inf",
          "vllm:num_requests_waiting -1", "vllm:num_requests_waiting 1e10",
          "vllm:num_requests_waiting 1x", "# vllm:num_requests_waiting 1",
          " vllm:num_requests_waiting 1", "{\"iterLatencyMS\": 3}", "vllm:kv_cache_usage_perc 0.5",
          "nv_trt_llm_request_metrics{request_type=\"max\"} 512"}) {
        EXPECT_EQ(read_engine_load(text), std::nullopt) << text;
    }
}

TEST(EngineLoad, SurvivesEveryCut) {
    const std::string text =
        "vllm:num_requests_waiting{a=\"b\"} 12\nvllm:num_requests_running{a=\"b\"} 34\n";
    for (size_t size = 0; size <= text.size(); ++size) {
        const std::optional<EngineLoad> load = read_engine_load(text.substr(0, size));
        EXPECT_TRUE(!load || load->waiting <= 12) << size;
    }
}

}  // namespace
}  // namespace sluice::providers
