// Pairs by id, and arguments as objects.
#include "providers/tool_history.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

std::string_view id_of(const OpenCalls::Call& call) {
    return call.call->id.raw;
}

}  // namespace

void OpenCalls::clear() {
    calls_.clear();
    is_sorted_ = true;
}

void OpenCalls::add(const Message& message, size_t index) {
    for (size_t i = 0; i < message.tool_calls.size(); ++i) {
        calls_.push_back({.call = &message.tool_calls[i], .message = index, .index = i});
        is_sorted_ = false;
    }
}

const OpenCalls::Call* OpenCalls::answer(Text id) {
    if (!is_sorted_) {
        std::ranges::sort(calls_.view(), {}, id_of);
        is_sorted_ = true;
    }
    const auto is_before = [](const Call& call, std::string_view raw) { return id_of(call) < raw; };
    Call* const found = std::lower_bound(calls_.begin(), calls_.end(), id.raw, is_before);
    if (found == calls_.end() || id_of(*found) != id.raw) {
        return nullptr;
    }
    found->is_answered = true;
    return found;
}

const OpenCalls::Call* OpenCalls::unanswered() const {
    const auto calls = calls_.view();
    const auto found = std::ranges::find(calls, false, &Call::is_answered);
    return found == calls.end() ? nullptr : &*found;
}

std::unexpected<Error> refuse_stray_result(Translation& translation, size_t message) {
    return translation.invalid(translation.path("messages[#].tool_call_id", message),
                               "'tool_call_id' names no call of the message before it.");
}

std::unexpected<Error> refuse_unanswered(Translation& translation, const OpenCalls::Call& call) {
    return translation.invalid(
        translation.path("messages[#].tool_calls[#].id", call.message, call.index),
        "No message with the role 'tool' answers this call.");
}

Result<std::string_view> arguments_object(const ToolCall& call,
                                          size_t message,
                                          size_t index,
                                          Translation& translation) {
    if (call.arguments.find_first_not_of(" \t\r\n") == call.arguments.npos) {
        return "{}";
    }
    const auto tree = json::Value::parse(call.arguments, translation.arena(), ErrorSource::client);
    if (!tree || !(**tree).is_object()) {
        return translation.invalid(
            translation.path("messages[#].tool_calls[#].function.arguments", message, index),
            "The arguments of the call are not a JSON object.");
    }
    return (**tree).raw();
}

}  // namespace sluice::providers
