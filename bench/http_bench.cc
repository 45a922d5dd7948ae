// What the HTTP/1 machines cost: heads, chunks, events. Time and allocations per operation.
//
// The request has 16 fields in 571 bytes and the response 20 fields in 732, as SDKs of model APIs
// and their providers send them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "allocation_count.h"
#include "base/arena.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/sse_framer.h"

namespace sluice::http {
namespace {

constexpr std::string_view kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: gateway.internal:8080\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: OpenAI/Python 1.97.0\r\n"
    "Content-Length: 18342\r\n"
    "Content-Type: application/json\r\n"
    "Authorization: Bearer sk-proj-0123456789abcdef0123456789abcdef012345\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Async: false\r\n"
    "X-Stainless-Lang: python\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Package-Version: 1.97.0\r\n"
    "X-Stainless-Retry-Count: 0\r\n"
    "X-Stainless-Runtime: CPython\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Tue, 14 Oct 2025 09:21:07 GMT\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: no-cache\r\n"
    "access-control-expose-headers: X-Request-ID, CF-Ray, CF-Countries\r\n"
    "openai-organization: user-a1b2c3d4e5f6\r\n"
    "openai-processing-ms: 214\r\n"
    "openai-version: 2020-10-01\r\n"
    "x-ratelimit-limit-requests: 10000\r\n"
    "x-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n"
    "x-ratelimit-remaining-tokens: 1999972\r\n"
    "x-ratelimit-reset-requests: 6ms\r\n"
    "x-ratelimit-reset-tokens: 0s\r\n"
    "x-request-id: req_0f1e2d3c4b5a69788796a5b4c3d2e1f0\r\n"
    "strict-transport-security: max-age=31536000\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Server: cloudflare\r\n"
    "CF-RAY: 98e1f2a3b4c5d6e7-FRA\r\n"
    "\r\n";

void report(benchmark::State& state, uint64_t allocations_before, size_t bytes) {
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocation_count() - allocations_before),
                           benchmark::Counter::kAvgIterations);
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void scan_head(benchmark::State& state, HeadScanner::Kind kind, std::string_view bytes) {
    const MessageLimits limits;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        HeadScanner scanner(kind, limits);
        benchmark::DoNotOptimize(scanner.scan(bytes));
    }
    report(state, before, bytes.size());
}

void scan_request(benchmark::State& state) {
    scan_head(state, HeadScanner::Kind::request, kRequest);
}
void scan_response(benchmark::State& state) {
    scan_head(state, HeadScanner::Kind::response, kResponse);
}

void parse_request(benchmark::State& state) {
    const MessageLimits limits;
    HeaderField storage[100];
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        RequestHead head;
        benchmark::DoNotOptimize(parse_request_head(kRequest, limits, storage, head));
        benchmark::DoNotOptimize(head);
    }
    report(state, before, kRequest.size());
}

void parse_response(benchmark::State& state) {
    const MessageLimits limits;
    HeaderField storage[100];
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        ResponseHead head;
        benchmark::DoNotOptimize(parse_response_head(kResponse, limits, storage, head));
        benchmark::DoNotOptimize(head);
    }
    report(state, before, kResponse.size());
}

void frame_request(benchmark::State& state) {
    HeaderField storage[100];
    RequestHead head;
    if (!parse_request_head(kRequest, {}, storage, head)) {
        state.SkipWithError("the request does not parse");
    }
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(request_framing(head));
    }
    report(state, before, 0);
}

void write_request(benchmark::State& state) {
    HeaderField storage[100];
    RequestHead head;
    if (!parse_request_head(kRequest, {}, storage, head)) {
        state.SkipWithError("the request does not parse");
    }
    head.headers.remove_hop_by_hop();
    const uint64_t before = allocation_count();
    size_t arena_bytes = 0;
    for (auto _ : state) {
        Arena arena;
        HeadWriter writer(arena);
        writer.request_line(head.method, head.target);
        writer.fields(head.headers);
        writer.content_length(18342);
        benchmark::DoNotOptimize(writer.finish());
        arena_bytes = arena.reserved_bytes();
    }
    report(state, before, kRequest.size());
    state.counters["arena_bytes"] = static_cast<double>(arena_bytes);
}

std::string event_of(size_t size) {
    return "data: " + std::string(size - 8, 'x') + "\n\n";
}

// One event of that size per chunk and per piece, as a provider streams them.
void decode_chunk(benchmark::State& state) {
    const std::string event = event_of(static_cast<size_t>(state.range(0)));
    char header[kChunkHeaderBytesMax];
    const std::string chunk =
        std::string(header, write_chunk_header(event.size(), header)) + event + "\r\n";
    ChunkedDecoder decoder({}, ErrorSource::upstream);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(decoder.next(chunk));
    }
    report(state, before, chunk.size());
}

void frame_event(benchmark::State& state) {
    const std::string event = event_of(static_cast<size_t>(state.range(0)));
    SseFramer framer;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(framer.feed(event));
    }
    report(state, before, event.size());
}

void parse_event(benchmark::State& state) {
    const std::string event = event_of(static_cast<size_t>(state.range(0)));
    SseParser parser;
    SseEvent parsed;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(parser.feed(event, parsed));
        benchmark::DoNotOptimize(parsed);
    }
    report(state, before, event.size());
}

BENCHMARK(scan_request);
BENCHMARK(parse_request);
BENCHMARK(scan_response);
BENCHMARK(parse_response);
BENCHMARK(frame_request);
BENCHMARK(write_request);
BENCHMARK(decode_chunk)->Arg(200)->Arg(2000);
BENCHMARK(frame_event)->Arg(200)->Arg(2000)->Arg(16000);
BENCHMARK(parse_event)->Arg(200)->Arg(2000);

}  // namespace
}  // namespace sluice::http

BENCHMARK_MAIN();
