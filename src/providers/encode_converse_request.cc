// From the canonical request to the body of Bedrock's Converse: the frame of it, its system texts
// and what tunes the model. The model itself stands in the path.
#include <charconv>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/converse.h"
#include "providers/converse_request.h"
#include "providers/emulated_json.h"
#include "providers/request_limits.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr double kTemperatureMax = 1.0;
// What Claude allows at the least while it thinks.
constexpr double kThinkingTopPMin = 0.95;

double number_of(std::string_view digits) {
    double value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// A member object that is opened by its first member, and not at all without one.
class LazyObject {
public:
    LazyObject(std::string_view name, json::Writer& writer) : name_(name), writer_(&writer) {}

    json::Writer& key(std::string_view key) {
        if (!is_open_) {
            writer_->key(name_).begin_object();
            is_open_ = true;
        }
        return writer_->key(key);
    }
    void close() {
        if (is_open_) {
            writer_->end_object();
        }
    }

private:
    std::string_view name_;
    json::Writer* writer_;
    bool is_open_ = false;
};

class ConverseRequestWriter {
public:
    ConverseRequestWriter(const ChatRequest& request,
                          const ConversePlan& plan,
                          Translation& translation,
                          json::Writer& writer)
        : request_(request), plan_(plan), translation_(translation), writer_(writer) {}

    Status write_inference();
    Status write_additional();
    void write_output();
    void write_service_tier();

private:
    Status write_limit(LazyObject& to);
    Status write_temperature(LazyObject& to);
    Status write_top_p(LazyObject& to);
    void write_stop(LazyObject& to);
    Status write_top_k(LazyObject& to);
    void write_reasoning(LazyObject& to);
    Status drop_unless_empty(std::string_view value, std::string_view name) {
        return value.empty() ? Status() : translation_.drop(name);
    }

    const ChatRequest& request_;
    const ConversePlan& plan_;
    Translation& translation_;
    json::Writer& writer_;
};

Status ConverseRequestWriter::write_inference() {
    LazyObject config("inferenceConfig", writer_);
    TRY_VOID(write_limit(config));
    TRY_VOID(write_temperature(config));
    TRY_VOID(write_top_p(config));
    write_stop(config);
    config.close();
    return {};
}

Status ConverseRequestWriter::write_limit(LazyObject& to) {
    if (!plan_.has_free_limit) {
        return drop_unless_empty(request_.max_tokens, "max_tokens");
    }
    if (plan_.has_budget) {
        // The limit has to leave room beside what the model may think.
        to.key("maxTokens").unsigned_integer(plan_.claude.max_tokens);
    } else if (!request_.max_tokens.empty()) {
        to.key("maxTokens").raw(request_.max_tokens);
    }
    return {};
}

Status ConverseRequestWriter::write_temperature(LazyObject& to) {
    if (request_.temperature.empty() || !plan_.has_free_sampling) {
        return drop_unless_empty(request_.temperature, "temperature");
    }
    const bool is_too_hot = number_of(request_.temperature) > kTemperatureMax;
    if (is_too_hot) {
        TRY_VOID(translation_.drop("temperature"));
    }
    to.key("temperature").raw(is_too_hot ? "1" : request_.temperature);
    return {};
}

// Claude takes one of the two; while it thinks, it takes values close to one.
Status ConverseRequestWriter::write_top_p(LazyObject& to) {
    bool is_taken = plan_.has_free_sampling;
    if (plan_.is_claude()) {
        const bool is_thinking = plan_.claude.is_thinking && plan_.claude.takes_sampling;
        is_taken = is_thinking ? number_of(request_.top_p) >= kThinkingTopPMin
                               : is_taken && request_.temperature.empty();
    }
    if (request_.top_p.empty() || !is_taken) {
        return drop_unless_empty(request_.top_p, "top_p");
    }
    to.key("topP").raw(request_.top_p);
    return {};
}

void ConverseRequestWriter::write_stop(LazyObject& to) {
    bool has_any = false;
    for (const Text& stop : request_.stop) {
        if (!stop.empty()) {
            if (!has_any) {
                to.key("stopSequences").begin_array();
            }
            has_any = true;
            writer_.text(stop.raw);
        }
    }
    if (has_any) {
        writer_.end_array();
    }
}

Status ConverseRequestWriter::write_additional() {
    LazyObject fields("additionalModelRequestFields", writer_);
    TRY_VOID(write_top_k(fields));
    write_reasoning(fields);
    const std::string_view choice = claude_tool_choice(request_, plan_, translation_);
    if (!choice.empty()) {
        fields.key("tool_choice").raw(choice);
    }
    fields.close();
    return {};
}

// Not one of Converse's own members: each family has a place of its own for it.
Status ConverseRequestWriter::write_top_k(LazyObject& to) {
    if (request_.top_k.empty()) {
        return {};
    }
    const bool is_nova =
        plan_.family == BedrockFamily::nova || plan_.family == BedrockFamily::nova_2;
    if (!plan_.has_free_sampling || (!is_nova && !plan_.is_claude())) {
        return translation_.drop("top_k");
    }
    if (is_nova) {
        to.key("inferenceConfig").begin_object().key("topK").raw(request_.top_k).end_object();
    } else {
        to.key("top_k").raw(request_.top_k);
    }
    return {};
}

void ConverseRequestWriter::write_reasoning(LazyObject& to) {
    if (!plan_.claude.thinking.empty()) {
        to.key("thinking").raw(plan_.claude.thinking);
    }
    if (!plan_.claude.effort.empty()) {
        to.key("output_config").begin_object().key("effort").string(plan_.claude.effort);
        writer_.end_object();
    }
    if (plan_.effort.empty()) {
        return;
    }
    if (plan_.family == BedrockFamily::gpt_oss) {
        to.key("reasoning_effort").string(plan_.effort);
        return;
    }
    to.key("reasoningConfig").begin_object().key("type");
    if (plan_.effort == "none") {
        writer_.string("disabled");
    } else {
        writer_.string("enabled").key("maxReasoningEffort").string(plan_.effort);
    }
    writer_.end_object();
}

// The schema goes as a string there.
void ConverseRequestWriter::write_output() {
    if (plan_.json != JsonOutput::native) {
        return;
    }
    const ResponseFormat& format = request_.response_format;
    writer_.key("outputConfig").begin_object().key("textFormat").begin_object();
    writer_.key("type").string("json_schema").key("structure").begin_object();
    writer_.key("jsonSchema").begin_object().key("schema").string(format.schema);
    if (!format.name.empty()) {
        writer_.key("name").text(format.name.raw);
    }
    if (!format.description.empty()) {
        writer_.key("description").text(format.description.raw);
    }
    writer_.end_object().end_object().end_object().end_object();
}

void ConverseRequestWriter::write_service_tier() {
    const Text tier = request_.service_tier;
    if (!tier.empty() && !(tier == "auto")) {
        writer_.key("serviceTier").begin_object().key("type").text(tier.raw).end_object();
    }
}

// The texts of a list, opened by the first.
class SystemWriter {
public:
    SystemWriter(const ConversePlan& plan, Translation& translation, json::Writer& writer)
        : plan_(plan), translation_(translation), writer_(writer) {}

    Status write(const Message& message) {
        for (const Part& part : message.parts) {
            if (part.type != PartType::text || is_blank(part.text)) {
                continue;
            }
            add(part.text);
            const bool is_last = &part == &message.parts.back();
            TRY_VOID(write_cache_point(
                part.cache_control.empty() && is_last ? message.cache_control : part.cache_control,
                plan_, translation_, writer_));
        }
        return {};
    }
    void add(Text text) {
        if (!has_any_) {
            writer_.key("system").begin_array();
        }
        has_any_ = true;
        writer_.begin_object().key("text").text(text.raw).end_object();
    }
    void close() {
        if (has_any_) {
            writer_.end_array();
        }
    }

private:
    const ConversePlan& plan_;
    Translation& translation_;
    json::Writer& writer_;
    bool has_any_ = false;
};

}  // namespace

Status write_converse_system(const ChatRequest& request,
                             const ConversePlan& plan,
                             Translation& translation,
                             json::Writer& writer) {
    SystemWriter system(plan, translation, writer);
    for (const Message& message : request.messages) {
        if (message.role == Role::system || message.role == Role::developer) {
            TRY_VOID(system.write(message));
        }
    }
    if (plan.json == JsonOutput::instruction) {
        const std::string_view schema = request.response_format.schema;
        system.add(schema.empty() ? Text{kJsonObjectInstruction}
                                  : json_schema_instruction(schema, translation.arena()));
    }
    system.close();
    return {};
}

Status encode_converse_request(const ChatRequest& request,
                               const Target& target,
                               Translation& translation,
                               json::TextOutput& body) {
    TRY_VOID(check_limits(request, {.top_k = true, .service_tier = true}, translation));
    TRY(const ConversePlan plan, plan_converse(request, target, translation));
    json::Writer writer(body);
    ConverseRequestWriter parts(request, plan, translation, writer);
    writer.begin_object();
    TRY_VOID(write_converse_messages(request, plan, translation, writer));
    TRY_VOID(write_converse_system(request, plan, translation, writer));
    TRY_VOID(parts.write_inference());
    TRY_VOID(write_converse_tools(request, plan, translation, writer));
    parts.write_output();
    TRY_VOID(parts.write_additional());
    parts.write_service_tier();
    writer.end_object();
    return {};
}

}  // namespace sluice::providers
