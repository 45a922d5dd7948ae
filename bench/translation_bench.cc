// What translating costs, for each pair of dialects: a prompt of 1 MiB read into the canonical form
// and written again, and a streamed reply by the event of one word. Time and allocations per
// operation.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <benchmark/benchmark.h>

#include "allocation_count.h"
#include "base/arena.h"
#include "base/error.h"
#include "crypto/base64.h"
#include "crypto/crc32.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/transcoder.h"
#include "providers/translation.h"
#include "providers/vendor.h"

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

struct Client {
    Dialect dialect;
    // Around a prompt.
    std::string_view before;
    std::string_view after;
};

constexpr Client kChat = {Dialect::chat,
                          R"({"model":"m","messages":[{"role":"system","content":"Be brief."},)"
                          R"({"role":"user","content":")",
                          R"("}],"temperature":0.5,"max_completion_tokens":100})"};
constexpr Client kMessages = {Dialect::messages,
                              R"({"model":"m","max_tokens":100,"system":"Be brief.",)"
                              R"("messages":[{"role":"user","content":")",
                              R"("}],"temperature":0.5})"};
constexpr Client kResponses = {
    Dialect::responses,
    R"({"model":"m","instructions":"Be brief.","input":[{"role":"user","content":")",
    R"("}],"temperature":0.5,"max_output_tokens":100})"};

// An output whose bytes are sent as soon as there is no more room for others.
class Drain final : public json::TextOutput {
public:
    Drain() : bytes_(kMebibyte, '\0') {
        begin_ = next_ = bytes_.data();
        end_ = begin_ + bytes_.size();
    }

    uint64_t total() const { return sent_ + view().size(); }

private:
    void grow(size_t) override {
        sent_ += view().size();
        next_ = begin_;
    }
    std::string bytes_;
    uint64_t sent_ = 0;
};

void translate_request(benchmark::State& state, const Client& client, std::string_view vendor) {
    const std::string body =
        std::string(client.before) + prompt(kMebibyte) + std::string(client.after);
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
        const auto request = client_dialect(client.dialect)->decode_request(**tree, translation);
        if (!request || !upstream.encode_request(**request, target, translation, output)) {
            state.SkipWithError("it was refused");
            return;
        }
    }
    state.SetBytesProcessed(static_cast<int64_t>(body.size()) * state.iterations());
}

struct Reply {
    std::string_view vendor;
    std::string begin;  // Up to the first event of text.
    std::string event;
};

// One event of text after another, of a stream that is long under way. Each brings one word.
void translate_event(benchmark::State& state, const Client& client, const Reply& reply) {
    const Target target = {.vendor = find_vendor(reply.vendor), .model = "m", .is_stream = true};
    const bool passes_on =
        client.dialect == Dialect::messages && !target.vendor->hosted_version.empty();
    const ReplyContext context = {.fallback_id = "0123456789abcdef",
                                  .requested_model = "m",
                                  .is_stream = true,
                                  .passes_on = passes_on};
    Arena arena;
    Drain output;
    StreamTranscoder transcoder(*client_dialect(client.dialect),
                                *upstream_dialect(target.vendor->dialect), target, context, output,
                                arena);
    transcoder.feed(reply.begin);
    transcoder.feed(reply.event);
    const uint64_t bytes = output.total();
    const uint64_t allocations = allocation_count();
    for (auto _ : state) {
        transcoder.feed(reply.event);
    }
    const auto events = static_cast<double>(state.iterations());
    state.counters["allocations"] = static_cast<double>(allocation_count() - allocations) / events;
    state.counters["bytes_out"] = static_cast<double>(output.total() - bytes) / events;
    if (transcoder.has_failed() || output.total() == bytes) {
        state.SkipWithError("nothing came out");
    }
}

constexpr std::string_view kChunk =
    "data: {\"id\":\"chatcmpl-9f\",\"object\":\"chat.completion.chunk\",\"created\":1755000000,"
    "\"model\":\"Qwen/Qwen3-8B\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"},"
    "\"logprobs\":null,\"finish_reason\":null,\"token_ids\":null}]}\n\n";
constexpr std::string_view kMessagesBegin =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01\","
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],"
    "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
    "\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
    "\"text\":\"\"}}\n\n";
constexpr std::string_view kMessagesDelta =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
    "\"delta\":{\"type\":\"text_delta\",\"text\":\" there\"}}\n\n";
constexpr std::string_view kCandidate =
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \" there\"}],\"role\": "
    "\"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 25,"
    "\"candidatesTokenCount\": 12,\"totalTokenCount\": 37},\"modelVersion\": "
    "\"gemini-2.5-flash\",\"responseId\": \"aB3\"}\n\n";
constexpr std::string_view kLine =
    "{\"model\":\"llama3\",\"created_at\":\"2024-05-24T20:26:46.294874Z\",\"message\":"
    "{\"role\":\"assistant\",\"content\":\" there\"},\"done\":false}\n";

// A message as Bedrock frames it.
std::string frame(std::string_view type, std::string_view payload) {
    const std::string headers = std::string("\x0b:event-type\x07\0", 14) +
                                static_cast<char>(type.size()) + std::string(type) +
                                std::string("\x0d:message-type\x07\0\x05", 17) + "event";
    const auto big_endian = [](size_t value) {
        std::string bytes;
        for (unsigned shift = 32; shift > 0; shift -= 8) {
            bytes += static_cast<char>(value >> (shift - 8) & 0xFFU);
        }
        return bytes;
    };
    std::string bytes =
        big_endian(headers.size() + payload.size() + 16) + big_endian(headers.size());
    bytes += big_endian(crypto::crc32(bytes)) + headers + std::string(payload);
    return bytes + big_endian(crypto::crc32(bytes));
}

// Events of the model as InvokeModel frames them.
std::string chunks(std::string_view events) {
    constexpr std::string_view kData = "\ndata: ";
    std::string frames;
    while (!events.empty()) {
        const size_t end = events.find("\n\n");
        const size_t data = events.find(kData) + kData.size();
        frames += frame("chunk", R"({"bytes":")" + crypto::base64(events.substr(data, end - data)) +
                                     R"(","p":"abcdefghijklmnopqrst"})");
        events.remove_prefix(end + 2);
    }
    return frames;
}

void add_benchmarks() {
    const std::pair<const char*, Client> clients[] = {
        {"chat", kChat}, {"messages", kMessages}, {"responses", kResponses}};
    const Reply replies[] = {
        {"anthropic", std::string(kMessagesBegin), std::string(kMessagesDelta)},
        {"bedrock", frame("messageStart", R"({"role":"assistant","p":"abcd"})"),
         frame("contentBlockDelta",
               R"({"contentBlockIndex":0,"delta":{"text":" there"},"p":"abcdefghijklmnopqrst"})")},
        {"anthropic_bedrock", chunks(kMessagesBegin), chunks(kMessagesDelta)},
        {"gemini", "", std::string(kCandidate)},
        {"ollama", "", std::string(kLine)},
        {"vllm", "", std::string(kChunk)},
    };
    for (const auto& [name, client] : clients) {
        for (const Reply& reply : replies) {
            const std::string pair = std::string(name) + "/" + std::string(reply.vendor);
            benchmark::RegisterBenchmark(("request/" + pair).c_str(),
                                         [client, vendor = reply.vendor](benchmark::State& state) {
                                             translate_request(state, client, vendor);
                                         });
            benchmark::RegisterBenchmark(("event/" + pair).c_str(),
                                         [client, reply](benchmark::State& state) {
                                             translate_event(state, client, reply);
                                         });
        }
    }
}

}  // namespace
}  // namespace sluice::providers

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    sluice::providers::add_benchmarks();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
