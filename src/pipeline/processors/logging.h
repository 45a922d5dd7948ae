// logging: a line in the log for each exchange of a route, with what the access log does not have:
// what was asked for and, where the operator wants it, what was said.
//
// The line is written when the exchange ends. Content is off by default; a summary is the beginning
// of the last text of the user, with what looks like a secret masked. Header fields are in neither.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "json/writer.h"
#include "pipeline/processor.h"
#include "pipeline/prompt_facts.h"

namespace sluice::pipeline {

enum class LoggedContent : uint8_t {
    none,
    summary,  // The beginning of the last text of the user, masked.
    full,     // Both bodies as they are.
};

struct LoggingOptions {
    // Beside its escapes a line has to fit into the shard's lane.
    static constexpr int64_t kContentBytesLimit = int64_t{64} * 1024;

    LoggedContent content = LoggedContent::none;
    // Of a summary, and of each body in full.
    uint32_t content_bytes_max = 512;
    uint32_t sample_percent = 100;
    bool errors_always = true;  // Whatever the sample says.

    bool operator==(const LoggingOptions&) const = default;
};

class Logging final : public Processor {
public:
    explicit Logging(const LoggingOptions& options) : options_(options) {}
    static Needs needs(const LoggingOptions& options) {
        return {.body = true, .response_body = options.content == LoggedContent::full};
    }

    Verdict on_head(ProcessorContext& context) override;
    Verdict on_request(ProcessorContext& context) override;
    void on_response_body(ProcessorContext& context, std::string_view bytes) override;
    void on_end(ProcessorContext& context) override;

private:
    const LoggingOptions& options_;
    bool is_sampled_ = false;
    PromptFacts facts_;
    std::string_view request_;          // What is told of it.
    json::ArenaText* reply_ = nullptr;  // Likewise, as far as it has come.
};

// Whether an exchange is among `percent` of all; the same answer for the same id, everywhere.
bool is_in_sample(std::string_view request_id, uint32_t percent);

}  // namespace sluice::pipeline
