// The command line of llm-mock and its manual page.
#include "llm-mock/options.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm-kit/command_line.h"
#include "llm-kit/distribution.h"
#include "llm-kit/fault.h"
#include "llm-kit/machine.h"

namespace sluice::llm_mock {

namespace {

using llm_kit::Choice;
using llm_kit::CommandLine;
using llm_kit::Custom;

constexpr std::string_view kEndpoints =
    "    POST /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings\n"
    "        Answers as OpenAI's API does, streamed or whole. The text depends on the prompt.\n"
    "    POST /v1/messages\n"
    "        The same text, tokens, paces and faults in the form of Anthropic Messages;\n"
    "    POST /v1beta/models/NAME:generateContent, :streamGenerateContent?alt=sse\n"
    "        of Google's Gemini;\n"
    "    POST /model/NAME/converse, /converse-stream\n"
    "        of Bedrock Converse, streamed in frames of AWS; no signature is looked at;\n"
    "    POST /model/NAME/invoke, /invoke-with-response-stream, /models/NAME:rawPredict,\n"
    "         :streamRawPredict\n"
    "        of Anthropic Messages, as Bedrock and Vertex host it;\n"
    "    POST /api/chat\n"
    "        of Ollama, a line of JSON for each event. Any prefix may stand before these paths.\n"
    "        Lines and frames have no comments, so they are neither stamped nor filled up. Tools\n"
    "        are called in the forms of OpenAI, Gemini (mode ANY) and Ollama (with tools, and a\n"
    "        question as the last message).\n"
    "    GET /v1/models, /v1/models/NAME, /healthz\n"
    "    ANY /mock/echo\n"
    "        The request as it was received: head and body as JSON.\n"
    "    GET /mock/stats, POST /mock/reset\n"
    "        Counters, and the last aborted answers with the time of the abort on the monotonic\n"
    "        clock; reset sets all to zero.\n"
    "    POST /mock/fault\n"
    "        Its body becomes the fault of all further requests; an empty one takes it away.\n"
    "    GET /mock/requests\n"
    "        The last requests as they were received (--record).\n"
    "    GET /mock/bytes/N\n"
    "        N bytes.\n";

constexpr std::string_view kHeaders =
    "    x-mock-ttft-ms, x-mock-itl-ms   time to the first token, and between two tokens\n"
    "    x-mock-tokens                   length of the answer where the request sets no limit\n"
    "    x-mock-burst                    events in one write\n"
    "    x-mock-event-bytes              shorter events are filled up to this size\n"
    "    x-mock-stamp: 1                 each event tells when it was written: a comment line\n"
    "                                    \": t=\" with 16 hexadecimal digits of the monotonic\n"
    "                                    clock in nanoseconds\n"
    "    x-mock-echo: 1                  answers as /mock/echo does\n"
    "    x-mock-fault                    a fault (see FAULTS), or several with | between them\n"
    "    x-mock-key                      names a script: the first request with this key gets the\n"
    "                                    first fault of its list, the next the next, and so on\n";

constexpr std::string_view kExamples =
    "    An engine that thinks for 200 ms and gives 20 tokens a second:\n"
    "        llm-mock --ttft-ms 200 --itl-ms 50\n"
    "    As fast as it can, one write for each event, on a port of the system's choice:\n"
    "        llm-mock --port 0\n"
    "    A tenth of the requests is refused:\n"
    "        llm-mock --fault status=429,retry-after=2 --fault-fraction 0.1\n"
    "    A stream that is cut after five events:\n"
    "        curl -N localhost:8000/v1/chat/completions -H 'x-mock-fault: "
    "reset-after-events=5' \\\n"
    "            -d '{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\","
    "\"content\":\"hi\"}]}'\n";

Choice shape_choice(llm_kit::Distribution& distribution) {
    return {llm_kit::kShapeNames,
            [&](size_t i) { distribution.shape = static_cast<llm_kit::Shape>(i); }, "fixed"};
}

void describe_server(CommandLine& line, MockOptions& options) {
    line.section("SERVER");
    line.option("--host", "ADDRESS", &options.host, "Address to listen on.");
    line.option("--port", "N", &options.port,
                "Port to listen on; 0 takes a free one. The first line of the output says which.");
    line.option("--shards", "N", &options.shards, "Threads.");
    line.option("--pin", "CPUS", Custom{[&](std::string_view text) {
                    const auto cpus = llm_kit::parse_cpu_list(text);
                    options.cpus = cpus.value_or(std::vector<uint32_t>());
                    return std::string(cpus ? "" : "a list such as 0,2-3");
                }},
                "Binds thread i to the i-th of these cores.");
    line.option("--certificate", "FILE", &options.certificate_file, "TLS: chain as PEM.");
    line.option("--private-key", "FILE", &options.private_key_file, "TLS: key as PEM.");
    line.option("--idle-timeout", "SECONDS", &options.idle_timeout,
                "Ends a connection that was idle for so long.");
    line.option("--requests-per-connection", "N", &options.requests_per_connection_max,
                "Ends a connection politely after so many requests.");
    line.option("--tolerate-half-close", "", &options.tolerates_half_close,
                "Answers a client that has ended its direction, instead of taking it for gone.");
    line.option("--record", "N", &options.records_max,
                "Keeps the last N requests for GET /mock/requests.");
    line.option("--batch-us", "US", &options.batch_us,
                "With many open streams, collects work for this long before a turn.");
    line.option("--quiet", "", &options.quiet, "Says nothing but the address.");
}

void describe_answers(CommandLine& line, MockOptions& options) {
    line.section("ANSWERS");
    line.option("--tokens", "N", &options.tokens,
                "Length of an answer, unless the request allows fewer.");
    line.option("--ttft-ms", "MS", &options.pace.first_token.mean, "Time to the first token.");
    line.option("--ttft-shape", "SHAPE", shape_choice(options.pace.first_token),
                "fixed, exponential or lognormal; the mean stays the same.");
    line.option("--itl-ms", "MS", &options.pace.next_token.mean,
                "Time between two tokens. 0: each event leaves as soon as the one before was taken "
                "by the system, one write for each.");
    line.option("--itl-shape", "SHAPE", shape_choice(options.pace.next_token), "The same choice.");
    line.option("--sigma", "S", Custom{[&](std::string_view text) {
                    double sigma = 0;
                    const bool good = llm_kit::parse_number(text, sigma);
                    options.pace.first_token.sigma = options.pace.next_token.sigma = sigma;
                    return std::string(good ? "" : "a number");
                }},
                "Width of the lognormal shapes. Default: 0.5.");
    line.option("--burst", "N", &options.pace.burst, "Events in one write.");
    line.option("--event-bytes", "N", &options.event_bytes,
                "Fills shorter events up to this size with a comment line.");
    line.option("--stamps", "", &options.stamps, "As x-mock-stamp: 1 on every request.");
    line.option("--models", "NAMES", Custom{[&](std::string_view text) {
                    return llm_kit::read_names(text, options.models);
                }},
                "What /v1/models lists; any other name is answered all the same. Default: "
                "sluice-simulated.");
    line.option("--seed", "N", &options.seed, "Of paces and of the choice of faulty requests.");
}

}  // namespace

CommandLine describe_command_line(MockOptions& options) {
    CommandLine line("llm-mock", "a server of LLM APIs without a model", "[options]");
    line.section("DESCRIPTION");
    line.text(
        "Answers chat completions, completions, responses, embeddings and the chats of Anthropic, "
        "Gemini, Bedrock and Ollama with text that is made "
        "up but depends on the prompt, at a pace that can be chosen, and breaks in many ways when "
        "it is told to. For testing and measuring gateways: llm-load knows every byte that it must "
        "send.");
    line.text("Bodies over 64 KiB are looked at in their first part only.");
    describe_server(line, options);
    describe_answers(line, options);
    line.section("FAULTS");
    line.option("--fault", "SPEC", Custom{[&](std::string_view text) {
                    std::string wrong;
                    options.fault =
                        llm_kit::parse_fault(text, wrong).value_or(llm_kit::FaultSpec());
                    return wrong;
                }},
                "What goes wrong with every request: words with commas between them.");
    line.option("--fault-fraction", "F", &options.fault_fraction,
                "With this share of them only, 0 to 1.");
    line.lines(llm_kit::fault_reference());
    line.section("ENDPOINTS");
    line.lines(kEndpoints);
    line.section("HEADER FIELDS");
    line.text("Of one request; they go before the options.");
    line.lines(kHeaders);
    line.section("EXAMPLES");
    line.lines(kExamples);
    return line;
}

std::string complete_options(const MockOptions& options) {
    if (options.shards == 0 || options.pace.burst == 0) {
        return "--shards and --burst must be at least 1";
    }
    if (options.shards > 1 && options.port == 0) {
        return "--port 0 needs --shards 1: the shards share one port";
    }
    if (options.certificate_file.empty() != options.private_key_file.empty()) {
        return "--certificate and --private-key belong together";
    }
    return {};
}

}  // namespace sluice::llm_mock
