// What JSON costs: our incremental Validator with field location against simdjson (which needs the
// text copied into one padded piece) on the bodies that a gateway sees; then splicing, searching,
// reading and writing. Time and allocations per operation.
//
// "ours" validates everything and finds nine members; "ours_16k" does so in pieces of 16 KiB, as
// bodies arrive; "peek" is simdjson's on-demand mode, which finds the same without validating what
// it passes over; "dom" is simdjson's full parse.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "allocation_count.h"
#include "base/arena.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "json/document.h"
#include "json/field_watch.h"
#include "json/member_finder.h"
#include "json/splice.h"
#include "json/unescape.h"
#include "json/validator.h"
#include "json/writer.h"

namespace sluice::json {
namespace {

constexpr size_t kBlockBytes = 16384;
constexpr size_t kMebibyte = 1 << 20;

constexpr WatchList kList = {{"model", 256},
                             {"messages"},
                             {"stream"},
                             {"stream_options"},
                             {"stream_options/include_usage"},
                             {"max_tokens", 24},
                             {"max_completion_tokens", 24},
                             {"n", 24},
                             {"user", 64}};

// 297 bytes: one event of a stream.
constexpr std::string_view kChunk =
    R"({"id":"chatcmpl-9abcDEFghIJKlmnop0123456789","object":"chat.completion.chunk",)"
    R"("created":1700000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",)"
    R"("system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" Hello"},)"
    R"("logprobs":null,"finish_reason":null}],"usage":null})";

// 583 bytes: a small chat request with everything set.
constexpr std::string_view kChat =
    R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a helpful )"
    R"(assistant that answers briefly and precisely, in plain words."},{"role":"user",)"
    R"("content":"Explain in two sentences why the sky is blue, and mention the name of the )"
    R"(effect. Please do not use formulas.\nThank you!"}],"temperature":0.7,"top_p":0.95,)"
    R"("max_tokens":256,"stream":true,"stream_options":{"include_usage":true},)"
    R"("presence_penalty":0,"frequency_penalty":0.1,"stop":["\n\n","END"],)"
    R"("user":"user-1234567890abcdef","seed":42,"response_format":{"type":"text"},"n":1,)"
    R"("logit_bias":{"50256":-100,"198":-5}})";

constexpr std::string_view kUsage =
    R"({"prompt_tokens":1193,"completion_tokens":257,"total_tokens":1450,"prompt_tokens_details":)"
    R"({"cached_tokens":1024,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64,)"
    R"("audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}})";

std::string repeated(std::string_view unit, size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
        text += unit;
    }
    return text;
}

// A conversation of about `bytes`, with turns of 400 bytes to 2 KB.
std::string conversation(size_t bytes) {
    std::string text = R"({"model":"gpt-4o-mini","messages":[)";
    for (size_t i = 0; text.size() < bytes; ++i) {
        text += i == 0 ? "" : ",";
        text += i % 2 == 0 ? R"({"role":"user","content":")" : R"({"role":"assistant","content":")";
        text += repeated(R"(The quick brown fox jumps over the \"lazy\" dog, again and again.\n)",
                         400 + i * 7 % 23 * 70);
        text += "\"}";
    }
    return text + R"(],"stream":true,"max_tokens":100})";
}

std::string one_message(std::string_view content) {
    return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(content) +
           R"("}],"stream":true,"max_tokens":100})";
}

std::string image(size_t bytes) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text = R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url",)"
                       R"("image_url":{"url":"data:image/png;base64,)";
    uint32_t seed = 1;
    while (text.size() < bytes) {
        seed = seed * 1664525 + 1013904223;
        text += kDigits[seed >> 26];
    }
    return text + R"("}}]}],"stream":true,"max_tokens":100})";
}

std::string numbers(size_t bytes) {
    std::string text = R"({"model":"m","input":[)";
    uint32_t seed = 1;
    while (text.size() < bytes) {
        seed = seed * 1664525 + 1013904223;
        text += std::to_string(seed >> 15) + ",";
    }
    return text + R"(0],"stream":true,"max_tokens":100})";
}

struct Text {
    std::string name;
    std::string json;
};

const std::vector<Text>& texts() {
    static const std::vector<Text> kAll = {
        {"chunk_297B", std::string(kChunk)},
        {"chat_583B", std::string(kChat)},
        {"chat_20KB", conversation(20'000)},
        {"chat_420KB", conversation(420'000)},
        {"ascii_1MiB",
         one_message(repeated("The quick brown fox jumps over the dog. ", kMebibyte))},
        {"chinese_1MiB",
         one_message(repeated("敏捷的棕色狐狸跳过懒狗，这是一个测试。", kMebibyte))},
        {"escaped_1MiB", one_message(repeated(R"(\u654f\u6377\u7684 )", kMebibyte))},
        {"code_1MiB",
         one_message(
             repeated(R"(    if (x == \"y\") {\n        return f(\"\\n\");\n    }\n)", kMebibyte))},
        {"image_1MiB", image(kMebibyte)},
        {"numbers_1MiB", numbers(kMebibyte)},
    };
    return kAll;
}

void report(benchmark::State& state, uint64_t allocations_before, size_t bytes) {
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocation_count() - allocations_before),
                           benchmark::Counter::kAvgIterations);
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void ours(benchmark::State& state, std::string_view text, size_t piece_bytes) {
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        FieldWatch watch(kList);
        Validator validator({.watch = &watch});
        Status status;
        for (size_t at = 0; at < text.size() && status; at += piece_bytes) {
            status = validator.feed(text.substr(at, piece_bytes));
        }
        if (!status || !validator.finish()) {
            state.SkipWithError("the text is not valid");
            return;
        }
        benchmark::DoNotOptimize(watch);
    }
    report(state, before, text.size());
}

void peek(benchmark::State& state, std::string_view text) {
    simdjson::ondemand::parser parser;
    std::vector<char> padded(text.size() + simdjson::SIMDJSON_PADDING);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        std::copy(text.begin(), text.end(), padded.begin());
        auto document = parser.iterate(padded.data(), text.size(), padded.size());
        std::string_view model;
        bool stream = false;
        int64_t max_tokens = 0;
        benchmark::DoNotOptimize(document["model"].get(model));
        benchmark::DoNotOptimize(document["stream"].get(stream));
        benchmark::DoNotOptimize(document["max_tokens"].get(max_tokens));
    }
    report(state, before, text.size());
}

void dom(benchmark::State& state, std::string_view text) {
    simdjson::dom::parser parser;
    std::vector<char> padded(text.size() + simdjson::SIMDJSON_PADDING);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        std::copy(text.begin(), text.end(), padded.begin());
        const auto document = parser.parse(padded.data(), text.size(), false);
        if (document.error() != simdjson::SUCCESS) {
            state.SkipWithError("the text is not valid");
            return;
        }
    }
    report(state, before, text.size());
}

// A new model and one member more, in a body of receive blocks.
void splice(benchmark::State& state, std::string_view text) {
    FieldWatch watch(kList);
    Validator validator({.watch = &watch});
    if (!validator.feed(text)) {
        state.SkipWithError("the text is not valid");
        return;
    }
    SliceQueue received;
    for (size_t at = 0; at < text.size(); at += kBlockBytes) {
        received.push_back(Slice::copy_of(text.substr(at, kBlockBytes)));
    }
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        SliceQueue body;
        received.share_all_to(body);
        Splice edits(body);
        edits.replace(watch.field(0), R"("another-model")");
        edits.insert_first(validator.object_begin(), R"("added":true)");
        benchmark::DoNotOptimize(edits.growth_bytes());
        SliceQueue result;
        edits.apply(result);
        benchmark::DoNotOptimize(result);
    }
    report(state, before, text.size());
}

void find_in(benchmark::State& state, std::string_view text) {
    Arena arena;
    MemberFinder finder("\"usage\"", arena);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        finder.feed(text);
        benchmark::DoNotOptimize(finder);
    }
    report(state, before, text.size());
}

void read_usage(benchmark::State& state) {
    Document document;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        if (!document.parse(kUsage)) {
            state.SkipWithError("the text is not valid");
            return;
        }
        benchmark::DoNotOptimize(document.integer("/prompt_tokens"));
        benchmark::DoNotOptimize(document.integer("/completion_tokens"));
        benchmark::DoNotOptimize(document.integer("/prompt_tokens_details/cached_tokens"));
    }
    report(state, before, kUsage.size());
}

// The same values in simdjson's on-demand mode.
void read_usage_on_demand(benchmark::State& state) {
    simdjson::ondemand::parser parser;
    std::vector<char> padded(kUsage.size() + simdjson::SIMDJSON_PADDING);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        std::copy(kUsage.begin(), kUsage.end(), padded.begin());
        auto document = parser.iterate(padded.data(), kUsage.size(), padded.size());
        int64_t value = 0;
        benchmark::DoNotOptimize(document.at_pointer("/prompt_tokens").get(value));
        benchmark::DoNotOptimize(document.at_pointer("/completion_tokens").get(value));
        benchmark::DoNotOptimize(
            document.at_pointer("/prompt_tokens_details/cached_tokens").get(value));
    }
    report(state, before, kUsage.size());
}

void write_error(benchmark::State& state) {
    std::string text;
    text.reserve(512);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        text.clear();
        StringText output(text);
        Writer writer(output);
        writer.begin_object().key("error").begin_object();
        writer.key("message").string("The model 'x' does not exist or you have no access to it.");
        writer.key("type").string("invalid_request_error").key("param").null();
        writer.key("code").string("model_not_found").key("status").integer(404);
        writer.end_object().end_object();
        output.finish();
        benchmark::DoNotOptimize(text);
    }
    report(state, before, text.size());
}

void unescape_prompt(benchmark::State& state) {
    const std::string raw = repeated(R"(The \"quick\" brown fox jumps over the lazy dog.\n)", 4096);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        Arena arena;
        benchmark::DoNotOptimize(unescape(raw, arena));
    }
    report(state, before, raw.size());
}

void register_all() {
    using benchmark::RegisterBenchmark;
    for (const Text& text : texts()) {
        const std::string_view json = text.json;
        RegisterBenchmark(("ours/" + text.name).c_str(), ours, json, json.size());
        if (json.size() > kBlockBytes) {
            RegisterBenchmark(("ours_16k/" + text.name).c_str(), ours, json, kBlockBytes);
        }
        RegisterBenchmark(("peek/" + text.name).c_str(), peek, json);
        RegisterBenchmark(("dom/" + text.name).c_str(), dom, json);
    }
    RegisterBenchmark("splice/chat_583B", splice, kChat);
    RegisterBenchmark("splice/chat_420KB", splice, texts()[3].json);
    RegisterBenchmark("find/event_200B", find_in, kChunk.substr(0, 200));
    RegisterBenchmark("find/chat_420KB", find_in, texts()[3].json);
    RegisterBenchmark("read_usage", read_usage);
    RegisterBenchmark("read_usage_on_demand", read_usage_on_demand);
    RegisterBenchmark("write_error", write_error);
    RegisterBenchmark("unescape_4KB", unescape_prompt);
}

}  // namespace
}  // namespace sluice::json

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
        return 1;
    }
    sluice::json::register_all();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
