// The cache's file: any bytes are read or refused with a reason; what is read is written again and
// reads back the same. The checksums of an input are mended first, so that what lies behind them
// is reached as well.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/snapshot_file.h"
#include "crypto/crc32.h"
#include "fuzz/require.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 14;
constexpr size_t kHeadBytes = 36;
constexpr size_t kRecordHeadBytes = 8;

void put_checksum(std::string& text, size_t begin, size_t length, size_t to) {
    const uint32_t checksum = crypto::crc32(std::string_view(text).substr(begin, length));
    std::memcpy(text.data() + to, &checksum, sizeof checksum);
}

std::string mended(std::string_view input) {
    std::string text(input);
    if (text.size() < kHeadBytes) {
        return text;
    }
    put_checksum(text, 0, kHeadBytes - 4, kHeadBytes - 4);
    for (size_t at = kHeadBytes; text.size() - at >= kRecordHeadBytes;) {
        uint32_t length = 0;
        std::memcpy(&length, text.data() + at, sizeof length);
        if (length > text.size() - at - kRecordHeadBytes) {
            break;
        }
        put_checksum(text, at + kRecordHeadBytes, length, at + 4);
        at += kRecordHeadBytes + length;
    }
    return text;
}

void check(std::string_view input) {
    const cache::KeyMaker maker("s");
    const cache::SnapshotTime time = {.now = Instant::from_ns(int64_t{1} << 40),
                                      .wall_clock_ns = int64_t{1} << 60};
    const auto entries = cache::parse_snapshot(input, maker, time);
    if (!entries) {
        require(!entries.error().empty(), "a refusal has a reason");
        return;
    }
    for (const cache::StoredEntry& entry : *entries) {
        require(entry.expires_at > time.now, "what has expired is left out");
        cache::Replay replay(entry.reply, cache::ReplayPace::original, time.now);
        SliceQueue to;
        for (int i = 0; i < 3 && !replay.is_over(); ++i) {
            replay.take_due(replay.next_due(), 100, to);
        }
    }
    const std::string text = cache::snapshot_text(*entries, time);
    const auto again = cache::parse_snapshot(text, maker, time);
    require(again && again->size() == entries->size(), "what was read can be written");
    require(cache::snapshot_text(*again, time) == text, "writing twice changes nothing");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= sluice::fuzz::kInputBytesMax) {
        const std::string_view input(reinterpret_cast<const char*>(data), size);
        sluice::fuzz::check(input);
        sluice::fuzz::check(sluice::fuzz::mended(input));
    }
    return 0;
}
