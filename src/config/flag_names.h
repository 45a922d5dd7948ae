// What settings are called outside of the file: their flags and environment variables.
//
// The names follow from the key: "--http-head-timeout-ms" and "SLUICE_HTTP_HEAD_TIMEOUT_MS" in
// [server], "--admin-listen" and "SLUICE_ADMIN_LISTEN" in any other section that has them. A
// setting may have a second name of each kind. Pure functions of the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting.h"

namespace sluice::config {

// The sections whose settings have flags: those of which there is one table each.
inline constexpr Section kFlagSections[] = {Section::server, Section::admin, Section::traces};

// The canonical path: "server.port".
std::string path_of(Section section, const Setting& setting);
std::string flag_of(Section section, const Setting& setting);
std::string environment_of(Section section, const Setting& setting);
// All there are, the one from the key first.
std::vector<std::string> flags_of(Section section, const Setting& setting);
std::vector<std::string> environments_of(Section section, const Setting& setting);

struct NamedSetting {
    Section section = Section::server;
    const Setting* setting = nullptr;
};

std::optional<NamedSetting> find_flag(std::string_view flag);

}  // namespace sluice::config
