// Metrics of engines: any text is read within bounds, and lines that are none of ours make no
// difference.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/require.h"
#include "providers/engine_load.h"

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string input(reinterpret_cast<const char*>(data), size);
    const auto load = providers::read_engine_load(input);
    fuzz::require(!load || (load->kv_share >= 0 && load->kv_share <= 1), "a share is one");
    fuzz::require(providers::read_engine_load("# begin\nup 1\n" + input + "\nup 1\n") == load,
                  "what others say makes no difference");
    return 0;
}
