// The two published forms of upstreams and routes, mapped on one: [llm.NAME] is canonical,
// [provider.NAME] is accepted, and every other part of the loader knows the canonical one only.
//
//   [provider.NAME]   [llm.NAME]
//   type              provider
//   base_url          base_url
//   api_key_env       token_env
//   timeout (s)       timeouts.first_byte_ms and timeouts.silence_ms
//   [[route]] path    path_prefix
//   [[route]] provider  target_llm
//
// Members keep the name that was written (TomlMember::shown), so that messages use the user's
// words.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/toml_document.h"

namespace sluice::config {

// A table that has a name of the user's choice, in canonical spelling.
struct NamedTable {
    std::string name;
    std::string shown;  // As it was written: "llm.openai" or "provider.openai"
    Position position;
    TomlNode* table = nullptr;  // Inside the document.
};

// Maps every upstream and returns them in the order of the file.
std::vector<NamedTable> map_llms(TomlNode& root, Diagnostics& diagnostics);

// The tables [form.NAME], in the order of the file.
std::vector<NamedTable> named_tables(TomlNode& root,
                                     std::string_view form,
                                     Diagnostics& diagnostics);

// Maps one [[route]]; `shown` is what messages call it.
void map_route(TomlNode& route, const std::string& shown, Diagnostics& diagnostics);

}  // namespace sluice::config
