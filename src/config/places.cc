// Looking up a place by the longest recorded beginning of its path.
#include "config/places.h"

namespace sluice::config {

Place Places::find(std::string_view path) const {
    size_t length = path.size();
    while (true) {
        if (const auto found = map_.find(path.substr(0, length)); found != map_.end()) {
            Place place = found->second;
            place.shown += path.substr(length);
            return place;
        }
        const size_t cut = path.substr(0, length).find_last_of(".[");
        if (cut == std::string_view::npos) {
            return {.origin = {}, .position = {}, .shown = std::string(path)};
        }
        length = cut;
    }
}

void report(Diagnostics& diagnostics,
            const Places& places,
            Severity severity,
            std::string_view path,
            std::string text) {
    Place place = places.find(path);
    if (!place.shown.empty() && diagnostics.has_error(place.shown)) {
        return;
    }
    if (place.origin.empty()) {
        place.origin = diagnostics.file_name();
    }
    diagnostics.add({severity, std::move(place.origin), place.position, std::move(place.shown),
                     std::move(text)});
}

}  // namespace sluice::config
