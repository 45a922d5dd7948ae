// Names made of keys.
#include "config/flag_names.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"
#include "config/setting.h"

namespace sluice::config {

namespace {

char ascii_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

// "server", of a section that is one table.
std::string_view table_name(Section section) {
    std::string_view title = section_title(section);
    title.remove_prefix(1);
    title.remove_suffix(1);
    return title;
}

// The key that names are made of; [server] is left out of them.
std::string long_key(Section section, const Setting& setting) {
    return section == Section::server ? std::string(setting.key) : path_of(section, setting);
}

}  // namespace

std::string path_of(Section section, const Setting& setting) {
    std::string path(table_name(section));
    path += '.';
    path += setting.key;
    return path;
}

std::string flag_of(Section section, const Setting& setting) {
    std::string flag = "--";
    for (const char c : long_key(section, setting)) {
        flag.push_back(c == '.' || c == '_' ? '-' : c);
    }
    return flag;
}

std::string environment_of(Section section, const Setting& setting) {
    std::string name = "SLUICE_";
    for (const char c : long_key(section, setting)) {
        name.push_back(c == '.' ? '_' : ascii_upper(c));
    }
    return name;
}

std::vector<std::string> flags_of(Section section, const Setting& setting) {
    std::vector<std::string> flags = {flag_of(section, setting)};
    if (!setting.second_flag.empty()) {
        flags.emplace_back(setting.second_flag);
    }
    return flags;
}

std::vector<std::string> environments_of(Section section, const Setting& setting) {
    std::vector<std::string> names = {environment_of(section, setting)};
    if (!setting.second_environment.empty()) {
        names.emplace_back(setting.second_environment);
    }
    return names;
}

std::optional<NamedSetting> find_flag(std::string_view flag) {
    for (const Section section : kFlagSections) {
        for (const Setting& setting : settings(section)) {
            const std::vector<std::string> flags = flags_of(section, setting);
            if (std::ranges::find(flags, flag) != flags.end()) {
                return NamedSetting{section, &setting};
            }
        }
    }
    return std::nullopt;
}

}  // namespace sluice::config
