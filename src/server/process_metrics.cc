// References to the cells of the process's own families.
#include "server/process_metrics.h"

#include <cstdint>
#include <string_view>

#include "base/metric_families.h"
#include "base/metrics.h"
#include "ledger/ledger.h"
#include "server/trace_exporter.h"

namespace sluice::server {

namespace {

#ifdef __clang__
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "gcc " __VERSION__;
#endif

}  // namespace

ProcessMetrics::ProcessMetrics()
    : start_time_(store_.gauge(MetricId::start_time_seconds)),
      reloads_ok_(store_.counter(MetricId::config_reloads_total, {"ok"})),
      reloads_refused_(store_.counter(MetricId::config_reloads_total, {"refused"})),
      log_dropped_(store_.counter(MetricId::log_dropped_total, {"app"})),
      log_write_errors_(store_.counter(MetricId::log_write_errors_total)),
      ledger_written_(store_.counter(MetricId::ledger_entries_total, {"written"})),
      ledger_dropped_(store_.counter(MetricId::ledger_entries_total, {"dropped"})),
      ledger_failures_(store_.counter(MetricId::ledger_failures_total)),
      spans_exported_(store_.counter(MetricId::trace_spans_exported_total)),
      spans_dropped_by_queue_(store_.counter(MetricId::trace_spans_dropped_total, {"queue"})),
      spans_dropped_by_export_(store_.counter(MetricId::trace_spans_dropped_total, {"export"})),
      trace_failures_(store_.counter(MetricId::trace_export_failures_total)) {
    store_.gauge(MetricId::build_info, {SLUICE_VERSION, kCompiler}).set(1);
}

void ProcessMetrics::set_start_time(int64_t wall_clock_ns) {
    start_time_.set(wall_clock_ns);
}

void ProcessMetrics::on_reload(bool is_accepted) {
    (is_accepted ? reloads_ok_ : reloads_refused_).add();
}

void ProcessMetrics::publish_logs(uint64_t dropped_lines, uint64_t write_errors) {
    log_dropped_.publish(dropped_lines);
    log_write_errors_.publish(write_errors);
}

void ProcessMetrics::publish_ledger(const ledger::Ledger& ledger) {
    ledger_written_.publish(ledger.counters().written);
    ledger_dropped_.publish(ledger.dropped() + ledger.counters().lost);
    ledger_failures_.publish(ledger.counters().failures);
}

void ProcessMetrics::publish_traces(const TraceExporter& exporter) {
    spans_exported_.publish(exporter.counters().exported);
    spans_dropped_by_queue_.publish(exporter.dropped_by_shards());
    spans_dropped_by_export_.publish(exporter.counters().dropped);
    trace_failures_.publish(exporter.counters().failures);
}

}  // namespace sluice::server
