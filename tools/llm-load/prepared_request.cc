// Bodies in the order that SDKs write them; heads as small as a real client's.
#include "llm-load/prepared_request.h"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"
#include "base/text.h"
#include "llm-kit/make_answer.h"
#include "llm-load/options.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_load {

namespace {

using providers::SimulatedEndpoint;

// Text of the given length that differs from prompt to prompt from its first bytes on.
std::string make_prompt(uint32_t index, uint64_t size_bytes) {
    constexpr std::string_view kWords =
        "the quick brown fox reads a long document about rivers and answers in plain words ";
    std::string prompt = fmt::format("prompt {:06} ", index);
    prompt.reserve(size_bytes);
    while (prompt.size() < size_bytes) {
        prompt.append(kWords.substr(0, size_bytes - prompt.size()));
    }
    return prompt;
}

std::string make_body(const LoadOptions& options, uint32_t index) {
    const std::string prompt = make_prompt(index, options.prompt_bytes);
    std::string body = "{\"model\":\"";
    append_json_escaped(body, options.model);
    body += '"';
    const std::string_view limit =
        options.endpoint == SimulatedEndpoint::responses ? "max_output_tokens" : "max_tokens";
    if (options.endpoint != SimulatedEndpoint::embeddings) {
        body += fmt::format(",\"{}\":{}", limit, options.tokens);
        if (options.stream) {
            body += ",\"stream\":true";
        }
        if (options.stream && options.include_usage) {
            body += ",\"stream_options\":{\"include_usage\":true}";
        }
    }
    switch (options.endpoint) {
        case SimulatedEndpoint::chat:
            body +=
                fmt::format(",\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}", prompt);
            break;
        case SimulatedEndpoint::completions:
            body += fmt::format(",\"prompt\":\"{}\"}}", prompt);
            break;
        case SimulatedEndpoint::responses:
        case SimulatedEndpoint::embeddings:
            body += fmt::format(",\"input\":\"{}\"}}", prompt);
            break;
    }
    return body;
}

std::string make_text(const LoadOptions& options, std::string_view body) {
    std::string text = fmt::format(
        "POST {} HTTP/1.1\r\n"
        "Host: {}\r\n"
        "User-Agent: llm-load\r\n"
        "Accept: {}\r\n"
        "Content-Type: application/json\r\n",
        options.path, options.authority, options.stream ? "text/event-stream" : "application/json");
    if (options.new_connections) {
        text += "Connection: close\r\n";
    }
    if (!options.has_own_ids && options.endpoint != SimulatedEndpoint::embeddings) {
        text += fmt::format("x-mock-tokens: {}\r\n", options.tokens);
    }
    if (options.stamps) {
        text += "x-mock-stamp: 1\r\n";
    }
    if (options.event_bytes > 0) {
        text += fmt::format("x-mock-event-bytes: {}\r\n", options.event_bytes);
    }
    for (const std::string& header : options.headers) {
        text += header;
        text += "\r\n";
    }
    text += fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
    return text;
}

Result<PreparedRequest> prepare(const LoadOptions& options, std::string_view body) {
    PreparedRequest request = {.text = make_text(options, body), .expected = {}};
    request.has_expected = options.verify == Verify::exact && options.expected_status == 200;
    if (request.has_expected) {
        llm_kit::AnswerOptions answer = {.event_bytes = options.event_bytes,
                                         .stamped = options.stamps,
                                         .has_own_ids = options.has_own_ids,
                                         .model = options.answer_model};
        if (!options.has_own_ids) {  // The provider inside sluice keeps to its configuration.
            answer.tokens = options.tokens;
        }
        TRY(request.expected, llm_kit::make_answer(options.endpoint, body, body.size(), answer));
    }
    return request;
}

void add(Result<PreparedRequest> request,
         std::vector<PreparedRequest>& requests,
         std::string& wrong) {
    if (request) {
        requests.push_back(std::move(*request));
    } else {
        wrong = fmt::format("this body would be refused: {}", request.error().where);
    }
}

}  // namespace

std::vector<PreparedRequest> prepare_requests(const LoadOptions& options, std::string& wrong) {
    std::vector<PreparedRequest> requests;
    if (!options.body_file.empty()) {
        std::ifstream file(options.body_file, std::ios::binary);
        const std::string body{std::istreambuf_iterator<char>(file), {}};
        if (!file) {
            wrong = fmt::format("cannot read {}", options.body_file);
            return {};
        }
        add(prepare(options, body), requests, wrong);
        return requests;
    }
    requests.reserve(options.prompts);
    for (uint32_t i = 0; i < options.prompts; ++i) {
        add(prepare(options, make_body(options, i)), requests, wrong);
    }
    return requests;
}

}  // namespace sluice::llm_load
