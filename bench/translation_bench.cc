// What translating costs: a long request read into the canonical form and written again, and a
// streamed reply by the event. Time, bytes and allocations per operation.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "base/arena.h"
#include "base/error.h"
#include "crypto/crc32.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/transcoder.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace {

uint64_t allocation_count = 0;

}  // namespace

// Counts what goes through the language.
void* operator new(std::size_t size) {
    ++allocation_count;
    void* const memory = std::malloc(size);
    if (memory == nullptr) {
        std::abort();
    }
    return memory;
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace sluice::providers {
namespace {

constexpr size_t kMebibyte = 1 << 20;

// Prose with an escape now and then, as prompts have.
std::string prompt(size_t bytes) {
    constexpr std::string_view kSentence =
        R"(The quick brown fox said \"no\" to the lazy dog, and went home.\n)";
    std::string text;
    while (text.size() < bytes) {
        text += kSentence;
    }
    return text;
}

std::string long_request() {
    return R"({"model":"m","messages":[{"role":"system","content":"Be brief."},)"
           R"({"role":"user","content":")" +
           prompt(kMebibyte) + R"("}],"temperature":0.5,"max_completion_tokens":100})";
}

// An output whose bytes are sent as soon as there is no more room for others.
class Drain final : public json::TextOutput {
public:
    Drain() : bytes_(kMebibyte, '\0') {
        begin_ = next_ = bytes_.data();
        end_ = begin_ + bytes_.size();
    }

private:
    void grow(size_t) override { next_ = begin_; }
    std::string bytes_;
};

void translate_request(benchmark::State& state, std::string_view vendor) {
    const std::string body = long_request();
    const Target target = {.vendor = find_vendor(vendor), .model = "m"};
    const UpstreamDialect& upstream = *upstream_dialect(target.vendor->dialect);
    std::string sent;
    sent.reserve(2 * kMebibyte);
    for (auto _ : state) {
        Arena arena;
        Translation translation(arena);
        sent.clear();
        json::StringText output(sent);
        const auto tree = json::Value::parse(body, arena, ErrorSource::client);
        const auto request = client_dialect(Dialect::chat)->decode_request(**tree, translation);
        const auto done = upstream.encode_request(**request, target, translation, output);
        benchmark::DoNotOptimize(done);
    }
    state.SetBytesProcessed(static_cast<int64_t>(body.size()) * state.iterations());
}
BENCHMARK_CAPTURE(translate_request, vllm, "vllm");
BENCHMARK_CAPTURE(translate_request, bedrock, "bedrock");
BENCHMARK_CAPTURE(translate_request, ollama, "ollama");

// One event after another of a stream that is long under way.
void translate_event(benchmark::State& state, std::string_view vendor, std::string_view event) {
    const Target target = {.vendor = find_vendor(vendor), .model = "m", .is_stream = true};
    const ReplyContext context = {
        .fallback_id = "0123456789abcdef", .requested_model = "m", .is_stream = true};
    Arena arena;
    Drain output;
    StreamTranscoder transcoder(*client_dialect(Dialect::chat),
                                *upstream_dialect(target.vendor->dialect), target, context, output,
                                arena);
    transcoder.feed(event);
    const uint64_t allocations = allocation_count;
    for (auto _ : state) {
        transcoder.feed(event);
    }
    state.counters["allocations"] = benchmark::Counter(
        static_cast<double>(allocation_count - allocations), benchmark::Counter::kAvgIterations);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

constexpr std::string_view kChunk =
    "data: {\"id\":\"chatcmpl-9f\",\"object\":\"chat.completion.chunk\",\"created\":1755000000,"
    "\"model\":\"Qwen/Qwen3-8B\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"},"
    "\"logprobs\":null,\"finish_reason\":null,\"token_ids\":null}]}\n\n";
constexpr std::string_view kLine =
    "{\"model\":\"llama3\",\"created_at\":\"2024-05-24T20:26:46.294874Z\",\"message\":"
    "{\"role\":\"assistant\",\"content\":\" there\"},\"done\":false}\n";

// A delta as Bedrock frames it.
std::string frame() {
    const std::string headers = std::string("\x0b:event-type\x07\0\x11", 15) + "contentBlockDelta" +
                                std::string("\x0d:message-type\x07\0\x05", 17) + "event";
    const std::string payload =
        R"({"contentBlockIndex":0,"delta":{"text":" there"},"p":"abcdefghijklmnopqrstuvwxyz"})";
    const auto big_endian = [](size_t value) {
        std::string bytes;
        for (unsigned shift = 32; shift > 0; shift -= 8) {
            bytes += static_cast<char>(value >> (shift - 8) & 0xFFU);
        }
        return bytes;
    };
    std::string bytes =
        big_endian(headers.size() + payload.size() + 16) + big_endian(headers.size());
    bytes += big_endian(crypto::crc32(bytes)) + headers + payload;
    return bytes + big_endian(crypto::crc32(bytes));
}

BENCHMARK_CAPTURE(translate_event, vllm, "vllm", kChunk);
BENCHMARK_CAPTURE(translate_event, ollama, "ollama", kLine);
void translate_frame(benchmark::State& state) {
    translate_event(state, "bedrock", frame());
}
BENCHMARK(translate_frame);

}  // namespace
}  // namespace sluice::providers

BENCHMARK_MAIN();
