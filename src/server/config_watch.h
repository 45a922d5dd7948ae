// ConfigWatch: keeps the file of the configuration watched while the configuration says so.
//
// Between the reading of a file and the beginning of its watch somebody may write it; so when a
// watch begins the file is compared with what was read. Control thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/file_watch.h"
#include "net/proactor.h"

namespace sluice::server {

class ConfigWatch {
public:
    // An empty `path`: there is no file. `on_change` runs between two completions, or in keep().
    ConfigWatch(net::Proactor& proactor,
                std::string path,
                void (*on_change)(void* owner),
                void* owner);

    // Once a turn. A watch that ends takes one to do it. `read_digest` is of the file as it was
    // read last.
    void keep(bool is_wanted, std::string_view read_digest);
    void stop();
    bool is_running() const { return watch_ && watch_->is_running(); }
    bool is_idle() const { return !watch_ || watch_->is_idle(); }

private:
    net::Proactor& proactor_;
    const std::string path_;
    void (*const on_change_)(void* owner);
    void* const owner_;
    std::optional<net::FileWatch> watch_;
    bool has_failed_ = false;
};

}  // namespace sluice::server
