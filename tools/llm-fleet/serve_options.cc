// The command line of `llm-fleet serve` and its manual page.
#include "llm-fleet/serve_options.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "llm-fleet/fault.h"
#include "llm-fleet/options.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {

namespace {

using llm_kit::CommandLine;
using llm_kit::Custom;

constexpr uint32_t kWorkersMax = 4'096;

constexpr std::string_view kEndpoints =
    "    POST /v1/chat/completions, /v1/completions\n"
    "        The text that llm-mock makes of the prompt, streamed or whole. cached_tokens in the\n"
    "        usage is what the engine had of the prompt, in blocks of 64 tokens (256 bytes).\n"
    "    GET /v1/models, /health\n"
    "        Answered whatever the engine does.\n"
    "    GET /metrics\n"
    "        In vLLM's names: num_requests_running, num_requests_waiting, kv_cache_usage_perc,\n"
    "        prefix_cache_queries_total and prefix_cache_hits_total (in tokens), and so on.\n"
    "    GET /mock/stats\n"
    "        Counters of this worker as JSON, and what is wrong with it now.\n"
    "    GET /mock/fleet\n"
    "        Sums over all workers.\n"
    "    POST /mock/fault\n"
    "        Its body, written as after --fault but without worker=, becomes the fault of this\n"
    "        worker; several have | between them, and times count from then on. An empty one "
    "takes\n"
    "        all away. While a worker restarts, nobody can ask it anything.\n";

constexpr std::string_view kExamples =
    "    Eight workers on ports 8000 to 8007, ten times as fast as real ones:\n"
    "        llm-fleet serve --speed 10\n"
    "    Four on free ports; one is slow, one comes back empty after a minute:\n"
    "        llm-fleet serve --workers 4 --port 0 --fault worker=1,kind=slow,factor=5 \\\n"
    "            --fault worker=2,kind=restart,from=60s,until=65s\n"
    "    What is wrong with a worker is changed while it runs:\n"
    "        curl localhost:8003/mock/fault -d kind=answer,status=429,retry-after=2,until=10s\n";

void describe_servers(CommandLine& line, ServeOptions& options) {
    line.section("SERVERS");
    line.option("--workers", "N", &options.workers, "Servers, all alike.");
    line.option("--host", "ADDRESS", &options.host, "Address to listen on.");
    line.option("--port-base", "N", &options.port_base,
                "Port of the first worker; the others follow. 0 takes free ones.");
    line.option("--port", "N", &options.port_base,
                "The same. The first line of the output names all addresses in their order.");
    line.option("--shards", "N", &options.shards, "Threads; the workers are dealt out to them.");
    line.option("--models", "NAMES", Custom{[&](std::string_view text) {
                    return llm_kit::read_names(text, options.models);
                }},
                "What /v1/models lists; any other name is answered all the same. Default: "
                "sluice-simulated.");
    line.option("--tokens", "N", &options.tokens,
                "Length of an answer, unless the request allows fewer.");
    line.option("--quiet", "", &options.is_quiet, "Says nothing but the addresses.");
}

}  // namespace

CommandLine describe_serve(ServeOptions& options) {
    CommandLine line("llm-fleet", "a fleet of inference servers without models", "serve [options]");
    line.section("DESCRIPTION");
    line.text(
        "Serves a mock fleet on real sockets: each worker listens on a port of its own, speaks "
        "OpenAI's API and takes the time that an engine with continuous batching, a prefix cache "
        "and a bounded memory would take, as in llm-fleet replay. A line every five seconds says "
        "on the standard error how it is going. SIGINT and SIGTERM end it.");
    describe_servers(line, options);
    line.section("ENGINES");
    line.option("--speed", "F", &options.speed,
                "So many times as fast as the figures below say; faults keep to that time too.");
    describe_engine(line, options.engine);
    line.section("FAULTS");
    line.option("--fault", "SPEC", Custom{[&](std::string_view text) {
                    Fault fault;
                    std::string wrong = read_fault(text, fault, FaultUse::served);
                    options.faults.push_back(fault);
                    return wrong;
                }},
                "May be given often: worker=N,kind=KIND,from=TIME,until=TIME with times like 90s "
                "or 5m after the beginning. They concern calls of the model. Kinds:");
    line.lines(fault_reference(FaultUse::served));
    line.section("ENDPOINTS");
    line.text("Of each worker.");
    line.lines(kEndpoints);
    line.section("EXIT STATUS");
    line.lines(
        "    0  it was ended by a signal\n"
        "    2  the command line is wrong, or a port is taken\n");
    line.section("EXAMPLES");
    line.lines(kExamples);
    return line;
}

std::string complete_serve(const ServeOptions& options) {
    if (options.workers == 0 || options.workers > kWorkersMax) {
        return fmt::format("--workers must be 1 to {}", kWorkersMax);
    }
    if (options.shards == 0 || options.shards > options.workers) {
        return "--shards must be 1 to the number of workers";
    }
    if (options.port_base + options.workers - 1 > UINT16_MAX) {
        return "there are no ports for so many workers";
    }
    if (options.speed <= 0) {
        return "--speed must be above 0";
    }
    for (const Fault& fault : options.faults) {
        if (fault.worker >= options.workers) {
            return fmt::format(
                "--fault: there is no worker {}; the first is 0, and --workers is {}", fault.worker,
                options.workers);
        }
    }
    return check_engine(options.engine);
}

}  // namespace sluice::llm_fleet
