// cost_meter: tells the client what its answer has cost, and turns away models without a price.
//
// The cost itself is worked out for every exchange, with or without this step. A header can only
// tell it when the usage is there before the head is sent: of answers that are not streamed. For
// its sake such an answer is read whole, even where it could be relayed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/writer.h"
#include "pipeline/processor.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

enum class UnknownModel : uint8_t {
    allow,
    refuse,  // Whoever asks for a model without a price gets an error.
};

struct CostMeterOptions {
    std::string response_header = {};  // Its name; empty sends none.
    UnknownModel unknown_model = UnknownModel::allow;

    bool operator==(const CostMeterOptions&) const = default;
};

// Lets everything pass; what it is for is that the reply is read before it is written.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class MeteredReply final : public providers::ReplyFilter {};

class CostMeter final : public Processor {
public:
    explicit CostMeter(const CostMeterOptions& options) : options_(options) {}
    static Needs needs(const CostMeterOptions& options) {
        return {.body = options.unknown_model == UnknownModel::refuse,
                .response_text = !options.response_header.empty()};
    }

    Verdict on_request(ProcessorContext& context) override;
    providers::ReplyFilter* reply_filter(ProcessorContext& context) override;
    void on_response_head(ProcessorContext& context, const ResponseView& view) override;

private:
    const CostMeterOptions& options_;
    std::optional<MeteredReply> reply_;
};

}  // namespace sluice::pipeline
