// Short ways to try a client dialect: a request of its own toward a vendor, and the recorded
// streams of others as its replies, streamed and whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "providers/dialect.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

struct ClientTrial {
    std::string body;     // What the vendor is sent.
    std::string refusal;  // "PARAM CODE"; empty when it was not refused.
    std::string message;  // Of the refusal.
    std::string dropped;  // With blanks between.

    // From the body that is expected; empty when there is none.
    std::string difference(std::string_view expected) const;
};

ClientTrial translate_for(Dialect client, std::string_view vendor, std::string_view body);

// The recorded streams of chat clients with a status of 200, as replies.
std::vector<std::string> stream_names();
const Vendor& stream_vendor(const std::string& name);
// The same reply as if it had come whole; empty when it fails.
std::string whole_of_stream(const VectorCase& exchange, const Vendor& vendor, Dialect client);
// Of a parameterised test.
std::string plain_name(const std::string& name);

// Feeds the case in one piece, byte by byte and at every split that its size allows, expects the
// same text each time and returns it.
std::string receive_at_every_split(const VectorCase& exchange,
                                   const Vendor& vendor,
                                   Dialect client);

struct WireEvent {
    std::string name;
    std::string data;
};
std::vector<WireEvent> wire_events(std::string_view stream);

}  // namespace sluice::providers::test
