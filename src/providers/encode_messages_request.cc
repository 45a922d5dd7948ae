// From the canonical request to the body of Anthropic's Messages API.
#include <charconv>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/messages.h"
#include "providers/messages_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr double kTemperatureMax = 1.0;
// What thinking allows at the least.
constexpr double kThinkingTopPMin = 0.95;

double number_of(std::string_view digits) {
    double value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

Status drop_if_present(std::string_view value, std::string_view name, Translation& translation) {
    return value.empty() ? Status() : translation.drop(name);
}

Status write_sampling(const ChatRequest& request,
                      const MessagesPlan& plan,
                      Translation& translation,
                      json::Writer& writer) {
    const bool takes_any = plan.takes_sampling;
    const bool takes_temperature = takes_any && !plan.is_thinking;
    if (!takes_temperature) {
        TRY_VOID(drop_if_present(request.temperature, "temperature", translation));
        TRY_VOID(drop_if_present(request.top_k, "top_k", translation));
    }
    if (takes_temperature && !request.temperature.empty()) {
        const bool is_too_hot = number_of(request.temperature) > kTemperatureMax;
        if (is_too_hot) {
            TRY_VOID(translation.drop("temperature"));
        }
        writer.key("temperature").raw(is_too_hot ? "1.0" : request.temperature);
    }
    if (takes_temperature && !request.top_k.empty()) {
        writer.key("top_k").raw(request.top_k);
    }
    // Newer models refuse it beside a temperature.
    const bool takes_top_p =
        takes_any && (plan.is_thinking ? number_of(request.top_p) >= kThinkingTopPMin
                                       : request.temperature.empty());
    if (!takes_top_p) {
        return drop_if_present(request.top_p, "top_p", translation);
    }
    if (!request.top_p.empty()) {
        writer.key("top_p").raw(request.top_p);
    }
    return {};
}

Status write_stop(const ChatRequest& request, Translation& translation, json::Writer& writer) {
    bool has_any = false;
    for (const Text& stop : request.stop) {
        if (is_blank(stop)) {
            TRY_VOID(translation.drop("stop"));
            continue;
        }
        if (!has_any) {
            writer.key("stop_sequences").begin_array();
            has_any = true;
        }
        writer.text(stop.raw);
    }
    if (has_any) {
        writer.end_array();
    }
    return {};
}

void write_output_config(const ChatRequest& request,
                         const MessagesPlan& plan,
                         json::Writer& writer) {
    if (plan.effort.empty() && plan.json != JsonOutput::native) {
        return;
    }
    writer.key("output_config").begin_object();
    if (!plan.effort.empty()) {
        writer.key("effort").string(plan.effort);
    }
    if (plan.json == JsonOutput::native) {
        writer.key("format").begin_object().key("type").string("json_schema");
        writer.key("schema").raw(request.response_format.schema).end_object();
    }
    writer.end_object();
}

void write_user(const ChatRequest& request, json::Writer& writer) {
    const Text user = request.safety_identifier.empty() ? request.user : request.safety_identifier;
    if (!user.empty()) {
        writer.key("metadata").begin_object().key("user_id").text(user.raw).end_object();
    }
}

Status write_service_tier(const ChatRequest& request,
                          Translation& translation,
                          json::Writer& writer) {
    const Text tier = request.service_tier;
    if (tier.empty()) {
        return {};
    }
    if (tier == "auto") {
        writer.key("service_tier").string("auto");
    } else if (tier == "default" || tier == "standard_only") {
        writer.key("service_tier").string("standard_only");
    } else {
        return translation.drop("service_tier");
    }
    return {};
}

}  // namespace

Status encode_messages_request(const ChatRequest& request,
                               const Target& target,
                               Translation& translation,
                               json::TextOutput& body) {
    TRY_VOID(drop_for_messages(request, target, translation));
    TRY(const MessagesPlan plan, plan_messages(request, target, translation));
    json::Writer writer(body);
    writer.begin_object();
    if (target.vendor->hosted_version.empty()) {
        writer.key("model").string(target.model);
    } else {
        writer.key("anthropic_version").string(target.vendor->hosted_version);
    }
    writer.key("max_tokens").unsigned_integer(plan.max_tokens);
    write_messages_system(request, plan, translation, writer);
    TRY_VOID(write_messages_history(request, target, translation, writer));
    TRY_VOID(write_messages_tools(request, plan, translation, writer));
    TRY_VOID(write_sampling(request, plan, translation, writer));
    TRY_VOID(write_stop(request, translation, writer));
    if (!plan.thinking.empty()) {
        writer.key("thinking").raw(plan.thinking);
    }
    write_output_config(request, plan, writer);
    write_user(request, writer);
    TRY_VOID(write_service_tier(request, translation, writer));
    if (target.is_stream && target.vendor->dialect == Dialect::messages) {
        writer.key("stream").boolean(true);
    }
    writer.end_object();
    return {};
}

}  // namespace sluice::providers
