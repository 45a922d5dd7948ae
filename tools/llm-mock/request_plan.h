// RequestPlan: how one request is to be answered: the options, overruled by its header fields.
//
// Pure; made when the head has arrived.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/header_map.h"
#include "llm-kit/make_answer.h"
#include "llm-mock/options.h"

namespace sluice::llm_mock {

struct RequestPlan {
    llm_kit::Pace pace;
    llm_kit::AnswerOptions answer;
    bool is_echo = false;
    std::string_view fault_script;  // As written; empty when the request names none.
    std::string_view key;
};

// Views look into the head. Returns false, with a text in `wrong`, for a value that cannot be read.
bool make_plan(const MockOptions& options,
               const http::HeaderMap& headers,
               RequestPlan& plan,
               std::string& wrong);

}  // namespace sluice::llm_mock
