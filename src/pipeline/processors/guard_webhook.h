// What a guard asks an address outside: may these texts pass, and if so, as they are?
//
// POST {"direction","request_id","model","key","tenant","texts":[...]}; the answer is {"action":
// "allow" | "block" | "redact", "reason", "texts"}. Asked of prompts and of answers that are not
// streamed. The address is the operator's own, so it may be a private one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "coro/task.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct GuardParts;

struct WebhookAnswer {
    enum class Action : uint8_t { allow, block, redact };

    Action action = Action::allow;
    std::string_view reason;                  // Plain, in the arena; empty when it gave none.
    std::span<const std::string_view> texts;  // Plain, as many as were sent, where it redacts.
};

// Fails when it cannot be reached, is too slow, or says something else.
coro::Task<Result<WebhookAnswer>> ask_webhook(ProcessorContext& context,
                                              const GuardParts& parts,
                                              std::string_view direction,
                                              std::span<const std::string_view> texts);

// From the answer's text; `count`: of the texts that were sent.
Result<WebhookAnswer> read_webhook_answer(std::string_view body, size_t count, Arena& arena);

}  // namespace sluice::pipeline
