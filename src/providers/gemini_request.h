// What the files of Gemini's request encoder share; private to them.
//
// One body is written front to back, each file its members: contents, tools and toolConfig,
// generationConfig. All texts are copied as they were written.
#pragma once

#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/gemini_model.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

struct GeminiRequest {
    const ChatRequest& request;
    const Target& target;
    GeminiModel model;
    Translation& translation;
    json::Writer& writer;

    // Whether the model itself can be held to response_format; else words have to do.
    bool formats_natively() const;
};

Status write_gemini_contents(const GeminiRequest& to);
Status write_gemini_tools(const GeminiRequest& to);
Status write_gemini_config(const GeminiRequest& to);

}  // namespace sluice::providers
