// CommandLine: the options of a program, their help text, and reading them from argv.
//
// One list drives parsing and the manual page that --help prints, so neither can lag behind. Filled
// once at start by the program's options file; the targets it points to outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"

namespace sluice::llm_kit {

// A word out of a list; `set` gets its position.
struct Choice {
    std::span<const std::string_view> names;
    std::function<void(size_t)> set;
    std::string_view initial;
};

// A text with a syntax of its own; `read` returns what is wrong with it, or nothing.
struct Custom {
    std::function<std::string(std::string_view)> read;
};

// Counts that may carry k, M, G (powers of 1,000) or KiB, MiB, GiB behind the number.
struct Bytes {
    uint64_t* target;
};

class CommandLine {
public:
    using Target = std::variant<bool*,
                                uint16_t*,
                                uint32_t*,
                                uint64_t*,
                                double*,
                                Duration*,
                                std::string*,
                                std::vector<std::string>*,
                                Bytes,
                                Choice,
                                Custom>;
    enum class Outcome : uint8_t { run, help, version, wrong };

    // `usage`: what follows the program's name, for example "[options] URL".
    CommandLine(std::string_view program, std::string_view summary, std::string_view usage)
        : program_(program), summary_(summary), usage_(usage) {}

    // A heading of the manual page; options and texts that follow stand below it.
    void section(std::string_view title);
    // A paragraph, wrapped; or lines that are kept as they are, indented.
    void text(std::string_view paragraph);
    void lines(std::string_view verbatim);
    // `name` with its dashes. `value` names the argument in the help; empty for switches. Durations
    // are given in milliseconds where the name ends in "-ms", else in seconds; fractions count.
    void option(std::string_view name, std::string_view value, Target target, std::string help);

    // Reads the arguments; those that are no options go to `operands`. What was wrong is in
    // error(). Both "--name value" and "--name=value" are understood.
    Outcome parse(std::span<char* const> arguments, std::vector<std::string_view>& operands);
    const std::string& error() const { return error_; }
    // Does what --help and --version ask for, or says what is wrong, and returns the exit code;
    // nothing when the program is to run.
    std::optional<int> settle(Outcome outcome, int exit_wrong) const;
    // The manual page.
    std::string help() const;

private:
    struct Entry {
        enum class Kind : uint8_t { section, text, lines, option } kind;
        std::string_view name;
        std::string_view value;
        std::string help;
        Target target;
    };

    Entry* find(std::string_view name);
    bool assign(const Entry& entry, std::string_view value);
    std::string initial_of(const Entry& entry) const;

    std::string_view program_;
    std::string_view summary_;
    std::string_view usage_;
    std::vector<Entry> entries_;
    std::string error_;
};

// 0 or more, with a fraction if wanted; nothing else around it.
bool parse_number(std::string_view text, double& number);
bool parse_bytes(std::string_view text, uint64_t& count);
// "a,b"; returns what was expected where there is no name, as a Custom option does.
std::string read_names(std::string_view text, std::vector<std::string>& names);

}  // namespace sluice::llm_kit
