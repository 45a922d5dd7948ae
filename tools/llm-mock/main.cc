// llm-mock: options, the line that tells the address, the exit code.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "llm-kit/command_line.h"
#include "llm-kit/shard_runner.h"
#include "llm-mock/control.h"
#include "llm-mock/mock_server.h"
#include "llm-mock/options.h"
#include "net/shard.h"
#include "net/tls_context.h"
#include "net/tls_ticket_keys.h"

namespace sluice::llm_mock {
namespace {

constexpr int kExitUsage = 2;

int complain(std::string_view text) {
    std::fputs(fmt::format("llm-mock: {}\n", text).c_str(), stderr);
    return kExitUsage;
}

// Nothing, or what is wrong.
std::string make_tls(const MockOptions& options, net::TlsContext& tls) {
    if (!options.has_tls()) {
        return {};
    }
    net::TlsServerOptions server;
    server.certificates.push_back({.certificate_file = options.certificate_file,
                                   .private_key_file = options.private_key_file,
                                   .server_names = {}});
    constexpr int64_t kSomeTimeNs = 0;  // For warnings about expiry, which we do not show.
    const net::TlsContextResult made =
        net::TlsContext::make_server(server, std::make_shared<net::TlsTicketKeys>(), kSomeTimeNs);
    tls = made.context;
    return made.ok() ? "" : made.error;
}

int serve(const MockOptions& options) {
    net::TlsContext tls;
    if (const std::string wrong = make_tls(options, tls); !wrong.empty()) {
        return complain(wrong);
    }
    Control control(options);
    llm_kit::ShardPlan plan;
    plan.shards = options.shards;
    plan.cpus = options.cpus;
    plan.batch_us = options.batch_us;
    plan.seed = options.seed;
    plan.make = [&](net::Shard& shard) -> std::unique_ptr<llm_kit::ShardService> {
        return std::make_unique<MockServer>(shard, options, control, tls);
    };
    plan.on_started = [&](std::span<const std::vector<uint16_t>> ports) {
        std::fputs(fmt::format("llm-mock listens on {}://{}:{}\n",
                               options.has_tls() ? "https" : "http", options.host, ports[0][0])
                       .c_str(),
                   stdout);
        std::fflush(stdout);
    };
    const std::string wrong = llm_kit::run_shards(plan);
    return wrong.empty() ? 0 : complain(wrong);
}

int main_of(std::span<char* const> arguments) {
    MockOptions options;
    llm_kit::CommandLine line = describe_command_line(options);
    std::vector<std::string_view> operands;
    const auto outcome = line.parse(arguments, operands);
    if (const auto code = line.settle(outcome, kExitUsage)) {
        return *code;
    }
    if (!operands.empty()) {
        return complain(fmt::format("what is \"{}\"? --help explains", operands[0]));
    }
    if (const std::string wrong = complete_options(options); !wrong.empty()) {
        return complain(wrong);
    }
    return serve(options);
}

}  // namespace
}  // namespace sluice::llm_mock

int main(int argc, char** argv) {
    return sluice::llm_mock::main_of({argv, static_cast<size_t>(argc)});
}
