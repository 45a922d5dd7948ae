// A table of words, each with the member it sets.
#include "llm-kit/fault.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_kit {

namespace {

using Setter = bool (*)(FaultSpec& fault, std::string_view value);

struct Word {
    std::string_view name;
    bool has_value;
    Setter set;
};

bool read_duration_ms(std::string_view value, Duration& duration) {
    double ms = 0;
    const bool good = parse_number(value, ms);
    duration = Duration::nanoseconds(static_cast<int64_t>(ms * 1e6));
    return good;
}

bool read_count(std::string_view value, uint32_t& count) {
    uint64_t number = 0;
    const bool good = parse_bytes(value, number) && number <= UINT32_MAX;
    count = static_cast<uint32_t>(number);
    return good;
}

bool read_signed(std::string_view value, int64_t& number) {
    const bool is_negative = value.starts_with('-');
    if (is_negative || value.starts_with('+')) {
        value.remove_prefix(1);
    }
    const std::optional<uint64_t> size = parse_decimal(value);
    number = (is_negative ? -1 : 1) * static_cast<int64_t>(size.value_or(0));
    return size.has_value();
}

bool read_framing(std::string_view value, FaultFraming& framing) {
    if (value == "length") {
        framing = FaultFraming::length;
    } else if (value == "chunked") {
        framing = FaultFraming::chunked;
    } else if (value == "close") {
        framing = FaultFraming::until_close;
    } else {
        return false;
    }
    return true;
}

template <FaultStart kStart>
bool set_start(FaultSpec& fault, std::string_view /*value*/) {
    fault.start = kStart;
    return true;
}

template <bool FaultSpec::* kMember>
bool set_switch(FaultSpec& fault, std::string_view /*value*/) {
    return fault.*kMember = true;
}

template <Duration FaultSpec::* kMember>
bool set_duration(FaultSpec& fault, std::string_view value) {
    return read_duration_ms(value, fault.*kMember);
}

template <uint32_t FaultSpec::* kMember>
bool set_count(FaultSpec& fault, std::string_view value) {
    return read_count(value, fault.*kMember);
}

template <FaultCut kCut, bool kByBytes>
bool set_cut(FaultSpec& fault, std::string_view value) {
    const std::optional<uint64_t> after = parse_decimal(value);
    fault.cut = kCut;
    fault.is_cut_by_bytes = kByBytes;
    fault.cut_after = after.value_or(0);
    return after.has_value();
}

bool set_status(FaultSpec& fault, std::string_view value) {
    constexpr uint64_t kFirst = 200;
    constexpr uint64_t kLast = 599;
    const std::optional<uint64_t> status = parse_decimal(value);
    fault.status = static_cast<uint16_t>(status.value_or(0));
    return status && *status >= kFirst && *status <= kLast;
}

constexpr Word kWords[] = {
    {"ok", false, [](FaultSpec&, std::string_view) { return true; }},
    {"status", true, set_status},
    {"retry-after", true,
     [](FaultSpec& fault, std::string_view value) {
         fault.retry_after = value;
         return true;
     }},
    {"delay-ms", true, set_duration<&FaultSpec::delay>},
    {"silent", false, set_start<FaultStart::silent>},
    {"reset", false, set_start<FaultStart::reset>},
    {"close", false, set_start<FaultStart::close>},
    {"garbage", false, set_start<FaultStart::garbage>},
    {"interim", true, set_count<&FaultSpec::interim_responses>},
    {"slow-head-ms", true, set_duration<&FaultSpec::slow_head_per_byte>},
    {"big-head", true, set_count<&FaultSpec::extra_head_bytes>},
    {"framing", true,
     [](FaultSpec& fault, std::string_view value) { return read_framing(value, fault.framing); }},
    {"length-off", true,
     [](FaultSpec& fault, std::string_view value) {
         return read_signed(value, fault.length_off_bytes);
     }},
    {"close-after-events", true, set_cut<FaultCut::close, false>},
    {"close-after-bytes", true, set_cut<FaultCut::close, true>},
    {"reset-after-events", true, set_cut<FaultCut::reset, false>},
    {"reset-after-bytes", true, set_cut<FaultCut::reset, true>},
    {"stall-after-events", true, set_cut<FaultCut::stall, false>},
    {"stall-after-bytes", true, set_cut<FaultCut::stall, true>},
    {"bad-chunk-after-events", true, set_cut<FaultCut::bad_chunk, false>},
    {"bad-json-after-events", true, set_cut<FaultCut::bad_json, false>},
    {"error-after-events", true, set_cut<FaultCut::error, false>},
    {"no-terminator", false, set_switch<&FaultSpec::leaves_out_terminator>},
    {"no-done", false, set_switch<&FaultSpec::leaves_out_done>},
    {"split", false, set_switch<&FaultSpec::is_split>},
    {"silent-close", false, set_switch<&FaultSpec::closes_silently>},
};

bool apply(std::string_view item, FaultSpec& fault, std::string& wrong) {
    const size_t equals = item.find('=');
    const std::string_view name = trim_ows(item.substr(0, equals));
    const bool has_value = equals != std::string_view::npos;
    const std::string_view value = has_value ? trim_ows(item.substr(equals + 1)) : "";
    for (const Word& word : kWords) {
        if (word.name != name) {
            continue;
        }
        if (word.has_value != has_value || !word.set(fault, value)) {
            wrong = fmt::format("fault \"{}\": cannot read \"{}\"", name, value);
            return false;
        }
        return true;
    }
    wrong = fmt::format("there is no fault \"{}\"", name);
    return false;
}

}  // namespace

std::optional<FaultSpec> parse_fault(std::string_view text, std::string& wrong) {
    FaultSpec fault;
    while (const std::optional<std::string_view> item = next_list_element(text)) {
        if (!apply(*item, fault, wrong)) {
            return std::nullopt;
        }
    }
    return fault;
}

std::optional<FaultScript> parse_fault_script(std::string_view text, std::string& wrong) {
    FaultScript script;
    while (true) {
        const size_t bar = text.find('|');
        const std::optional<FaultSpec> fault = parse_fault(text.substr(0, bar), wrong);
        if (!fault) {
            return std::nullopt;
        }
        script.push_back(*fault);
        if (bar == std::string_view::npos) {
            return script;
        }
        text.remove_prefix(bar + 1);
    }
}

std::string_view fault_reference() {
    return "    status=CODE                error answer in the shape of the dialect\n"
           "    retry-after=TEXT           adds this header field to it\n"
           "    delay-ms=MS                waits before the head\n"
           "    silent                     never answers\n"
           "    reset, close, garbage      instead of the head: a reset, an end, bytes that are no "
           "HTTP\n"
           "    interim=N                  N responses 103 (Early Hints) before the head\n"
           "    slow-head-ms=MS            the head byte by byte, so far apart\n"
           "    big-head=BYTES             so much more in the head\n"
           "    framing=KIND               length, chunked or close: how the body's end is told\n"
           "    length-off=N               told content-length is wrong by N (-5, 10)\n"
           "    close-after-events=N       ends the connection after N events; also "
           "close-after-bytes\n"
           "    reset-after-events=N       the same with a reset; also reset-after-bytes\n"
           "    stall-after-events=N       goes silent; also stall-after-bytes\n"
           "    bad-chunk-after-events=N   then a chunk size that is none\n"
           "    bad-json-after-events=N    then one event with cut JSON, and on\n"
           "    error-after-events=N       then an error event, and the end of the connection\n"
           "    no-terminator              leaves out the last chunk and ends the connection\n"
           "    no-done                    leaves out the event that ends the stream\n"
           "    split                      every byte of the answer in a write of its own\n"
           "    silent-close               ends the connection after an answer that kept it alive\n"
           "    ok                         no fault; for scripts\n";
}

}  // namespace sluice::llm_kit
