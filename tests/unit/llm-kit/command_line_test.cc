// CommandLine: every kind of value, what is refused, and a help text that names everything.
#include "llm-kit/command_line.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-kit/machine.h"

namespace sluice::llm_kit {
namespace {

constexpr std::string_view kColours[] = {"red", "green"};

struct Values {
    bool loud = false;
    uint16_t port = 80;
    uint32_t count = 1;
    uint64_t bytes = 2;
    double share = 0.5;
    Duration wait = Duration::seconds(3);
    Duration pause;
    std::string name = "none";
    std::vector<std::string> fields;
    size_t colour = 0;
};

CommandLine line_for(Values& values) {
    CommandLine line("tool", "does something", "[options]");
    line.section("OPTIONS");
    line.option("--loud", "", &values.loud, "Says more.");
    line.option("--port", "N", &values.port, "Port.");
    line.option("--count", "N", &values.count, "Count.");
    line.option("--bytes", "N", Bytes{&values.bytes}, "Bytes.");
    line.option("--share", "F", &values.share, "Share.");
    line.option("--wait", "SECONDS", &values.wait, "Wait.");
    line.option("--pause-ms", "MS", &values.pause, "Pause.");
    line.option("--name", "TEXT", &values.name, "Name.");
    line.option("-H", "FIELD", &values.fields, "Field.");
    line.option("--colour", "COLOUR", Choice{kColours, [&](size_t i) { values.colour = i; }, "red"},
                "Colour.");
    line.option("--odd", "N", Custom{[](std::string_view text) {
                    return std::string(text == "3" ? "" : "not odd enough");
                }},
                "Odd.");
    return line;
}

struct Parsed {
    CommandLine::Outcome outcome;
    std::string error;
    std::vector<std::string_view> operands;
};

Parsed parse(Values& values, std::vector<std::string> arguments) {
    CommandLine line = line_for(values);
    arguments.insert(arguments.begin(), "tool");
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (std::string& argument : arguments) {
        pointers.push_back(argument.data());
    }
    Parsed parsed;
    parsed.outcome = line.parse(pointers, parsed.operands);
    parsed.error = line.error();
    return parsed;
}

TEST(CommandLine, ReadsEveryKindOfValue) {
    Values values;
    const Parsed parsed =
        parse(values, {"--loud",  "--port", "8000",       "--count=7",  "--bytes", "3MiB",
                       "--share", "0.25",   "--wait=1.5", "--pause-ms", "0.25",    "--name",
                       "-x",      "-H",     "a: b",       "-H",         "c=d",     "--colour",
                       "green",   "--odd",  "3",          "operand",    "-"});
    ASSERT_EQ(parsed.outcome, CommandLine::Outcome::run) << parsed.error;
    EXPECT_TRUE(values.loud);
    EXPECT_EQ(values.port, 8000);
    EXPECT_EQ(values.count, 7U);
    EXPECT_EQ(values.bytes, 3U << 20U);
    EXPECT_EQ(values.share, 0.25);
    EXPECT_EQ(values.wait, Duration::milliseconds(1500));
    EXPECT_EQ(values.pause, Duration::microseconds(250));
    EXPECT_EQ(values.name, "-x");
    EXPECT_EQ(values.fields, (std::vector<std::string>{"a: b", "c=d"}));
    EXPECT_EQ(values.colour, 1U);
    EXPECT_EQ(parsed.operands.size(), 2U);
}

TEST(CommandLine, SaysWhatItCannotRead) {
    const std::vector<std::vector<std::string>> wrong = {
        {"--nothing"},        {"--port"},
        {"--port", "70000"},  {"--port", "-1"},
        {"--count", "1x"},    {"--count", ""},
        {"--bytes", "1 KiB"}, {"--bytes", "99999999999G"},
        {"--share", "-0.5"},  {"--share", "nan"},
        {"--wait", "soon"},   {"--colour", "blue"},
        {"--odd", "4"},       {"--count=5000000000"}};
    for (const std::vector<std::string>& arguments : wrong) {
        Values values;
        const Parsed parsed = parse(values, arguments);
        EXPECT_EQ(parsed.outcome, CommandLine::Outcome::wrong) << arguments[0];
        EXPECT_NE(parsed.error.find(arguments[0].substr(0, 6)), std::string::npos) << parsed.error;
    }
}

TEST(CommandLine, HelpAndVersionComeFirst) {
    Values values;
    EXPECT_EQ(parse(values, {"--help", "--nothing"}).outcome, CommandLine::Outcome::help);
    EXPECT_EQ(parse(values, {"--version"}).outcome, CommandLine::Outcome::version);
}

TEST(CommandLine, HelpNamesOptionsAndDefaults) {
    Values values;
    const std::string help = line_for(values).help();
    for (const std::string_view text :
         {"--loud\n", "--port N\n", "Port. Default: 80.", "Wait. Default: 3.", "Pause.\n",
          "Name. Default: none.", "Colour. Default: red.", "SYNOPSIS\n    tool [options]\n"}) {
        EXPECT_NE(help.find(text), std::string::npos) << text;
    }
}

TEST(CpuList, ReadsNumbersAndRanges) {
    EXPECT_EQ(parse_cpu_list("0"), (std::vector<uint32_t>{0}));
    EXPECT_EQ(parse_cpu_list("1, 3-5"), (std::vector<uint32_t>{1, 3, 4, 5}));
    for (const std::string_view wrong : {"", "a", "3-1", "1-", "-1", "99999"}) {
        EXPECT_FALSE(parse_cpu_list(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace sluice::llm_kit
