// authenticate: who asks, by a virtual key; and whether that key may use the route and the model.
#pragma once

#include <string>
#include <string_view>

#include "access/key_table.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct AuthenticateOptions {
    bool optional = false;    // Without any key it goes on, as nobody.
    std::string header = {};  // Another field that may hold the key, looked at first.

    bool operator==(const AuthenticateOptions&) const = default;
};

class Authenticate final : public Processor {
public:
    explicit Authenticate(const AuthenticateOptions& options) : options_(options) {}
    static Needs needs(const AuthenticateOptions&) { return {}; }

    Verdict on_head(ProcessorContext& context) override;
    // The model is known by now.
    Verdict on_request(ProcessorContext& context) override;

private:
    std::string_view presented(const ProcessorContext& context) const;

    const AuthenticateOptions& options_;
};

// A key that is allowed some models only cannot go on before the model is known.
bool must_know_model(const ProcessorContext& context);

}  // namespace sluice::pipeline
