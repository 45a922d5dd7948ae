// Anthropic's API as other clouds host it, between clients and upstreams that both speak it.
//
// Only what the clouds want elsewhere changes: the model stands in the path, the version in the
// body, and Bedrock takes the names of betas there and the wish for a stream from the path.
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/messages.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kBetas = "anthropic_beta";

void write_betas(const json::Value& of_body, std::string_view of_header, json::Writer& writer) {
    writer.key(kBetas).begin_array();
    for (const json::Value& name : of_body) {
        writer.raw(name.raw());
    }
    while (const auto name = next_list_element(of_header)) {
        writer.string(*name);
    }
    writer.end_array();
}

// The events go by as they came; only what the upstream does not say itself is left.
class PassingEncoder final : public StreamEncoder {
public:
    explicit PassingEncoder(json::TextOutput& output) : output_(&output) {}

    void on_start(const ReplyStart&) override {}
    void on_text(uint32_t, Text) override {}
    void on_reasoning(uint32_t, Text) override {}
    void on_thinking_block(uint32_t, const ThinkingBlock&) override {}
    void on_refusal(uint32_t, Text) override {}
    void on_tool_call(uint32_t, uint32_t, const ToolCallStart&) override {}
    void on_arguments(uint32_t, uint32_t, Text) override {}
    void on_logprobs(uint32_t, std::string_view) override {}
    void on_finish(uint32_t, FinishReason) override {}
    void on_usage(const Usage&) override {}
    void on_end() override {}
    void on_error(const ProviderError& error) override {
        encode_messages_error_event(error, {}, *output_);
    }

private:
    json::TextOutput* output_;
};

}  // namespace

StreamEncoder& make_passing_messages_encoder(json::TextOutput& output, Arena& arena) {
    return arena.make<PassingEncoder>(output);
}

void write_hosted_request(const json::Value& body,
                          const Target& target,
                          std::string_view betas,
                          json::TextOutput& to) {
    const bool is_invoked = target.vendor->dialect == Dialect::invoke_messages;
    json::Writer writer(to);
    writer.begin_object().key("anthropic_version").string(target.vendor->hosted_version);
    for (const json::Value& member : body) {
        const std::string_view name = member.key().raw;
        const bool is_elsewhere = name == "model" || name == "anthropic_version";
        if (!is_elsewhere && !(is_invoked && (name == "stream" || name == kBetas))) {
            const std::string_view value = member.raw();
            const char* const begin = name.data() - 1;  // With its quote.
            writer.raw({begin, value.data() + value.size()});
        }
    }
    if (is_invoked && (!betas.empty() || body[kBetas].size() > 0)) {
        write_betas(body[kBetas], betas, writer);
    }
    writer.end_object();
}

}  // namespace sluice::providers
