// validation: turns away requests that the operator does not want an upstream to see, with an error
// that names the field and says what was expected.
//
// Every limit is off until it is set. What several dialects write in their own ways is counted
// alike: messages and input items, the names of the token limits. A member that is looked at and
// stands in the body twice is refused, because the upstream might read the other one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/tree.h"
#include "pipeline/json_path.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct ValidationOptions {
    std::vector<std::string> allowed_models = {};  // Names, or prefixes with '*'.
    std::vector<std::string> roles = {};
    std::vector<std::string> required_fields = {};   // Paths.
    std::vector<std::string> forbidden_fields = {};  // Paths.
    // 0 is no limit, for all of them.
    uint64_t body_bytes_max = 0;
    uint64_t prompt_tokens_max = 0;
    uint64_t max_tokens_max = 0;
    uint32_t messages_min = 0;
    uint32_t messages_max = 0;
    uint32_t images_max = 0;
    uint32_t tools_max = 0;
    uint32_t depth_max = 0;
    // Where 0 has to be a limit.
    bool allow_images = true;
    bool allow_tools = true;

    bool operator==(const ValidationOptions&) const = default;
};

class Validation final : public Processor {
public:
    struct Plan {
        explicit Plan(const ValidationOptions& options);
        const ValidationOptions& options;
        std::vector<JsonPath> required;
        std::vector<JsonPath> forbidden;
    };

    explicit Validation(const Plan& plan) : plan_(plan), options_(plan.options) {}
    static Needs needs(const ValidationOptions&) { return {.body = true}; }

    Verdict on_request(ProcessorContext& context) override;

private:
    using Check = Verdict (Validation::*)(ProcessorContext& context, const json::Value& top) const;

    Verdict size(ProcessorContext& context) const;
    Verdict depth(ProcessorContext& context, const json::Value& top) const;
    Verdict twins(ProcessorContext& context, const json::Value& top) const;
    Verdict model(ProcessorContext& context, const json::Value& top) const;
    Verdict output_tokens(ProcessorContext& context, const json::Value& top) const;
    Verdict messages(ProcessorContext& context, const json::Value& top) const;
    Verdict known_roles(ProcessorContext& context, const json::Value& top) const;
    Verdict images(ProcessorContext& context, const json::Value& top) const;
    Verdict tools(ProcessorContext& context, const json::Value& top) const;
    Verdict prompt_tokens(ProcessorContext& context, const json::Value& top) const;
    Verdict required_fields(ProcessorContext& context, const json::Value& top) const;
    Verdict forbidden_fields(ProcessorContext& context, const json::Value& top) const;

    const Plan& plan_;
    const ValidationOptions& options_;
};

// How deep objects and arrays lie in each other, in valid JSON.
uint32_t json_depth(std::string_view text);

}  // namespace sluice::pipeline
