// Line by line; what is no sample of a known name is passed over, whatever it is.
#include "providers/engine_load.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice::providers {

namespace {

enum class Meaning : uint8_t { waiting, running, kv_share };

struct Name {
    std::string_view metric;
    std::string_view label;  // What must stand among the labels as well; empty: nothing.
    Meaning meaning;
};

constexpr Name kNames[] = {
    {"vllm:num_requests_waiting", "", Meaning::waiting},
    {"vllm:num_requests_running", "", Meaning::running},
    {"vllm:kv_cache_usage_perc", "", Meaning::kv_share},
    {"vllm:gpu_cache_usage_perc", "", Meaning::kv_share},  // Before its version 0.10.
    {"sglang:num_queue_reqs", "", Meaning::waiting},
    {"sglang:num_running_reqs", "", Meaning::running},
    {"sglang:token_usage", "", Meaning::kv_share},
    {"trtllm_num_requests_waiting", "", Meaning::waiting},
    {"trtllm_num_requests_running", "", Meaning::running},
    {"trtllm_kv_cache_utilization", "", Meaning::kv_share},
    // TensorRT-LLM behind Triton.
    {"nv_trt_llm_request_metrics", R"(request_type="waiting")", Meaning::waiting},
    {"nv_trt_llm_request_metrics", R"(request_type="scheduled")", Meaning::running},
    {"nv_trt_llm_kv_cache_block_metrics", R"(kv_cache_block_type="fraction")", Meaning::kv_share},
};

// Far more than an engine has; what is above is no count.
constexpr double kCountMax = 1e9;

struct Sample {
    std::string_view metric;
    std::string_view labels;  // Without the braces.
    std::string_view value;
};

// The end of the labels, whose values may have braces in them; npos when there is none.
size_t end_of_labels(std::string_view text) {
    bool is_quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        if (is_quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            is_quoted = !is_quoted;
        } else if (text[i] == '}' && !is_quoted) {
            return i;
        }
    }
    return text.npos;
}

std::optional<Sample> split(std::string_view line) {
    const size_t name_end = line.find_first_of("{ \t");
    if (name_end == line.npos) {
        return std::nullopt;
    }
    Sample sample = {.metric = line.substr(0, name_end), .labels = {}, .value = {}};
    line.remove_prefix(name_end);
    if (line.starts_with('{')) {
        line.remove_prefix(1);
        const size_t end = end_of_labels(line);
        if (end == line.npos) {
            return std::nullopt;
        }
        sample.labels = line.substr(0, end);
        line.remove_prefix(end + 1);
    }
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == line.npos) {
        return std::nullopt;
    }
    line.remove_prefix(begin);
    sample.value = line.substr(0, line.find_first_of(" \t\r"));
    return sample;
}

// Not a number, less than nothing and without an end are no values here.
std::optional<double> value_of(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole && std::isfinite(value) && value >= 0 && value <= kCountMax
               ? std::optional(value)
               : std::nullopt;
}

}  // namespace

std::optional<EngineLoad> read_engine_load(std::string_view metrics) {
    double waiting = 0;
    double running = 0;
    EngineLoad load;
    bool has_count = false;
    while (!metrics.empty()) {
        const size_t end = std::min(metrics.find('\n'), metrics.size());
        const std::string_view line = metrics.substr(0, end);
        metrics.remove_prefix(std::min(end + 1, metrics.size()));
        // The first letters of all names.
        if (line.empty() || std::string_view("vstn").find(line.front()) == line.npos) {
            continue;
        }
        const std::optional<Sample> sample = split(line);
        if (!sample) {
            continue;
        }
        const auto* const name = std::ranges::find_if(kNames, [&](const Name& known) {
            return sample->metric == known.metric &&
                   sample->labels.find(known.label) != std::string_view::npos;
        });
        const std::optional<double> value =
            name == std::end(kNames) ? std::nullopt : value_of(sample->value);
        if (!value) {
            continue;
        }
        if (name->meaning == Meaning::kv_share) {
            load.kv_share = std::max(load.kv_share, std::min(*value, 1.0));
            continue;
        }
        has_count = true;
        (name->meaning == Meaning::waiting ? waiting : running) += *value;
    }
    load.waiting = static_cast<uint32_t>(std::min(waiting, kCountMax));
    load.running = static_cast<uint32_t>(std::min(running, kCountMax));
    return has_count ? std::optional(load) : std::nullopt;
}

}  // namespace sluice::providers
