// Files of members: any text is read or refused with a place; what is read could be written again
// and would mean the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/member_file.h"
#include "fuzz/require.h"
#include "json/writer.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 12;

void check(std::string_view name, std::string_view input) {
    const auto members = config::read_members(name, input);
    if (!members) {
        require(members.error().starts_with(std::string(name) + ":"), "an error has its place");
        return;
    }
    std::string again;
    json::StringText text(again);
    json::Writer writer(text);
    writer.begin_array();
    for (const balance::Member& member : *members) {
        require(config::is_member_address(member.address), "an address is one");
        writer.begin_object().key("address").string(member.address);
        writer.key("instance").string(member.instance);
        if (member.weight) {
            require(*member.weight > 0, "a weight is one");
            writer.key("weight").unsigned_integer(*member.weight);
        }
        if (member.priority) {
            writer.key("priority").unsigned_integer(*member.priority);
        }
        writer.end_object();
    }
    writer.end_array();
    text.finish();
    const auto twice = config::read_members("again.json", again);
    require(twice.has_value() && *twice == *members, "what was read can be written");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= fuzz::kInputBytesMax) {
        fuzz::check("m.toml", input);
        fuzz::check("m.json", input);
    }
    return 0;
}
