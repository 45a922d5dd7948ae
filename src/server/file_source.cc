// First the watch, then the file, so that no change falls between.
#include "server/file_source.h"

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"
#include "base/log.h"
#include "base/result.h"
#include "config/member_file.h"
#include "config/read_file.h"
#include "net/proactor.h"
#include "server/member_source.h"

namespace sluice::server {

FileSource::FileSource(net::Proactor& proactor,
                       std::string pool,
                       balance::DiscoveryOptions options,
                       MemberSink& sink)
    : MemberSource(std::move(pool), std::move(options), sink), watch_(proactor, &on_change, this) {}

void FileSource::start() {
    watch();
    read();
}

// A folder that is not there yet may come.
void FileSource::look() {
    if (!is_stopped_ && !watch_.is_running() && watch_.is_idle()) {
        watch();
        if (watch_.is_running()) {
            read();
        }
    }
}

void FileSource::stop() {
    is_stopped_ = true;
    watch_.stop();
}

void FileSource::on_change(void* owner) {
    auto& source = *static_cast<FileSource*>(owner);
    if (!source.is_stopped_) {
        source.read();
    }
}

void FileSource::watch() {
    const Status started = watch_.start(options().file);
    if (!started && !std::exchange(has_complained_, true)) {
        SLUICE_LOG(warning, "discovery", "the file of members cannot be watched yet",
                   {"pool", pool()}, {"file", options().file}, {"error", started.error()});
    }
    has_complained_ = has_complained_ && !started;
}

void FileSource::read() {
    auto text = config::read_file(options().file, config::kMemberFileBytesMax);
    if (!text) {
        SLUICE_LOG(error, "discovery", "the file of members cannot be read; those before stay",
                   {"pool", pool()}, {"file", options().file}, {"problem", text.error()});
        return;
    }
    std::expected<std::vector<balance::Member>, std::string> members =
        config::read_members(options().file, *text);
    if (!members) {
        SLUICE_LOG(error, "discovery", "the file of members has an error; those before stay",
                   {"pool", pool()}, {"problem", members.error()});
        return;
    }
    tell(*std::move(members));
}

}  // namespace sluice::server
