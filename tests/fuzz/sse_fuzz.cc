// Server-sent events: any bytes in any split give the same boundaries and the same events, and
// events written by us are read again as they were.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/result.h"
#include "fuzz/require.h"
#include "http/sse_framer.h"
#include "http/sse_writer.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 12;

struct Event {
    std::string name;
    std::string data;
    std::string id;
    std::optional<uint64_t> retry_ms;

    bool operator==(const Event&) const = default;
};

struct Framed {
    std::vector<size_t> ends;
    bool at_boundary = false;
};

Framed frame(const test::Pieces& pieces) {
    http::SseFramer framer;
    Framed result;
    size_t offset = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (!piece.empty()) {
            const http::SseFramer::Step step = framer.feed(piece);
            require(step.consumed > 0 && step.consumed <= piece.size(), "there is progress");
            require(!step.event_end || framer.at_boundary(), "an end is a boundary");
            offset += step.consumed;
            piece.remove_prefix(step.consumed);
            if (step.event_end) {
                result.ends.push_back(offset);
            }
        }
    }
    result.at_boundary = framer.at_boundary();
    return result;
}

std::vector<Event> parse(const test::Pieces& pieces) {
    http::SseParser parser;
    http::SseEvent event;
    std::vector<Event> events;
    const auto keep = [&] {
        events.push_back({std::string(event.name), std::string(event.data), std::string(event.id),
                          event.retry_ms});
    };
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (!piece.empty()) {
            const Result<http::SseParser::Step> step = parser.feed(piece, event);
            require(step.has_value(), "the input is below the limit");
            piece.remove_prefix(step->consumed);
            if (step->has_event) {
                keep();
            }
        }
    }
    if (parser.finish(event)) {
        keep();
    }
    return events;
}

// Up to the LF of a CRLF that a split parted from its CR.
bool same_ends(std::string_view input, const Framed& split, const Framed& whole) {
    if (split.ends.size() != whole.ends.size()) {
        return false;
    }
    for (size_t i = 0; i < split.ends.size(); ++i) {
        const size_t end = split.ends[i];
        const bool lacks_lf = end + 1 == whole.ends[i] && input.substr(end - 1, 2) == "\r\n";
        if (end != whole.ends[i] && !lacks_lf) {
            return false;
        }
    }
    return true;
}

void check_splits(std::string_view input) {
    constexpr int kRandomSplits = 4;
    constexpr uint32_t kCutsMax = 8;
    const Framed framed = frame(test::whole(input));
    const std::vector<Event> events = parse(test::whole(input));
    require(events.size() <= framed.ends.size() + 1, "each event but the last has its end");
    Prng prng = prng_of(input);
    for (int i = 0; i <= kRandomSplits; ++i) {
        const test::Pieces pieces =
            i == 0 ? test::byte_by_byte(input) : test::random_pieces(input, kCutsMax, prng);
        const Framed split = frame(pieces);
        require(same_ends(input, split, framed), "every split has the same ends");
        require(split.at_boundary == framed.at_boundary, "every split ends at a boundary or none");
        require(parse(pieces) == events, "every split has the same events");
    }
}

void check_tight_limit(std::string_view input) {
    http::SseParser parser(32);
    http::SseEvent event;
    while (!input.empty()) {
        const Result<http::SseParser::Step> step = parser.feed(input, event);
        if (!step) {
            return;
        }
        require(!step->has_event || event.data.size() <= 32, "no event is over its limit");
        input.remove_prefix(step->consumed);
    }
}

void check_writing(std::string_view input) {
    std::string text;
    http::append_sse_event(text, "name", input);
    http::append_sse_data(text, input);
    const std::vector<Event> events = parse(test::whole(text));
    require(events.size() == 2, "one event is written for each");
    require(events[0].name == "name" && events[1].name == "message", "names are read again");
    require(events[0].data == events[1].data, "data are read again");
    require(events[0].data.find('\r') == std::string::npos, "lines are joined with LF");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= fuzz::kInputBytesMax) {
        fuzz::check_splits(input);
        fuzz::check_tight_limit(input);
        fuzz::check_writing(input);
    }
    return 0;
}
