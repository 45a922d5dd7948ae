// enhancer: lets another model rewrite what the user has asked before the request goes on.
//
// The text of the last message of the user goes to the model with a system prompt, and its answer
// takes the text's place; every other byte stays. Where it fails, the request goes on as it came
// (its on_failure is "skip" unless set). What it costs is accounted to the request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "coro/task.h"
#include "pipeline/llm_target.h"
#include "pipeline/processor.h"
#include "pipeline/prompt_texts.h"

namespace sluice::pipeline {

class ProcessorFactory;
struct ProcessorOptions;
struct ProcessorResources;

struct EnhancerOptions {
    std::string target_llm = {};  // Of an upstream.
    std::string model = {};       // Empty: that of the request.
    std::string system_prompt =
        "Rewrite the user's query so that it is clear and complete. Answer with the query only.";
    // The user waits for it before the model that was asked has begun.
    uint32_t timeout_ms = 10'000;
    uint32_t max_tokens = 1'024;
    uint32_t answer_bytes_max = 256U * 1024;  // Of the whole reply.

    bool operator==(const EnhancerOptions&) const = default;
};

class Enhancer final : public Processor {
public:
    Enhancer(const EnhancerOptions& options, const LlmTarget& target)
        : options_(options), target_(target) {}

    Verdict on_request(ProcessorContext& context) override;
    coro::Task<Verdict> wait(ProcessorContext& context) override;

private:
    const EnhancerOptions& options_;
    const LlmTarget& target_;
};

// Puts `text` in the place of the first text, and takes the others out; they are parts of one
// message, in their order. `text` is escaped.
void replace_query(RequestBody& body, const PromptTexts& texts, json::Text text, Arena& arena);

std::unique_ptr<ProcessorFactory> compile_enhancer(const ProcessorOptions& options,
                                                   const ProcessorResources& resources);

}  // namespace sluice::pipeline
