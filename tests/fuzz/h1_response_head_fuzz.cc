// Responses: any bytes, read in any split, to the same end; and the plain reference agrees.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/h1_message.h"
#include "http/limits.h"
#include "support/plain_http.h"
#include "support/read_http.h"
#include "support/splits.h"

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    if (size > fuzz::kInputBytesMax) {
        return 0;
    }
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const test::ReadMessage message = fuzz::read_every_way(
        input, [](const test::Pieces& pieces, const http::MessageLimits& limits) {
            return test::read_response(pieces, limits);
        });
    fuzz::agree_with_reference(
        input, message, [](const std::string& bytes) { return test::plain_response(bytes); });
    fuzz::survive_writing(message);
    return 0;
}
