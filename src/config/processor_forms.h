// The published form of processors, mapped on the canonical one:
//
//   [processor.NAME]
//   type = "openai_chat"                  type = "enhancer"
//   config_value = "..."                  the main value of the type; see below
//   additional_config = { key = ... }     key = ...
//
// Of an enhancer, config_value is the upstream that is asked, if there is an [llm.NAME] of that
// name; else it is the model, asked of the first upstream with provider "openai", or of the first
// that speaks OpenAI's API if there is none. Of a guard it is a pattern.
#pragma once

#include <span>
#include <string>

#include "config/diagnostics.h"
#include "config/toml_document.h"
#include "upstream/options.h"

namespace sluice::config {

// `upstreams`: all there are. `shown` is what messages call the table.
void map_processor(TomlNode& processor,
                   const std::string& shown,
                   std::span<const upstream::UpstreamOptions> upstreams,
                   Diagnostics& diagnostics);

}  // namespace sluice::config
