// coalesce: identical requests that are under way at the same time share one call. Nothing is kept.
#pragma once

#include <string>
#include <vector>

#include "pipeline/processor.h"
#include "pipeline/processor_resources.h"
#include "pipeline/shared_call.h"

namespace sluice::pipeline {

struct CoalesceOptions {
    // Also requests that a model would answer differently each time.
    bool any = false;
    // Fields of the request that change its answer.
    std::vector<std::string> vary_headers = {};

    bool operator==(const CoalesceOptions&) const = default;
};

class Coalesce final : public SharedCall {
public:
    Coalesce(const CoalesceOptions& options, const ProcessorResources& resources)
        : SharedCall(resources), options_(options) {}
    static Needs needs(const CoalesceOptions&) { return {.body = true, .response_body = true}; }

    Verdict on_request(ProcessorContext& context) override;

private:
    const CoalesceOptions& options_;
};

}  // namespace sluice::pipeline
