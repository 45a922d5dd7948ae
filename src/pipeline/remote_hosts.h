// RemoteHosts: how the pipeline reaches hosts that no configuration names, only a request.
//
// The gateway implements it, because trust in certificates is made where the configuration is.
#pragma once

#include "base/local_ptr.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

class RemoteHosts {
public:
    // An upstream for one short use. Null when its certificate could not be verified, because
    // there are no authorities to trust.
    virtual LocalPtr<upstream::Upstream> open(const upstream::UpstreamOptions& options,
                                              upstream::Reach reach) = 0;

protected:
    ~RemoteHosts() = default;
};

}  // namespace sluice::pipeline
