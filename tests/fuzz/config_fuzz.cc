// The configuration loader with any bytes as the file: it must not crash, every message must point
// into the text, and whatever loads must print as a text that loads to the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "config/load.h"
#include "config/print.h"
#include "config/toml_prepass.h"

namespace {

constexpr std::string_view kKey = "a-secret-value";

using namespace sluice::config;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

LoadResult load(std::string_view text) {
    LoadOptions options;
    options.environment = [](const std::string& name) {
        return name == "KEY" ? std::optional<std::string>(kKey) : std::nullopt;
    };
    return load_text("fuzz.toml", text, options);
}

}  // namespace

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // Files named in a configuration are opened; devices are not for a fuzzer to open.
    if (text.find("/dev") != std::string_view::npos) {
        return 0;
    }
    const auto line_count = std::ranges::count(text, '\n') + 1;
    const auto prepass = TomlPrepass::run(text);
    require(!prepass || prepass->text().size() <= text.size());

    const bool has_key = text.find(kKey) != std::string_view::npos;
    const LoadResult result = load(text);
    require(result.config.has_value() == (result.error_count() == 0));
    for (const Diagnostic& diagnostic : result.diagnostics) {
        require(diagnostic.position.line <= line_count);
        require(diagnostic.position.column <= size + 2);
    }
    require(has_key || result.report().find(kKey) == std::string::npos);
    if (result.config) {
        const std::string printed = print_config(*result.config, "fuzz.toml");
        require(has_key || printed.find(kKey) == std::string::npos);
        const LoadResult again = load(printed);
        require(again.config.has_value() && *again.config == *result.config);
    }
    return 0;
}
