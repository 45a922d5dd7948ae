// Parsing by the entries, and the manual page from the same entries.
#include "llm-kit/command_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"

namespace sluice::llm_kit {

namespace {

constexpr size_t kPageColumns = 92;
constexpr std::string_view kTextIndent = "    ";
constexpr std::string_view kHelpIndent = "        ";

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};

// Fills lines up to the width of the page.
void append_wrapped(std::string& page, std::string_view text, std::string_view indent) {
    size_t column = 0;
    while (!text.empty()) {
        const size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) {
            continue;
        }
        if (column != 0 && column + 1 + word.size() > kPageColumns) {
            page += '\n';
            column = 0;
        }
        page += column == 0 ? indent : " ";
        column += word.size() + (column == 0 ? indent.size() : 1);
        page += word;
    }
    page += '\n';
}

template <class Integer>
bool parse_integer(std::string_view text, Integer& value) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end && !text.empty();
}

struct Unit {
    std::string_view name;
    uint64_t factor;
};
constexpr auto kUnits = std::to_array<Unit>({{"KiB", 1ULL << 10U},
                                             {"MiB", 1ULL << 20U},
                                             {"GiB", 1ULL << 30U},
                                             {"k", 1'000},
                                             {"M", 1'000'000},
                                             {"G", 1'000'000'000}});

}  // namespace

bool parse_number(std::string_view text, double& number) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stop == end && std::isfinite(number) && number >= 0;
}

std::string read_names(std::string_view text, std::vector<std::string>& names) {
    names.clear();
    while (const std::optional<std::string_view> name = next_list_element(text)) {
        names.emplace_back(*name);
    }
    return names.empty() ? "a list of names" : "";
}

bool parse_bytes(std::string_view text, uint64_t& count) {
    uint64_t factor = 1;
    for (const Unit& unit : kUnits) {
        if (text.ends_with(unit.name)) {
            text.remove_suffix(unit.name.size());
            factor = unit.factor;
            break;
        }
    }
    if (!parse_integer(text, count) || count > std::numeric_limits<uint64_t>::max() / factor) {
        return false;
    }
    count *= factor;
    return true;
}

void CommandLine::section(std::string_view title) {
    entries_.push_back({Entry::Kind::section, title, {}, {}, {}});
}

void CommandLine::text(std::string_view paragraph) {
    entries_.push_back({Entry::Kind::text, {}, {}, std::string(paragraph), {}});
}

void CommandLine::lines(std::string_view verbatim) {
    entries_.push_back({Entry::Kind::lines, {}, {}, std::string(verbatim), {}});
}

void CommandLine::option(std::string_view name,
                         std::string_view value,
                         Target target,
                         std::string help) {
    entries_.push_back({Entry::Kind::option, name, value, std::move(help), std::move(target)});
}

CommandLine::Entry* CommandLine::find(std::string_view name) {
    for (Entry& entry : entries_) {
        if (entry.kind == Entry::Kind::option && entry.name == name) {
            return &entry;
        }
    }
    return nullptr;
}

bool CommandLine::assign(const Entry& entry, std::string_view value) {
    const auto read_duration = [&](Duration& target) {
        double number = 0;
        const bool good = parse_number(value, number);
        const double unit_ns = entry.name.ends_with("-ms") ? 1e6 : 1e9;
        target = Duration::nanoseconds(std::llround(number * unit_ns));
        return good;
    };
    const auto read_choice = [&](const Choice& choice) {
        const auto found = std::find(choice.names.begin(), choice.names.end(), value);
        if (found == choice.names.end()) {
            error_ = fmt::format("{}: one of {}", entry.name, fmt::join(choice.names, ", "));
            return false;
        }
        choice.set(static_cast<size_t>(found - choice.names.begin()));
        return true;
    };
    const auto read_custom = [&](const Custom& custom) {
        const std::string wrong = custom.read(value);
        if (!wrong.empty()) {
            error_ = fmt::format("{}: {}", entry.name, wrong);
        }
        return wrong.empty();
    };
    error_ = fmt::format("{}: cannot read \"{}\"", entry.name, value);
    const bool good =
        std::visit(Overloaded{[](bool* target) { return *target = true; },
                              [&](double* target) { return parse_number(value, *target); },
                              [&](Duration* target) { return read_duration(*target); },
                              [&](std::string* target) {
                                  target->assign(value);
                                  return true;
                              },
                              [&](std::vector<std::string>* target) {
                                  target->emplace_back(value);
                                  return true;
                              },
                              [&](const Bytes& bytes) { return parse_bytes(value, *bytes.target); },
                              [&](const Choice& choice) { return read_choice(choice); },
                              [&](const Custom& custom) { return read_custom(custom); },
                              [&](auto* integer) { return parse_integer(value, *integer); }},
                   entry.target);
    if (good) {
        error_.clear();
    }
    return good;
}

CommandLine::Outcome CommandLine::parse(std::span<char* const> arguments,
                                        std::vector<std::string_view>& operands) {
    for (size_t i = 1; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--help") {
            return Outcome::help;
        }
        if (argument == "--version") {
            return Outcome::version;
        }
        if (!argument.starts_with('-') || argument == "-") {
            operands.push_back(argument);
            continue;
        }
        const size_t equals = argument.starts_with("--") ? argument.find('=') : argument.npos;
        const std::string_view name = argument.substr(0, equals);
        const Entry* entry = find(name);
        if (entry == nullptr) {
            error_ = fmt::format("unknown option {}; --help lists all", name);
            return Outcome::wrong;
        }
        const bool is_switch = std::holds_alternative<bool*>(entry->target);
        std::string_view value;
        if (equals != argument.npos) {
            value = argument.substr(equals + 1);
        } else if (!is_switch) {
            if (++i == arguments.size()) {
                error_ = fmt::format("{} needs a value", name);
                return Outcome::wrong;
            }
            value = arguments[i];
        }
        if (!assign(*entry, value)) {
            return Outcome::wrong;
        }
    }
    return Outcome::run;
}

std::string CommandLine::initial_of(const Entry& entry) const {
    const auto as_duration = [&](const Duration& duration) {
        return fmt::format("{}", duration.as_seconds() * (entry.name.ends_with("-ms") ? 1e3 : 1.0));
    };
    return std::visit(
        Overloaded{[](const bool*) { return std::string(); },
                   [](const std::string* text) { return *text; },
                   [](const std::vector<std::string>*) { return std::string(); },
                   [&](const Duration* duration) { return as_duration(*duration); },
                   [](const Bytes& bytes) { return fmt::format("{}", *bytes.target); },
                   [](const Choice& choice) { return std::string(choice.initial); },
                   [](const Custom&) { return std::string(); },
                   [](const auto* number) { return fmt::format("{}", *number); }},
        entry.target);
}

std::optional<int> CommandLine::settle(Outcome outcome, int exit_wrong) const {
    switch (outcome) {
        case Outcome::help:
            std::fputs(help().c_str(), stdout);
            return 0;
        case Outcome::version:
            std::fputs(fmt::format("{} {}\n", program_, SLUICE_VERSION).c_str(), stdout);
            return 0;
        case Outcome::wrong:
            std::fputs(fmt::format("{}: {}\n", program_, error_).c_str(), stderr);
            return exit_wrong;
        case Outcome::run:
            break;
    }
    return std::nullopt;
}

std::string CommandLine::help() const {
    std::string page = fmt::format("{}: {}\n\nSYNOPSIS\n{}{} {}\n", program_, summary_, kTextIndent,
                                   program_, usage_);
    for (const Entry& entry : entries_) {
        switch (entry.kind) {
            case Entry::Kind::section:
                page += fmt::format("\n{}\n", entry.name);
                break;
            case Entry::Kind::text:
                append_wrapped(page, entry.help, kTextIndent);
                break;
            case Entry::Kind::lines:
                page += entry.help;
                break;
            case Entry::Kind::option: {
                page += fmt::format("{}{}{}{}\n", kTextIndent, entry.name,
                                    entry.value.empty() ? "" : " ", entry.value);
                const std::string initial = initial_of(entry);
                append_wrapped(page,
                               initial.empty() || initial == "0"
                                   ? entry.help
                                   : fmt::format("{} Default: {}.", entry.help, initial),
                               kHelpIndent);
                break;
            }
        }
    }
    return page;
}

}  // namespace sluice::llm_kit
