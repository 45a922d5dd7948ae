// cache: answers a request from the response cache, or keeps the answer that it gets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "json/tree.h"
#include "pipeline/processor.h"
#include "pipeline/processor_resources.h"
#include "pipeline/shared_call.h"

namespace sluice::pipeline {

enum class CacheReplay : uint8_t { at_once, original_pace };

struct CacheStepOptions {
    // How long an answer may be given again; 0 is what [cache] says.
    uint32_t ttl_s = 0;
    CacheReplay replay = CacheReplay::at_once;
    // Only requests that would be answered the same again: temperature 0, or a seed.
    bool deterministic_only = false;
    // Fields of the request that change its answer.
    std::vector<std::string> vary_headers = {};
    // Gives an answer to all tenants; only where [cache] allows it.
    bool shared_over_tenants = false;

    bool operator==(const CacheStepOptions&) const = default;
};

class CacheStep final : public SharedCall {
public:
    CacheStep(const CacheStepOptions& options, const ProcessorResources& resources)
        : SharedCall(resources), options_(options) {}
    static Needs needs(const CacheStepOptions&) { return {.body = true, .response_body = true}; }

    Verdict on_request(ProcessorContext& context) override;

private:
    // The plan that the options and the client's words make; nothing where it is to be passed by.
    bool make_plan(ProcessorContext& context, const json::Value& body, SharingPlan& plan) const;

    const CacheStepOptions& options_;
};

}  // namespace sluice::pipeline
