// Places: where each setting of a configuration was written, so that checks which look at several
// settings at once can still point at a line.
//
// Keyed by the canonical path ("llm.x.timeouts.connect_ms", "route[0].models[2]"). Lives during one
// load.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "config/diagnostics.h"

namespace sluice::config {

struct Place {
    std::string origin;  // The file, "--port" or "SLUICE_PORT".
    Position position;
    std::string shown;  // The path as written.
};

class Places {
public:
    void record(std::string path, Place place) { map_[std::move(path)] = std::move(place); }

    // Whether this very path was written.
    bool has(std::string_view path) const { return map_.contains(path); }

    // Of the path, else of the nearest table or list around it; `shown` is completed by what the
    // enclosing place lacks.
    Place find(std::string_view path) const;

private:
    std::map<std::string, Place, std::less<>> map_;
};

// Reports something about the setting at `path`, unless that was found wrong already: what was
// taken in its stead is not worth a second message.
void report(Diagnostics& diagnostics,
            const Places& places,
            Severity severity,
            std::string_view path,
            std::string text);

}  // namespace sluice::config
