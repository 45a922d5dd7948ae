// Edits of random bodies: whatever a client sends, what goes on is JSON, the edit has been made,
// and making it again changes nothing.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "json/tree.h"
#include "pipeline/json_path.h"
#include "pipeline/processors/system_prompt.h"
#include "pipeline/processors/transform.h"
#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

constexpr int kRounds = 20'000;

constexpr std::string_view kKeys[] = {"messages",     "role",    "content",   "system",
                                      "input",        "prompt",  "text",      "a",
                                      "instructions", "\\u0061", "r\\u006fle"};
constexpr std::string_view kScalars[] = {
    "\"system\"", "\"developer\"", "\"user\"", "\"\"", "\"\\\"]}\"", "null",
    "true",       "-0.0",          "1e999",    "7",    "{}",         "[]"};
constexpr std::string_view kRoleKeys[] = {"role", "role", "role", "r\\u006fle"};
constexpr std::string_view kRoles[] = {"\"system\"", "\"developer\"", "\"sys\\u0074em\"",
                                       "\"user\"", "1"};
constexpr std::string_view kBlanks[] = {"", "", "", " ", "\n\t "};
constexpr std::string_view kPaths[] = {
    "a",           "a.a",           "messages[*].role", "messages[*].content[*]", "input", "a[*]",
    "messages[*]", "system.a.text", "input[*].a"};

class RandomEdits : public StepTest {
protected:
    std::string_view pick(auto& from) {
        return from[prng_.below(static_cast<uint32_t>(std::size(from)))];
    }

    std::string value(int depth) {
        const uint32_t kind = prng_.below(depth > 0 ? 4 : 1);
        std::string text(pick(kBlanks));
        if (kind <= 1) {
            text += pick(kScalars);
        } else {
            text += kind == 2 ? '[' : '{';
            const uint32_t count = prng_.below(4);
            for (uint32_t i = 0; i < count; ++i) {
                text += i > 0 ? "," : "";
                text += pick(kBlanks);
                text += kind == 3 ? "\"" + std::string(pick(kKeys)) + "\"" : "";
                text += kind == 3 ? std::string(pick(kBlanks)) + ":" : "";
                text += value(depth - 1);
            }
            text += kind == 2 ? ']' : '}';
        }
        return text + std::string(pick(kBlanks));
    }
    std::string message() {
        if (prng_.below(4) == 0) {
            return value(2);
        }
        const std::string role = std::string(pick(kBlanks)) + "{\"" + std::string(pick(kRoleKeys)) +
                                 "\":" + std::string(pick(kRoles));
        return role + (prng_.below(4) == 0 ? "}" : ",\"content\":" + value(1) + "}");
    }
    // An object with a conversation.
    std::string body() {
        std::string text = "{\"" + std::string(pick(kKeys)) + "\":" + value(3);
        text += prng_.below(2) == 0 ? ",\"messages\":[" : ",\"input\":[";
        const uint32_t count = prng_.below(4);
        for (uint32_t i = 0; i < count; ++i) {
            text += (i > 0 ? "," : "") + message();
        }
        return text + "],\"" + std::string(pick(kKeys)) + "\":" + value(3) + "}";
    }

    // How often `path` leads to something that `is_wrong` is true for.
    template <class IsWrong>
    int count(std::string_view path, const IsWrong& is_wrong) {
        int wrong = 0;
        JsonPath::parse(path)->walk(
            **context_->body.tree(), arena_, [&](const JsonPath::Match& match) {
                wrong +=
                    match.kind == JsonPath::Match::Kind::found && is_wrong(*match.value) ? 1 : 0;
            });
        return wrong;
    }

    // Twice: the first result must be JSON and, where that is said, the last.
    void apply(std::string_view path, const std::string& before, bool is_lasting) {
        ASSERT_EQ(request(path, before).kind(), Verdict::Kind::proceed) << before;
        const std::string once(context_->body.text());
        Arena arena;
        ASSERT_TRUE(json::Value::parse(once, arena, ErrorSource::client)) << before << "\n" << once;
        if (is_lasting) {
            ASSERT_EQ(request(path, once).kind(), Verdict::Kind::proceed);
            ASSERT_EQ(context_->body.text(), once) << before;
        }
    }

    Prng prng_{4711};
};

TEST_F(RandomEdits, Transform) {
    for (int round = 0; round < kRounds && !HasFatalFailure(); ++round) {
        const std::string path(pick(kPaths));
        const std::string before = body();
        SCOPED_TRACE(path + " of " + before);
        TransformOptions options;
        switch (round % 5) {
            case 0:
                options.remove = {path};
                make("transform", options);
                apply(kChat, before, true);
                EXPECT_EQ(count(path, [](const json::Value&) { return true; }), 0);
                break;
            case 1:
                options.set = {{path, "7"}};
                make("transform", options);
                apply(kChat, before, true);
                EXPECT_EQ(count(path, [](const json::Value& at) { return at.raw() != "7"; }), 0);
                break;
            case 2:
                options.defaults = {{path, "{}"}};
                make("transform", options);
                apply(kChat, before, true);
                break;
            case 3:
                options.clamp = {{path, "1..5"}};
                make("transform", options);
                apply(kChat, before, true);
                EXPECT_EQ(count(path,
                                [](const json::Value& at) {
                                    return at.is_number() &&
                                           !(at.number() >= 1 && at.number() <= 5);
                                }),
                          0);
                break;
            default:
                options.rename = {{path.ends_with(']') ? "a" : path, "z"}};
                make("transform", options);
                apply(kChat, before, true);
                EXPECT_EQ(count(options.rename[0].path, [](const json::Value&) { return true; }),
                          0);
                break;
        }
        if (round % 100 == 99) {
            end();
            arena_.reset();
        }
    }
}

TEST_F(RandomEdits, SystemPrompt) {
    constexpr SystemPromptMode kModes[] = {SystemPromptMode::add_if_absent,
                                           SystemPromptMode::prepend, SystemPromptMode::append,
                                           SystemPromptMode::replace};
    constexpr std::string_view kCalls[] = {kChat, kMessages, kResponses, kCompletions};
    int edited = 0;
    for (int round = 0; round < kRounds && !HasFatalFailure(); ++round) {
        const SystemPromptMode mode = kModes[prng_.below(std::size(kModes))];
        const std::string_view path = pick(kCalls);
        const std::string before = body();
        make("system_prompt", SystemPromptOptions{.mode = mode, .text = "Be \"kind\"."});
        if (request(path, before).kind() == Verdict::Kind::refuse) {
            continue;  // Two of a kind.
        }
        // In the other modes it is put there again.
        const bool is_lasting = path != kCompletions && (mode == SystemPromptMode::add_if_absent ||
                                                         mode == SystemPromptMode::replace);
        apply(path, before, is_lasting);
        edited += context_->body.text() != before ? 1 : 0;
        if (round % 100 == 99) {
            end();
            context_.reset();
            arena_.reset();
        }
    }
    EXPECT_GT(edited, kRounds / 4);
}

}  // namespace
}  // namespace sluice::pipeline
