// `sluice usage`: what the ledger adds up to. Arguments in, texts out; main.cc prints them.
#pragma once

#include <expected>
#include <span>
#include <string>

#include "config/environment.h"
#include "ledger/report.h"
#include "ledger/report_text.h"
#include "server/cli.h"

namespace sluice::server {

struct UsageArguments {
    std::string ledger;       // A path or a URL; empty: that of the configuration.
    std::string config_file;  // Empty: SLUICE_CONFIG names it.
    ledger::ReportQuery query;
    ledger::ReportFormat format = ledger::ReportFormat::table;
    bool wants_help = false;
};

// `arguments` follow the word "usage". The error is one line.
std::expected<UsageArguments, std::string> parse_usage_arguments(
    std::span<const std::string> arguments);

CommandOutput run_usage(std::span<const std::string> arguments,
                        const config::Environment& environment);

}  // namespace sluice::server
