// Reading and comparing.
#include "unit/providers/vector_case.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::providers::test {

namespace {

using json::Value;
using json::ValueType;

std::string plain(const Value& value, Arena& arena) {
    return std::string(json::unescape(value.text().raw, arena).value_or(value.text().raw));
}

bool is_placeholder(std::string_view text) {
    return text.size() > 2 && text.front() == '<' && text.back() == '>' &&
           text.find_first_of("</ ", 1) == text.npos;
}

class Comparison {
public:
    explicit Comparison(Extras extras) : extras_(extras) {}

    std::string compare(const Value& expected, const Value& actual, const std::string& path) {
        // Content null and "" mean the same.
        if (path.ends_with(".content") && is_empty(expected) && is_empty(actual)) {
            return "";
        }
        if (expected.type() == ValueType::null) {
            return actual.is_nothing() ? "" : differ(path, "null", actual);
        }
        if (expected.is_string()) {
            return compare_string(expected, actual, path);
        }
        if (expected.is_number()) {
            const bool same =
                expected.number() && actual.number() && *expected.number() == *actual.number();
            return same ? "" : differ(path, std::string(expected.raw()), actual);
        }
        if (expected.is_array()) {
            return compare_array(expected, actual, path);
        }
        if (expected.is_object()) {
            return compare_object(expected, actual, path);
        }
        return expected.type() == actual.type() ? ""
                                                : differ(path, std::string(expected.raw()), actual);
    }

private:
    static bool is_empty(const Value& value) { return value.is_nothing() || value.raw() == "\"\""; }

    static std::string differ(const std::string& path,
                              const std::string& expected,
                              const Value& actual) {
        return path + ": expected " + expected + ", got " +
               (actual.is_present() ? std::string(actual.raw()).substr(0, 400) : "nothing");
    }

    std::string compare_string(const Value& expected,
                               const Value& actual,
                               const std::string& path) {
        const std::string wanted = plain(expected, arena_);
        if (wanted == "<int>") {
            const auto number = actual.integer();
            return number && *number >= 0 ? "" : differ(path, wanted, actual);
        }
        if (!actual.is_string()) {
            return differ(path, std::string(expected.raw()).substr(0, 400), actual);
        }
        const std::string found = plain(actual, arena_);
        if (wanted == found || (is_placeholder(wanted) && !found.empty())) {
            return "";
        }
        const auto wanted_tree = Value::parse(arena_.copy(wanted), arena_, ErrorSource::client);
        const auto found_tree = Value::parse(arena_.copy(found), arena_, ErrorSource::client);
        if (wanted_tree && found_tree &&
            ((*wanted_tree)->is_object() || (*wanted_tree)->is_array())) {
            return compare(**wanted_tree, **found_tree, path + "(json)");
        }
        return differ(path, std::string(expected.raw()).substr(0, 400), actual);
    }

    std::string compare_array(const Value& expected, const Value& actual, const std::string& path) {
        if (!actual.is_array() || actual.size() != expected.size()) {
            return differ(path, std::to_string(expected.size()) + " items", actual);
        }
        auto item = actual.begin();
        size_t index = 0;
        for (const Value& wanted : expected) {
            std::string found = compare(wanted, *item, path + "[" + std::to_string(index++) + "]");
            if (!found.empty()) {
                return found;
            }
            ++item;
        }
        return "";
    }

    std::string compare_object(const Value& expected,
                               const Value& actual,
                               const std::string& path) {
        if (!actual.is_object()) {
            return differ(path, "an object", actual);
        }
        for (const Value& wanted : expected) {
            const std::string key(wanted.key().raw);
            std::string found = compare(wanted, actual[key], path + "." + key);
            if (!found.empty()) {
                return found;
            }
        }
        for (const Value& member : actual) {
            if (extras_ == Extras::refused && !expected[member.key().raw].is_present()) {
                return differ(path + "." + std::string(member.key().raw), "nothing", member);
            }
        }
        return "";
    }

    Extras extras_;
    Arena arena_;
};

}  // namespace

std::string data_folder() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets variables here.
    const char* const given = std::getenv("SLUICE_TEST_DATA");
    return given != nullptr ? given : "tests/data";
}

std::string read_text_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.good()) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
}

std::vector<std::string> vector_names(std::string_view group, std::string_view folder) {
    std::vector<std::string> names;
    const std::string path = data_folder() + "/" + std::string(folder) + "/" + std::string(group);
    if (!std::filesystem::is_directory(path)) {
        return names;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        names.push_back(std::string(group) + "/" + entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
}

VectorCase::VectorCase(std::string name, std::string_view folder)
    : name_(std::move(name)),
      bytes_(read_text_file(data_folder() + "/" + std::string(folder) + "/" + name_)),
      arena_(std::make_unique<Arena>()) {
    const auto tree = Value::parse(bytes_, *arena_, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << name_;
    root_ = *tree;
}

std::string VectorCase::text(const Value& value) const {
    return plain(value, *arena_);
}

std::string VectorCase::upstream_body() const {
    const Value& response = root()["upstream_response"];
    if (response["body_utf8"].is_string()) {
        return text(response["body_utf8"]);
    }
    return from_hex(response["body_hex"].text().raw);
}

std::string difference(const Value& expected, const Value& actual, Extras extras) {
    return Comparison(extras).compare(expected, actual, "");
}

std::string difference(const Value& expected, std::string_view actual, Extras extras) {
    Arena arena;
    const auto tree = Value::parse(actual, arena, ErrorSource::upstream);
    if (!tree) {
        return "not JSON: " + std::string(actual.substr(0, 400));
    }
    return difference(expected, **tree, extras);
}

}  // namespace sluice::providers::test
