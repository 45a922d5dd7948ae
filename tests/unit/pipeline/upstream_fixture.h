// An upstream that nobody calls, for tests of what routes and heads take from its settings.
#pragma once

#include <memory>

#include "base/local_ptr.h"
#include "base/metrics.h"
#include "gtest/gtest.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/tls_blocks.h"
#include "sim/sim.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

class UpstreamTest : public testing::Test {
protected:
    void SetUp() override {
        proactor_ = net::Proactor::create({}).value();
        resolver_ =
            std::make_unique<net::ResolverClient>(*proactor_, nullptr, net::ResolverOptions());
        make_upstream({.name = "u", .base_url = "http://127.0.0.1:1"});
    }
    void TearDown() override { upstream_ = {}; }

    void make_upstream(const upstream::UpstreamOptions& options) {
        const upstream::Surroundings surroundings = {.proactor = *proactor_,
                                                     .resolver = *resolver_,
                                                     .tls_blocks = tls_blocks_,
                                                     .sockets = {},
                                                     .limits = {}};
        upstream_ = LocalPtr(
            new upstream::Upstream(surroundings, options, {}, {.ok = ok_, .failed = failed_}));
    }

    sim::World world_{1};
    std::unique_ptr<net::Proactor> proactor_;
    std::unique_ptr<net::ResolverClient> resolver_;
    net::TlsBlocks tls_blocks_;
    Counter ok_;
    Counter failed_;
    LocalPtr<upstream::Upstream> upstream_;
};

}  // namespace sluice::pipeline
