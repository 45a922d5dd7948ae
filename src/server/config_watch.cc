// Beginning, comparing, ending.
#include "server/config_watch.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/result.h"
#include "config/load.h"
#include "net/file_watch.h"
#include "net/proactor.h"

namespace sluice::server {

ConfigWatch::ConfigWatch(net::Proactor& proactor,
                         std::string path,
                         void (*on_change)(void* owner),
                         void* owner)
    : proactor_(proactor), path_(std::move(path)), on_change_(on_change), owner_(owner) {}

void ConfigWatch::keep(bool is_wanted, std::string_view read_digest) {
    if (!is_wanted || path_.empty()) {
        has_failed_ = false;
        stop();
        return;
    }
    if (!watch_) {
        watch_.emplace(proactor_, on_change_, owner_);
    }
    if (watch_->is_running() || !watch_->is_idle() || has_failed_) {
        return;
    }
    const Status started = watch_->start(path_);
    has_failed_ = !started;
    if (!started) {
        SLUICE_LOG(warning, "config", "the configuration file cannot be watched",
                   {"error", started.error()});
        return;
    }
    // One that is away for a moment is no other one.
    const std::string digest = config::digest_of_file(path_);
    if (!digest.empty() && digest != read_digest) {
        on_change_(owner_);
    }
}

void ConfigWatch::stop() {
    if (watch_) {
        watch_->stop();
    }
}

}  // namespace sluice::server
