// The result of a run, for people and for programs.
#pragma once

#include <string>

#include "llm-load/metrics.h"
#include "llm-load/options.h"

namespace sluice::llm_load {

// `cpu_seconds`: of this process, all threads.
std::string human_report(const LoadOptions& options, const Metrics& metrics, double cpu_seconds);
std::string json_report(const LoadOptions& options, const Metrics& metrics, double cpu_seconds);

}  // namespace sluice::llm_load
