// load_processor_files: texts of processors that stand in files of their own, read when the
// configuration is, on the thread that loads it; and whether those texts are there at all.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/places.h"

namespace sluice::config {

void load_processor_files(Config& config, const Places& places, Diagnostics& diagnostics);

}  // namespace sluice::config
