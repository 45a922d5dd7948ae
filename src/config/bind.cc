// Binder: walks a table of the file beside the table of settings.
#include "config/bind.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/nearest.h"
#include "config/schema.h"

namespace sluice::config {

namespace {

// Tables below a section that are sections of their own and bound by the caller.
bool is_child_section(Section section, std::string_view key) {
    return (section == Section::server && key == "tls.certificate") ||
           (section == Section::pool && key == "target");
}

bool is_group(Section section, std::string_view key) {
    return std::ranges::any_of(
        settings(section), [key](const Setting& setting) { return group_of(setting.key) == key; });
}

std::string wrong_type(const TomlNode& node, const Setting& setting) {
    return fmt::format("is {}; expected {}", describe(node.kind), expected_value(setting));
}

// The names that may stand where an unknown one was found.
std::vector<std::string_view> names_at(Section section, std::string_view group) {
    std::vector<std::string_view> names;
    const auto add = [&names](std::string_view name) {
        if (std::ranges::find(names, name) == names.end()) {
            names.push_back(name);
        }
    };
    for (const Setting& setting : settings(section)) {
        if (group_of(setting.key) == group) {
            add(name_in_group(setting.key));
        } else if (group.empty()) {
            add(group_of(setting.key));
        }
    }
    if (section == Section::server && group == "tls") {
        add("certificate");
    }
    if (section == Section::pool && group.empty()) {
        add("target");
    }
    return names;
}

// A setting of that very name in another group of the section.
std::string in_other_group(Section section, std::string_view name) {
    for (const Setting& setting : settings(section)) {
        if (name_in_group(setting.key) == name) {
            return fmt::format("; did you mean \"{}\"?", setting.key);
        }
    }
    return "";
}

// One in another section.
std::string in_other_section(std::string_view name) {
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            if (name_in_group(setting.key) == name) {
                return fmt::format("; there is a \"{}\" in {}", setting.key,
                                   section_title(section));
            }
        }
    }
    return "";
}

constexpr size_t kNamesListedMax = 10;

// The names in full where they are few.
std::string expected_names(const std::vector<std::string_view>& names) {
    if (names.size() > kNamesListedMax) {
        return "; `sluice config-reference` lists all";
    }
    return fmt::format("; expected one of {}", fmt::join(names, ", "));
}

}  // namespace

bool Binder::accept(const std::string& problem, Position position, std::string_view shown) {
    if (!problem.empty()) {
        diagnostics_.error(position, shown, problem);
    }
    return problem.empty();
}

void Binder::bind(Section section,
                  void* object,
                  const TomlNode& table,
                  const TablePath& path,
                  Position position) {
    places_.record(path.canonical, {diagnostics_.file_name(), position, path.shown});
    if (table.kind != TomlKind::table) {
        diagnostics_.error(table.position, path.shown,
                           fmt::format("is {}; expected a table", describe(table.kind)));
        return;
    }
    bind_members({section, object}, table, path, "");
    for (const Setting& setting : settings(section)) {
        // Only settings without a group are required, so their names are members of this table.
        if (setting.is_required && !places_.has(path.canonical + '.' + std::string(setting.key))) {
            diagnostics_.error(position, fmt::format("{}.{}", path.shown, setting.key),
                               fmt::format("is missing; expected {}", expected_value(setting)));
        }
    }
}

void Binder::bind_members(const Target& target,
                          const TomlNode& table,
                          const TablePath& path,
                          std::string_view group) {
    for (const TomlMember& member : table.members) {
        const std::string key =
            group.empty() ? member.key : fmt::format("{}.{}", group, member.key);
        const TablePath below = {fmt::format("{}.{}", path.canonical, member.key),
                                 fmt::format("{}.{}", path.shown, member.shown)};
        if (is_child_section(target.section, key)) {
            continue;
        }
        if (const Setting* setting = find_setting(target.section, key)) {
            places_.record(below.canonical,
                           {diagnostics_.file_name(), member.position, below.shown});
            bind_value(target, *setting, member.value, below);
        } else if (group.empty() && is_group(target.section, key)) {
            places_.record(below.canonical,
                           {diagnostics_.file_name(), member.position, below.shown});
            if (member.value.kind == TomlKind::table) {
                bind_members(target, member.value, below, key);
            } else {
                diagnostics_.error(
                    member.value.position, below.shown,
                    fmt::format("is {}; expected a table", describe(member.value.kind)));
            }
        } else {
            unknown(target, member, path, group);
        }
    }
}

void Binder::bind_value(const Target& target,
                        const Setting& setting,
                        const TomlNode& node,
                        const TablePath& path) {
    std::string problem;
    Value value;
    switch (setting.access.type) {
        case ValueType::boolean:
            problem = node.kind == TomlKind::boolean ? "" : wrong_type(node, setting);
            value = node.boolean;
            break;
        case ValueType::integer:
            problem = node.kind == TomlKind::integer ? integer_problem(setting, node.integer)
                                                     : wrong_type(node, setting);
            value = node.integer;
            break;
        case ValueType::fraction: {
            const bool is_integer = node.kind == TomlKind::integer;
            const double number = is_integer ? static_cast<double>(node.integer) : node.fraction;
            problem = is_integer || node.kind == TomlKind::fraction
                          ? fraction_problem(setting, number)
                          : wrong_type(node, setting);
            value = number;
            break;
        }
        case ValueType::text:
        case ValueType::choice:
            problem = node.kind == TomlKind::text ? text_problem(setting, node.text)
                                                  : wrong_type(node, setting);
            value = node.text;
            break;
        case ValueType::text_list:
            bind_list(target, setting, node, path);
            return;
        case ValueType::pairs:
            bind_pairs(target, setting, node, path);
            return;
    }
    if (accept(problem, node.position, path.shown)) {
        setting.access.set(target.object, value);
    }
}

void Binder::bind_list(const Target& target,
                       const Setting& setting,
                       const TomlNode& node,
                       const TablePath& path) {
    if (node.kind != TomlKind::array) {
        diagnostics_.error(node.position, path.shown, wrong_type(node, setting));
        return;
    }
    TextList list;
    for (const TomlNode& item : node.items) {
        const std::string index = fmt::format("[{}]", list.size());
        const std::string shown = path.shown + index;
        places_.record(path.canonical + index, {diagnostics_.file_name(), item.position, shown});
        accept(item.kind == TomlKind::text
                   ? text_problem(setting, item.text)
                   : fmt::format("is {}; expected a string", describe(item.kind)),
               item.position, shown);
        list.push_back(item.text);
    }
    setting.access.set(target.object, list);
}

void Binder::bind_pairs(const Target& target,
                        const Setting& setting,
                        const TomlNode& node,
                        const TablePath& path) {
    if (node.kind != TomlKind::table) {
        diagnostics_.error(node.position, path.shown, wrong_type(node, setting));
        return;
    }
    TextPairs pairs;
    for (const TomlMember& member : node.members) {
        const std::string shown = fmt::format("{}.{}", path.shown, toml_key(member.key));
        std::string problem;
        if (member.value.kind == TomlKind::table) {
            problem = "is a table; expected a string (a name with dots in it stands in quotes)";
        } else if (member.value.kind != TomlKind::text) {
            problem = fmt::format("is {}; expected a string", describe(member.value.kind));
        } else if (setting.check_pair != nullptr) {
            problem = setting.check_pair(member.key, member.value.text);
        }
        accept(problem, member.position, shown);
        pairs.emplace_back(member.key, member.value.text);
    }
    setting.access.set(target.object, pairs);
}

void Binder::unknown(const Target& target,
                     const TomlMember& member,
                     const TablePath& path,
                     std::string_view group) {
    const std::vector<std::string_view> names = names_at(target.section, group);
    std::string hint = in_other_group(target.section, member.key);
    // What the other published form calls a setting of this one.
    if (target.section == Section::llm && group.empty() && member.key == "api_key_env") {
        hint = "; did you mean \"token_env\"?";
    } else if (target.section == Section::llm && group.empty() && member.key == "api_key_envs") {
        hint = "; did you mean \"token_envs\"?";
    } else if (target.section == Section::llm && group.empty() &&
               (member.key == "timeout" || member.key == "timeout_secs")) {
        hint = "; did you mean \"timeouts.first_byte_ms\" and \"timeouts.silence_ms\"?";
    }
    if (hint.empty()) {
        hint = did_you_mean(member.key, names);
    }
    if (hint.empty()) {
        hint = in_other_section(member.key);
    }
    if (hint.empty()) {
        hint = expected_names(names);
    }
    diagnostics_.error(member.position, fmt::format("{}.{}", path.shown, toml_key(member.shown)),
                       fmt::format("unknown setting{}", hint));
}

}  // namespace sluice::config
