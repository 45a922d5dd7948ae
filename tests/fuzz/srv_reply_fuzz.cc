// DNS messages: any bytes are read or refused; what is read could stand in a URL.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/require.h"
#include "net/srv_reply.h"

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    constexpr size_t kRecordsMax = 8;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto reply = net::parse_srv_reply(input, kRecordsMax);
    if (reply) {
        fuzz::require(reply->records.size() <= kRecordsMax, "the bound holds");
        for (const net::ServiceRecord& record : reply->records) {
            fuzz::require(record.port != 0 && !record.host.empty(), "a server has a place");
            fuzz::require(record.host.find_first_of("/@:?#% \r\n") == record.host.npos,
                          "a host is no more than that");
        }
    }
    return 0;
}
