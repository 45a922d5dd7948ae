// What of the content of an exchange a trace can say as messages of the published form, instead of
// as bytes.
//
// A body that is whole, in a dialect that is known, and no error. Pure; used by the exporter, which
// has the time to read a body that its exchange only passed on.
#pragma once

#include <string>

#include "trace/record.h"

namespace sluice::server {

// Each is JSON, or empty where the bytes must do.
struct TraceMessages {
    std::string input;
    std::string output;
};

// Of a record with content or without.
TraceMessages messages_of(const trace::Record& record);

}  // namespace sluice::server
