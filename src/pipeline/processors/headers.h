// headers: adds, sets and removes header fields on either side.
#pragma once

#include <string>
#include <vector>

#include "pipeline/processor.h"
#include "upstream/options.h"

namespace sluice::pipeline {

struct HeadersOptions {
    // Towards the upstream.
    std::vector<upstream::HeaderOption> request_set = {};
    std::vector<upstream::HeaderOption> request_add = {};
    std::vector<std::string> request_remove = {};
    // Towards the client.
    std::vector<upstream::HeaderOption> response_set = {};
    std::vector<upstream::HeaderOption> response_add = {};
    std::vector<std::string> response_remove = {};

    bool operator==(const HeadersOptions&) const = default;
};

class Headers final : public Processor {
public:
    explicit Headers(const HeadersOptions& options) : options_(options) {}
    static Needs needs(const HeadersOptions&) { return {}; }

    Verdict on_head(ProcessorContext& context) override;

private:
    const HeadersOptions& options_;
};

}  // namespace sluice::pipeline
