// What answers of Bedrock have in common, whoever made the model: frames of AWS event streams, and
// errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::llm_kit {

// One message; `kind` is "event" or "exception", `name` what of it.
std::string aws_frame(std::string_view kind, std::string_view name, std::string_view payload);

std::string aws_error_body(uint16_t status, std::string_view message);
// For x-amzn-errortype.
std::string_view aws_error_type(uint16_t status);
std::string aws_error_event();

}  // namespace sluice::llm_kit
