// generationConfig of a Gemini request: sampling, limits, format, thinking (translation rules A1,
// A7 and A8).
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/gemini_model.h"
#include "providers/gemini_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr size_t kStopsMax = 5;
constexpr uint64_t kCandidatesMax = 8;

// Writes the object only when it gets a member.
class ConfigWriter {
public:
    explicit ConfigWriter(json::Writer& writer) : writer_(&writer) {}

    json::Writer& field(std::string_view name) {
        if (!is_open_) {
            writer_->key("generationConfig").begin_object();
            is_open_ = true;
        }
        return writer_->key(name);
    }
    void number(std::string_view name, std::string_view digits) {
        if (!digits.empty()) {
            field(name).raw(digits);
        }
    }
    void finish() {
        if (is_open_) {
            writer_->end_object();
        }
    }

private:
    json::Writer* writer_;
    bool is_open_ = false;
};

Status write_candidates(const GeminiRequest& to, ConfigWriter& config) {
    if (to.request.n.empty() || to.request.n == "1") {
        return {};
    }
    const std::optional<uint64_t> count = parse_decimal(to.request.n);
    if (!count || *count == 0) {
        return to.translation.invalid("n", "'n' must be a whole number from 1 on.");
    }
    if (*count > kCandidatesMax || !to.target.capabilities().many_choices) {
        return to.translation.refuse("n", "This model does not offer that many choices.");
    }
    config.number("candidateCount", to.request.n);
    return {};
}

Status write_stops(const GeminiRequest& to, ConfigWriter& config) {
    size_t count = 0;
    for (const Text stop : to.request.stop) {
        if (stop.empty()) {
            continue;
        }
        if (count == kStopsMax) {
            TRY_VOID(to.translation.drop("stop"));
            break;
        }
        if (count++ == 0) {
            config.field("stopSequences").begin_array();
        }
        to.writer.text(stop.raw);
    }
    if (count > 0) {
        to.writer.end_array();
    }
    return {};
}

void write_format(const GeminiRequest& to, ConfigWriter& config) {
    const ResponseFormat& format = to.request.response_format;
    const bool is_json =
        format.kind == FormatKind::json_object || format.kind == FormatKind::json_schema;
    if (!is_json || !to.formats_natively()) {
        return;
    }
    config.field("responseMimeType").string("application/json");
    if (format.kind == FormatKind::json_schema && !format.schema.empty()) {
        config.field("responseJsonSchema").raw(format.schema);
    }
}

// One row of A8. No budget and no level: the model decides by itself.
struct Effort {
    std::string_view name;
    std::string_view level;
    uint32_t budget_tokens;
};

constexpr uint32_t kProBudgetMin = 128;
constexpr uint32_t kBudgetMax = 24576;
constexpr uint32_t kProBudgetMax = 32768;

constexpr std::array kEfforts = {
    Effort{"none", "MINIMAL", 0},         Effort{"minimal", "MINIMAL", 512},
    Effort{"low", "LOW", 1024},           Effort{"medium", "MEDIUM", 8192},
    Effort{"high", "HIGH", kBudgetMax},   Effort{"xhigh", "HIGH", kProBudgetMax},
    Effort{"max", "HIGH", kProBudgetMax},
};

const Effort* find_effort(std::string_view name) {
    const auto* const found = std::ranges::find(kEfforts, name, &Effort::name);
    return found == kEfforts.end() ? nullptr : found;
}

// Anthropic's `thinking` object, which wins over an effort, as one: by its budget (rule C1).
std::optional<Effort> read_thinking(const GeminiRequest& to) {
    constexpr int64_t kLowMax = 4096;
    constexpr int64_t kMediumMax = 16384;
    const auto tree =
        json::Value::parse(to.request.thinking, to.translation.arena(), ErrorSource::client);
    if (!tree) {
        return std::nullopt;
    }
    const json::Text type = (**tree)["type"].text();
    if (type == "disabled") {
        return kEfforts.front();
    }
    const std::optional<int64_t> budget = (**tree)["budget_tokens"].integer();
    if (!(type == "enabled") || !budget || *budget <= 0) {
        return std::nullopt;
    }
    const std::string_view name = *budget <= kLowMax      ? "low"
                                  : *budget <= kMediumMax ? "medium"
                                                          : "high";
    Effort effort = *find_effort(name);
    effort.budget_tokens = static_cast<uint32_t>(std::min<int64_t>(*budget, kProBudgetMax));
    return effort;
}

void write_thinking(const GeminiModel& model, const Effort& effort, ConfigWriter& config) {
    json::Writer& writer = config.field("thinkingConfig").begin_object();
    if (model.thinking == GeminiThinking::levels) {
        const bool is_refused = effort.level == "MINIMAL" && !model.has_minimal_level;
        writer.key("thinkingLevel").string(is_refused ? "LOW" : effort.level);
    } else {
        writer.key("thinkingBudget")
            .unsigned_integer(std::clamp(effort.budget_tokens, model.is_pro ? kProBudgetMin : 0,
                                         model.is_pro ? kProBudgetMax : kBudgetMax));
    }
    if (effort.name != "none") {
        writer.key("includeThoughts").boolean(true);
    }
    writer.end_object();
}

Status write_reasoning(const GeminiRequest& to, ConfigWriter& config) {
    const bool has_thinking = !to.request.thinking.empty();
    if (!has_thinking && to.request.reasoning_effort.empty()) {
        return {};
    }
    std::optional<Effort> effort = has_thinking ? read_thinking(to) : std::nullopt;
    if (!effort) {
        const Effort* const named = find_effort(to.request.reasoning_effort.raw);
        effort = named == nullptr ? std::nullopt : std::optional(*named);
    }
    const bool is_able =
        to.model.thinking != GeminiThinking::none && to.target.capabilities().reasoning;
    if (!is_able || !effort) {
        return to.translation.drop(has_thinking ? "thinking" : "reasoning_effort");
    }
    write_thinking(to.model, *effort, config);
    return {};
}

}  // namespace

Status write_gemini_config(const GeminiRequest& to) {
    const ChatRequest& request = to.request;
    ConfigWriter config(to.writer);
    config.number("temperature", request.temperature);
    config.number("topP", request.top_p);
    config.number("topK", request.top_k);
    config.number("maxOutputTokens", request.max_tokens);
    config.number("presencePenalty", request.presence_penalty);
    config.number("frequencyPenalty", request.frequency_penalty);
    config.number("seed", request.seed);
    TRY_VOID(write_candidates(to, config));
    TRY_VOID(write_stops(to, config));
    if (request.logprobs == true) {
        config.field("responseLogprobs").boolean(true);
        config.number("logprobs", request.top_logprobs);
    }
    write_format(to, config);
    TRY_VOID(write_reasoning(to, config));
    config.finish();
    return {};
}

}  // namespace sluice::providers
