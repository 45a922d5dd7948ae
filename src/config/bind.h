// Fills one options struct from one table of the file, guided by the table of settings: types,
// ranges, unknown keys, missing ones. Reports everything it finds wrong and goes on.
#pragma once

#include <string>
#include <string_view>

#include "config/diagnostics.h"
#include "config/places.h"
#include "config/setting.h"
#include "config/toml_document.h"

namespace sluice::config {

// What a table is called: canonically, and as the user wrote it.
struct TablePath {
    std::string canonical;  // "llm.openai"
    std::string shown;      // "provider.openai"
};

class Binder {
public:
    Binder(Places& places, Diagnostics& diagnostics) : places_(places), diagnostics_(diagnostics) {}

    // `table` is the node of the section's own table; `object` its options struct. `position` is
    // where missing settings are reported.
    void bind(Section section,
              void* object,
              const TomlNode& table,
              const TablePath& path,
              Position position);

private:
    struct Target {
        Section section;
        void* object;
    };

    void bind_members(const Target& target,
                      const TomlNode& table,
                      const TablePath& path,
                      std::string_view group);
    void bind_value(const Target& target,
                    const Setting& setting,
                    const TomlNode& node,
                    const TablePath& path);
    void bind_list(const Target& target,
                   const Setting& setting,
                   const TomlNode& node,
                   const TablePath& path);
    void bind_pairs(const Target& target,
                    const Setting& setting,
                    const TomlNode& node,
                    const TablePath& path);
    void unknown(const Target& target,
                 const TomlMember& member,
                 const TablePath& path,
                 std::string_view group);
    // True when `problem` is empty.
    bool accept(const std::string& problem, Position position, std::string_view shown);

    Places& places_;
    Diagnostics& diagnostics_;
};

}  // namespace sluice::config
