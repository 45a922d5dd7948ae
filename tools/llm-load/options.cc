// The command line of llm-load and its manual page.
#include "llm-load/options.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include "base/result.h"
#include "base/text.h"
#include "http/url.h"
#include "llm-kit/command_line.h"
#include "llm-kit/distribution.h"
#include "llm-kit/machine.h"
#include "net/address.h"
#include "providers/simulated_request.h"

namespace sluice::llm_load {

namespace {

// 127.0.0.1,127.0.0.2 as addresses; returns what is wrong, or nothing.
std::string read_sources(std::string_view text, std::vector<net::Address>& sources) {
    while (const std::optional<std::string_view> element = next_list_element(text)) {
        const std::optional<net::Address> source = net::Address::parse(*element, 0);
        if (!source) {
            return fmt::format("\"{}\" is no address", *element);
        }
        sources.push_back(*source);
    }
    return {};
}

using llm_kit::Bytes;
using llm_kit::Choice;
using llm_kit::CommandLine;
using llm_kit::Custom;

void describe_load(CommandLine& line, LoadOptions& options) {
    line.section("HOW MUCH");
    line.option("--connections", "N", &options.connections,
                "Closed loop: connections, each with one request at a time. Open loop: the most "
                "that may be open.");
    line.option("-c", "N", &options.connections, "The same.");
    line.option("--requests", "N", &options.requests_max,
                "Ends after this many requests. Without it, and without --duration, each "
                "connection sends one.");
    line.option("--duration", "SECONDS", &options.duration,
                "Starts no request after this long; those on their way may finish.");
    line.option("--rate", "R", &options.rate_per_second,
                "Open loop: this many requests a second become due, whatever the server does. "
                "Latencies count from the time a request was due, so waiting is not hidden.");
    line.option(
        "--arrivals", "KIND",
        Choice{llm_kit::kArrivalNames,
               [&](size_t i) { options.arrivals = static_cast<llm_kit::Arrivals::Kind>(i); },
               "poisson"},
        "Open loop: constant or poisson.");
    line.option("--ramp", "SECONDS", Custom{[&](std::string_view text) {
                    double seconds = 0;
                    const bool good = llm_kit::parse_number(text, seconds);
                    options.ramp = Duration::nanoseconds(static_cast<int64_t>(seconds * 1e9));
                    return std::string(good ? "" : "a number of seconds");
                }},
                "Closed loop: time over which the connections begin. Default: 0.1 ms each.");
    line.option("--warmup", "SECONDS", &options.warmup,
                "Requests that begin in this time are checked and counted but not measured.");
    line.option("--drain", "SECONDS", &options.drain,
                "How long requests on their way may take after the end; then they are errors.");
    line.option("--timeout", "SECONDS", &options.request_timeout, "For each request.");
    line.option("--new-connections", "", &options.new_connections,
                "A new connection for every request.");
    line.option("--hold", "SECONDS", &options.hold,
                "Each connection sends one request; when all are answered they stay open and idle "
                "for this long. For measuring what idle connections cost.");
}

void describe_request(CommandLine& line, LoadOptions& options) {
    line.section("REQUESTS");
    line.option("--model", "NAME", &options.model, "Model asked for.");
    line.option("--stream", "", &options.stream, "Asks for a streamed answer.");
    line.option("--include-usage", "", &options.include_usage,
                "Streams: asks for the usage chunk.");
    line.option("--tokens", "N", &options.tokens, "Length of the answers, as max_tokens.");
    line.option("--prompt-bytes", "BYTES", Bytes{&options.prompt_bytes},
                "Length of each prompt; takes KiB and MiB.");
    line.option("--prompts", "N", &options.prompts, "Different prompts, used in turn.");
    line.option("--body-file", "FILE", &options.body_file, "Sends this body instead.");
    line.option("--event-bytes", "N", &options.event_bytes,
                "llm-mock: fills shorter events up to this size.");
    line.option("-H", "'NAME: VALUE'", &options.headers,
                "Adds a header field; may be given often. llm-mock's x-mock-* fields set pace and "
                "faults.");
    line.section("TLS");
    line.text("For URLs that begin with https.");
    line.option("--ca", "FILE", &options.tls_ca_file,
                "PEM bundle of authorities to trust, instead of the system's.");
    line.option("--insecure", "", &options.tls_insecure, "Trusts any certificate.");
    line.option("--full-handshakes", "", &options.has_full_handshakes, "Never resumes a session.");
    line.section("LEAVING EARLY");
    line.option("--abort-after-events", "N", Custom{[&](std::string_view text) {
                    uint64_t count = 0;
                    const bool good = llm_kit::parse_bytes(text, count) && count <= UINT32_MAX;
                    options.abort_after_events = static_cast<uint32_t>(count);
                    return std::string(good ? "" : "a count");
                }},
                "Closes the connection after N events of a stream; 0: once the request is sent.");
    line.option("--abort-after-ms", "MS", &options.abort_after,
                "Closes the connection this long after the request.");
    line.option("--abort-fraction", "F", &options.abort_fraction,
                "Share of the requests that are left early, 0 to 1.");
}

void describe_rest(CommandLine& line, LoadOptions& options) {
    line.section("JUDGING");
    line.option(
        "--verify", "HOW",
        Choice{kVerifyNames, [&](size_t i) { options.verify = static_cast<Verify>(i); }, "exact"},
        "exact: every byte must be what llm-mock answers to this request. shape: whole "
        "framing, whole events and [DONE], for other servers. none: counts only.");
    line.option("--own-ids", "", &options.has_own_ids,
                "exact: ids and times may be any. For the simulated provider inside sluice, which "
                "otherwise gives the same answers as llm-mock.");
    line.option("--answer-model", "NAME", &options.answer_model,
                "exact: the model that the answers name, where a gateway renames it.");
    line.option("--expect-status", "N", &options.expected_status, "Status that counts as success.");
    line.option("--stamps", "", &options.stamps,
                "llm-mock writes into each event when it sent it; the report then has the transit "
                "time of every event. Both must run on one machine.");
    line.option("--allow-errors", "", &options.allow_errors, "Exit status 0 in spite of errors.");
    line.section("OUTPUT");
    line.option("--json", "FILE", &options.json_file, "Writes all figures as JSON; - is stdout.");
    line.option("--quiet", "", &options.quiet, "No progress line and no table.");
    line.section("THE GENERATOR");
    line.option("--shards", "N", &options.shards, "Threads.");
    line.option("--pin", "CPUS", Custom{[&](std::string_view text) {
                    const auto cpus = llm_kit::parse_cpu_list(text);
                    options.cpus = cpus.value_or(std::vector<uint32_t>());
                    return std::string(cpus ? "" : "a list such as 0,2-3");
                }},
                "Binds thread i to the i-th of these cores.");
    line.option("--source", "ADDRESSES",
                Custom{[&](std::string_view text) { return read_sources(text, options.sources); }},
                "Local addresses to connect from, in turn, for example 127.0.0.1,127.0.0.2: each "
                "gives another 28,000 ports.");
    line.option("--batch-us", "US", &options.batch_us,
                "With 256 and more connections, collects events for this long before it looks at "
                "them: less work for each, later by as much.");
    line.option("--seed", "N", &options.seed, "Of arrivals and of early leaves.");
}

}  // namespace

namespace {

constexpr std::string_view kExamples =
    "    64 keep-alive connections, small answers, for ten seconds:\n"
    "        llm-load -c 64 --duration 10 http://127.0.0.1:3000/v1/chat/completions\n"
    "    2,000 streams at 20 events a second, with the transit time of every event:\n"
    "        llm-load -c 2000 --duration 30 --stream --tokens 200 --stamps \\\n"
    "            -H 'x-mock-itl-ms: 50' http://127.0.0.1:3000/v1/chat/completions\n"
    "    A thousand requests a second whatever the server does:\n"
    "        llm-load --rate 1000 -c 500 --duration 30 http://127.0.0.1:3000/v1/chat/completions\n"
    "    Half of the clients leave after three events:\n"
    "        llm-load -c 100 --requests 10000 --stream --abort-after-events 3 \\\n"
    "            --abort-fraction 0.5 http://127.0.0.1:3000/v1/chat/completions\n";

// A name or an address; this program may wait for the resolver, it has not begun yet.
std::optional<net::Address> resolve(const std::string& host, uint16_t port) {
    if (const std::optional<net::Address> literal = net::Address::parse(host, port)) {
        return literal;
    }
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) {
        return std::nullopt;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
    net::Address address(found->ai_addr, found->ai_addrlen);
    address.set_port(port);
    return address;
}

std::string read_url(LoadOptions& options, std::string_view url) {
    options.url = url;
    const Result<http::BaseUrl> parsed = http::parse_base_url(options.url);
    if (!parsed) {
        return fmt::format("{}: {}", url, parsed.error().where);
    }
    options.tls = parsed->is_https();
    options.host = parsed->host;
    options.authority = http::authority_text(*parsed);
    options.path = parsed->path_prefix.empty() ? "/v1/chat/completions" : parsed->path_prefix;
    const std::optional<net::Address> target = resolve(options.host, parsed->port);
    if (!target) {
        return fmt::format("{}: the host is not known", url);
    }
    options.target = *target;
    if (!providers::simulated_endpoint_of(options.path, options.endpoint) &&
        options.verify == Verify::exact) {
        return fmt::format("{}: no known endpoint; use --body-file and --verify shape", url);
    }
    return {};
}

}  // namespace

CommandLine describe_command_line(LoadOptions& options) {
    CommandLine line("llm-load", "sends requests to an OpenAI-compatible server and measures it",
                     "[options] URL");
    line.section("DESCRIPTION");
    line.text(
        "Sends chat completions, completions, responses or embeddings, as the path of the URL "
        "says, checks every byte that comes back and reports latencies, throughput and errors. "
        "Against llm-mock, directly or through a proxy, the whole answer is known beforehand; "
        "against other servers use --verify shape.");
    line.text(
        "The report includes how late this program was itself (send lag) and how busy it was, so "
        "that a reader can tell whether the generator was the bound.");
    describe_load(line, options);
    describe_request(line, options);
    describe_rest(line, options);
    line.section("EXIT STATUS");
    line.text("0: every answer was as expected. 1: some were not. 2: wrong usage, or no start.");
    line.section("EXAMPLES");
    line.lines(kExamples);
    return line;
}

std::string complete_options(LoadOptions& options, std::span<const std::string_view> operands) {
    if (operands.size() != 1) {
        return "exactly one URL is needed; --help explains";
    }
    if (std::string wrong = read_url(options, operands[0]); !wrong.empty()) {
        return wrong;
    }
    if (options.connections == 0 || options.shards == 0 || options.prompts == 0) {
        return "--connections, --shards and --prompts must be at least 1";
    }
    if (options.shards > options.connections) {
        return "more --shards than --connections";
    }
    if (options.is_open_loop() && options.requests_max == 0 && options.duration.ns() == 0) {
        return "--rate needs --duration or --requests";
    }
    if (options.is_open_loop() && options.hold.ns() > 0) {
        return "--hold is for the closed loop";
    }
    if (options.stamps && !options.stream) {
        return "--stamps needs --stream";
    }
    if (options.requests_max == 0 && (options.duration.ns() == 0 || options.hold.ns() > 0)) {
        options.requests_max = options.connections;
    }
    return {};
}

}  // namespace sluice::llm_load
