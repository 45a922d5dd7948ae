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
#include "llm-kit/fault.h"

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

// What is wrong with one `name=value`, or an empty text; nullopt when the name is none of ours.
std::optional<std::string> assign(Fault& fault, std::string_view name, std::string_view value) {
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
        return std::nullopt;
    }
    return good ? std::string() : fmt::format("cannot read {}=\"{}\"", name, value);
}

// `words`: what is none of ours.
std::string check_kind(Fault& fault, std::string_view words, FaultUse use) {
    const bool is_of_fleet = fault.kind == FaultKind::join || fault.kind == FaultKind::leave;
    if (is_of_fleet && use != FaultUse::replayed) {
        return "who joins and leaves is a matter of the gateway";
    }
    if (fault.kind != FaultKind::answer) {
        return words.empty() ? std::string()
                             : fmt::format(
                                   "unknown \"{}\"; known are worker, kind, from, until, "
                                   "factor, period",
                                   words.substr(0, words.find_first_of("=,")));
    }
    if (use == FaultUse::replayed) {
        return "kind=answer is for servers; see llm-fleet serve --help";
    }
    std::string wrong = words.empty() ? "kind=answer says nothing of what is wrong" : "";
    fault.answer = llm_kit::parse_fault(words, wrong).value_or(llm_kit::FaultSpec());
    return wrong;
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

std::string read_fault(std::string_view text, Fault& fault, FaultUse use) {
    bool has_worker = use == FaultUse::served_worker;
    bool has_kind = false;
    std::string answer;
    while (const std::optional<std::string_view> element = next_list_element(text)) {
        const size_t equals = element->find('=');
        const std::string_view name = element->substr(0, equals);
        has_worker = has_worker || name == "worker";
        has_kind = has_kind || name == "kind";
        const std::optional<std::string> wrong =
            equals == element->npos ? std::nullopt
                                    : assign(fault, name, element->substr(equals + 1));
        if (wrong && !wrong->empty()) {
            return *wrong;
        }
        if (!wrong) {
            answer += fmt::format("{}{}", answer.empty() ? "" : ",", *element);
        }
    }
    if (!has_worker || !has_kind) {
        return use == FaultUse::served_worker ? "kind is needed" : "worker and kind are needed";
    }
    if (fault.until.ns() != 0 && fault.until < fault.from) {
        return "until is before from";
    }
    return check_kind(fault, answer, use);
}

std::string fault_reference(FaultUse use) {
    std::string text =
        "        slow      all takes factor (3) times as long, and nobody is told\n"
        "        fail      answers 500 within a millisecond\n"
        "        hang      takes requests and stands still\n"
        "        restart   drops what it has, refuses until `until`, comes back empty\n"
        "        flap      fail, every other period (10s)\n";
    if (use == FaultUse::replayed) {
        text +=
            "        join      is no part of the fleet before `from`\n"
            "        leave     is taken out of the fleet at `from`; what it has goes on\n";
    } else {
        text +=
            "        answer    its answers are wrong in a way of llm-mock, whose words follow, as "
            "in\n"
            "                  worker=0,kind=answer,status=429,retry-after=2. These are:\n";
        text += llm_kit::fault_reference();
    }
    return text;
}

}  // namespace sluice::llm_fleet
