// From a text to a Config: parse, map the published forms, bind every table, apply flags and
// environment, fetch keys, check the whole.
//
// All mistakes of a text are reported together. A Config comes out only when there is no error, so
// a reload that fails changes nothing. Runs on the main thread at the start and on reload.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/setting.h"

namespace sluice::config {

inline constexpr size_t kConfigBytesMax = size_t{4} * 1024 * 1024;

// A setting given outside the file; one of [llm.NAME] is meant for all of them.
struct Override {
    Section section = Section::server;
    const Setting* setting = nullptr;
    std::string text;
    std::string origin;  // "--port" or "SLUICE_PORT"
};

// The overrides that the environment holds, by the table and by named_overrides.h.
std::vector<Override> environment_overrides(const Environment& environment);

struct LoadOptions {
    std::vector<Override> overrides;  // Applied in order: a later one wins.
    Environment environment;          // Where token_env looks.
};

struct LoadResult {
    std::optional<Config> config;         // Nothing when there was an error.
    std::vector<Diagnostic> diagnostics;  // Warnings too, in the order of the file.
    std::string source;                   // File name, or the name of the built-in text.
    // Whether somebody wrote admin.listen: an address of one's own choice must be free.
    bool sets_admin_listen = false;
    // Of the file's bytes as they were read (digest_of_file); empty for a built-in text.
    std::string digest = {};

    uint32_t error_count() const;
    // One line each, ready to print.
    std::string report() const;
};

LoadResult load_text(std::string_view name, std::string_view text, const LoadOptions& options);
LoadResult load_file(const std::string& path, const LoadOptions& options);
// By which it is seen that a file is another one now; empty when it cannot be read.
std::string digest_of_file(const std::string& path);
// The built-in configuration that fits the environment.
LoadResult load_default(const LoadOptions& options);

// Keys that differ and take effect only after a restart.
std::vector<std::string> restart_needed(const Config& running, const Config& next);

}  // namespace sluice::config
