// One line per exchange: who asked for what, what came of it, and where the time went.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/exchange_record.h"
#include "server/options.h"

namespace sluice::server {

struct AccessLogNames {
    std::string_view route;  // Empty when there was none.
    std::string_view upstream;
    uint32_t shard = 0;
};

// Appends the line, with its line end. `wall_clock_ns` is the time of the exchange's end.
void append_access_line(std::string& line,
                        AccessLogFormat format,
                        const pipeline::ExchangeRecord& record,
                        const AccessLogNames& names,
                        int64_t wall_clock_ns);

}  // namespace sluice::server
