// What the tests of the configuration share: an environment made of a map, a temporary folder, and
// loading of a text under a fixed file name.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/load.h"

namespace sluice::config {

using Variables = std::map<std::string, std::string>;

inline Environment environment_of_map(Variables variables) {
    return [variables = std::move(variables)](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
}

inline LoadResult load(std::string_view text, const Variables& variables = {}) {
    LoadOptions options;
    options.environment = environment_of_map(variables);
    return load_text("test.toml", text, options);
}

// What came out; an empty Config, and a failed test, when nothing did.
inline const Config& config_of(const LoadResult& result) {
    static const Config kNone;
    EXPECT_TRUE(result.config.has_value()) << result.report();
    return result.config ? *result.config : kNone;
}

// All diagnostics, one line each.
inline std::vector<std::string> lines_of(const LoadResult& result) {
    std::vector<std::string> lines;
    lines.reserve(result.diagnostics.size());
    for (const Diagnostic& diagnostic : result.diagnostics) {
        lines.push_back(diagnostic.to_string());
    }
    return lines;
}

// A working upstream and route, to be put behind the lines under test.
inline constexpr std::string_view kRest = R"(
[llm.sim]
provider = "simulated"
[[route]]
path_prefix = "/v1"
target_llm = "sim"
)";

inline std::string with_rest(std::string_view text) {
    return std::string(text) + std::string(kRest);
}

// A folder of its own that goes away with the object.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "sluice-config-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string path(const std::string& name) const { return (path_ / name).string(); }
    std::string write(const std::string& name, std::string_view content) const {
        std::ofstream(path(name), std::ios::binary) << content;
        return path(name);
    }

private:
    std::filesystem::path path_;
};

}  // namespace sluice::config
