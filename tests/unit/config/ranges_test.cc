// Every setting of the table, put into a file with a value that it must refuse: the message names
// file, line and key, and nothing is loaded.
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/processor_kinds.h"
#include "config/schema.h"
#include "config/setting.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::HasSubstr;

// The line the setting is put on by file_with().
constexpr uint32_t kLine = 3;

std::string table_header(Section section) {
    switch (section) {
        case Section::server:
            return "[server]";
        case Section::certificate:
            return "[[server.tls.certificate]]";
        case Section::admin:
            return "[admin]";
        case Section::llm:
            return "[llm.under_test]";
        case Section::pool:
            return "[pool.under_test]";
        case Section::pool_target:
            return "[[pool.under_test.target]]";
        case Section::route:
            return "[[route]]";
        case Section::keys:
            return "[keys]";
        case Section::key:
            return "[key.under_test]";
        case Section::tenant:
            return "[tenant.under_test]";
        case Section::cache:
            return "[cache]";
        case Section::ledger:
            return "[ledger]";
        case Section::prices:
            return "[prices]";
        case Section::traces:
            return "[traces]";
        default:
            return "[processor.under_test]";
    }
}

// What the section's table needs besides the setting.
std::string table_rest(Section section) {
    for (const ProcessorKind& kind : processor_kinds()) {
        if (kind.section == section) {
            return fmt::format("type = \"{}\"\n", kind.type);
        }
    }
    return "";
}

std::string shown_path(Section section) {
    switch (section) {
        case Section::server:
            return "server";
        case Section::certificate:
            return "server.tls.certificate[0]";
        case Section::admin:
            return "admin";
        case Section::llm:
            return "llm.under_test";
        case Section::pool:
            return "pool.under_test";
        case Section::pool_target:
            return "pool.under_test.target[0]";
        case Section::route:
            return "route[0]";
        case Section::keys:
            return "keys";
        case Section::key:
            return "key.under_test";
        case Section::tenant:
            return "tenant.under_test";
        case Section::cache:
            return "cache";
        case Section::ledger:
            return "ledger";
        case Section::prices:
            return "prices";
        case Section::traces:
            return "traces";
        default:
            return "processor.under_test";
    }
}

std::string file_with(Section section, const Setting& setting, std::string_view value) {
    return with_rest(fmt::format("# A comment.\n{}\n{} = {}\n{}", table_header(section),
                                 setting.key, value, table_rest(section)));
}

// The diagnostics about exactly this setting.
std::vector<Diagnostic> about(const LoadResult& result, Section section, const Setting& setting) {
    const std::string key = fmt::format("{}.{}", shown_path(section), setting.key);
    std::vector<Diagnostic> found;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        if (diagnostic.key == key || diagnostic.key.starts_with(key + "[") ||
            diagnostic.key.starts_with(key + ".")) {
            found.push_back(diagnostic);
        }
    }
    return found;
}

void expect_refused(Section section, const Setting& setting, std::string_view value) {
    const LoadResult result = load(file_with(section, setting, value));
    EXPECT_FALSE(result.config) << setting.key;
    const std::vector<Diagnostic> found = about(result, section, setting);
    ASSERT_EQ(found.size(), 1U) << setting.key << " = " << value << "\n" << result.report();
    EXPECT_EQ(found[0].severity, Severity::error);
    EXPECT_EQ(found[0].origin, "test.toml");
    EXPECT_EQ(found[0].position.line, kLine) << setting.key;
    EXPECT_GT(found[0].position.column, 0U);
    EXPECT_THAT(found[0].text, HasSubstr("expected")) << setting.key;
}

template <class Function>
void for_each_setting(Function function) {
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            function(section, setting);
        }
    }
}

TEST(Ranges, EveryNumberRefusesWhatLiesOutside) {
    int count = 0;
    for_each_setting([&count](Section section, const Setting& setting) {
        if (setting.access.type != ValueType::integer) {
            return;
        }
        ++count;
        expect_refused(section, setting, fmt::format("{}", setting.min - 1));
        expect_refused(section, setting, fmt::format("{}", setting.max + 1));
        expect_refused(section, setting, "9223372036854775807");
        expect_refused(section, setting, "-9223372036854775808");
    });
    EXPECT_GT(count, 40);
}

TEST(Ranges, AFractionRefusesWhatLiesOutsideAndWhatIsNoNumber) {
    int count = 0;
    for_each_setting([&count](Section section, const Setting& setting) {
        if (setting.access.type != ValueType::fraction) {
            return;
        }
        ++count;
        for (const std::string_view value : {"nan", "inf", "-inf"}) {
            expect_refused(section, setting, value);
        }
        for (const std::string_view rest : {"0.01", "1.0"}) {
            const auto outside = [&](int64_t end, double sign) {
                const double by = sign * std::stod(std::string(rest));
                return fmt::format("{:.2f}", static_cast<double>(end) + by);
            };
            expect_refused(section, setting, outside(setting.min, -1));
            expect_refused(section, setting, outside(setting.max, 1));
        }
    });
    EXPECT_EQ(count, 10);
}

TEST(Ranges, EveryNumberTakesItsEnds) {
    for_each_setting([](Section section, const Setting& setting) {
        if (setting.access.type != ValueType::integer) {
            return;
        }
        for (const int64_t value : {setting.min, setting.max}) {
            const LoadResult result = load(file_with(section, setting, fmt::format("{}", value)));
            for (const Diagnostic& diagnostic : about(result, section, setting)) {
                // Checks across settings may object, the range may not.
                EXPECT_FALSE(diagnostic.text.contains("out of range")) << diagnostic.to_string();
            }
        }
    });
}

TEST(Ranges, EverySettingRefusesAnotherType) {
    for_each_setting([](Section section, const Setting& setting) {
        const bool is_boolean = setting.access.type == ValueType::boolean;
        expect_refused(section, setting, is_boolean ? "1" : "true");
        expect_refused(section, setting, "1979-05-27");
        if (setting.access.type != ValueType::fraction) {
            expect_refused(section, setting, "0.5");
        }
        if (setting.access.type != ValueType::text_list) {
            expect_refused(section, setting, "[]");
        }
        if (setting.access.type != ValueType::pairs) {
            expect_refused(section, setting, "{}");
        }
    });
}

TEST(Ranges, EveryListChecksItsElements) {
    for_each_setting([](Section section, const Setting& setting) {
        if (setting.access.type == ValueType::text_list) {
            expect_refused(section, setting, "[3]");
        }
        if (setting.access.type == ValueType::pairs) {
            expect_refused(section, setting, "{ a = 3 }");
        }
    });
}

TEST(Ranges, EveryChoiceRefusesOtherWords) {
    for_each_setting([](Section section, const Setting& setting) {
        if (setting.access.type == ValueType::choice || !setting.known.empty()) {
            expect_refused(section, setting, "\"something else\"");
        }
    });
}

TEST(Ranges, EveryCheckedTextRefusesControlCharacters) {
    for_each_setting([](Section section, const Setting& setting) {
        if (setting.check_text == nullptr) {
            return;
        }
        const bool is_list = setting.access.type == ValueType::text_list;
        expect_refused(section, setting, is_list ? "[\"a\\u0000b\"]" : "\"a\\u0000b\"");
    });
}

TEST(Ranges, EveryRequiredSettingIsMissed) {
    for_each_setting([](Section section, const Setting& setting) {
        if (!setting.is_required) {
            return;
        }
        const LoadResult result = load(
            with_rest("# A comment.\n\n" + table_header(section) + "\n" + table_rest(section)));
        const std::vector<Diagnostic> found = about(result, section, setting);
        ASSERT_EQ(found.size(), 1U) << setting.key;
        EXPECT_EQ(found[0].position.line, kLine);
        EXPECT_THAT(found[0].text, HasSubstr("is missing; expected"));
        expect_refused(section, setting, "\"\"");
    });
}

}  // namespace
}  // namespace sluice::config
