// One line per exchange: who asked for what, what came of it, and where the time went.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "pipeline/exchange_record.h"
#include "server/options.h"

namespace sluice::server {

struct AccessLogNames {
    std::string_view route;  // Empty when there was none.
    std::string_view upstream;
    uint32_t shard = 0;
};

// Writes the lines of one shard. A line is made in place, because it is the dearest single thing
// that the gateway does for a small request.
class AccessLogLine {
public:
    explicit AccessLogLine(AccessLogFormat format) : format_(format) {}

    // The line with its end; valid until the next call. `wall_clock_ns` is the exchange's end. What
    // is as usual (no stream, one attempt, no wait for a connection, the upstream's status for the
    // client) is left out; texts of a client are cut at 256 bytes.
    std::string_view write(const pipeline::ExchangeRecord& record,
                           const AccessLogNames& names,
                           int64_t wall_clock_ns);

private:
    // Every member at its longest, control characters escaped, fits.
    static constexpr size_t kLineBytesMax = 16384;

    std::string_view write_combined(const pipeline::ExchangeRecord& record);

    const AccessLogFormat format_;
    LogClock clock_;
    std::array<char, kLineBytesMax> bytes_;
};

}  // namespace sluice::server
