// A Config as JSON, for programs: every setting with its effective value, by section, as the file
// has them. Of keys it shows where they come from and whether they were found, never more.
#pragma once

#include "config/config.h"
#include "json/writer.h"

namespace sluice::config {

// One object: {"server":{…},"admin":{…},"llm":{…},"processor":{…},"route":[…]}.
void write_config(json::Writer& writer, const Config& config);

}  // namespace sluice::config
