// Reading of faults, and what --help says of them.
#include "llm-fleet/fault.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {

namespace {

struct TimeUnit {
    std::string_view name;
    double seconds;
};
// "ms" before "s", as it ends in it.
constexpr auto kTimeUnits =
    std::to_array<TimeUnit>({{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}});

bool parse_kind(std::string_view text, FaultKind& kind) {
    const auto found = std::ranges::find(kFaultNames, text);
    if (found == std::end(kFaultNames)) {
        return false;
    }
    kind = static_cast<FaultKind>(found - std::begin(kFaultNames));
    return true;
}

// What is wrong with one `name=value`, or nothing.
std::string assign(Fault& fault, std::string_view name, std::string_view value) {
    bool good = false;
    if (name == "worker") {
        const std::optional<uint64_t> number = parse_decimal(value);
        good = number && *number <= UINT16_MAX;
        fault.worker = static_cast<uint32_t>(number.value_or(0));
    } else if (name == "kind") {
        good = parse_kind(value, fault.kind);
        if (!good) {
            return fmt::format("kind must be one of {}", fmt::join(kFaultNames, ", "));
        }
    } else if (name == "from") {
        good = parse_time(value, fault.from);
    } else if (name == "until") {
        good = parse_time(value, fault.until);
    } else if (name == "period") {
        good = parse_time(value, fault.period) && fault.period.ns() > 0;
    } else if (name == "factor") {
        good = llm_kit::parse_number(value, fault.factor) && fault.factor > 0;
    } else {
        return fmt::format("unknown \"{}\"; known are worker, kind, from, until, factor, period",
                           name);
    }
    return good ? std::string() : fmt::format("cannot read {}=\"{}\"", name, value);
}

}  // namespace

bool parse_time(std::string_view text, Duration& time) {
    double factor = 1;
    for (const TimeUnit& unit : kTimeUnits) {
        if (text.ends_with(unit.name)) {
            text.remove_suffix(unit.name.size());
            factor = unit.seconds;
            break;
        }
    }
    double number = 0;
    if (!llm_kit::parse_number(text, number)) {
        return false;
    }
    time = Duration::nanoseconds(std::llround(number * factor * 1e9));
    return true;
}

std::string read_fault(std::string_view text, Fault& fault) {
    bool has_worker = false;
    bool has_kind = false;
    while (const std::optional<std::string_view> element = next_list_element(text)) {
        const size_t equals = element->find('=');
        if (equals == element->npos) {
            return fmt::format("\"{}\" is not like name=value", *element);
        }
        const std::string_view name = element->substr(0, equals);
        has_worker = has_worker || name == "worker";
        has_kind = has_kind || name == "kind";
        if (std::string wrong = assign(fault, name, element->substr(equals + 1)); !wrong.empty()) {
            return wrong;
        }
    }
    if (!has_worker || !has_kind) {
        return "worker and kind are needed";
    }
    if (fault.until.ns() != 0 && fault.until < fault.from) {
        return "until is before from";
    }
    return {};
}

std::string_view fault_reference() {
    return "        slow      all takes factor (3) times as long, and nobody is told\n"
           "        fail      answers 500 within a millisecond\n"
           "        hang      takes requests and stands still\n"
           "        restart   drops what it has, refuses until `until`, comes back empty\n"
           "        flap      fail, every other period (10s)\n"
           "        join      is no part of the fleet before `from`\n"
           "        leave     is taken out of the fleet at `from`; what it has goes on\n";
}

}  // namespace sluice::llm_fleet
