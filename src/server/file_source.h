// FileSource: the members of a pool by a file. It is read when the watch on it begins and whenever
// it has changed; one that is not right changes nothing. Control thread.
#pragma once

#include <string>

#include "balance/options.h"
#include "net/file_watch.h"
#include "net/proactor.h"
#include "server/member_source.h"

namespace sluice::server {

class FileSource final : public MemberSource {
public:
    FileSource(net::Proactor& proactor,
               std::string pool,
               balance::DiscoveryOptions options,
               MemberSink& sink);

    void start() override;
    void look() override;
    void stop() override;
    bool is_idle() const override { return watch_.is_idle(); }

private:
    static void on_change(void* owner);
    void watch();
    void read();

    net::FileWatch watch_;
    bool is_stopped_ = false;
    bool has_complained_ = false;
};

}  // namespace sluice::server
