// A shard with a part of the cache, and exchanges by hand: a client whose bytes go nowhere, and the
// phases that a step would see. For tests of steps that share answers.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "cache/cache_key.h"
#include "cache/options.h"
#include "cache/shared_cache.h"
#include "coro/signal.h"
#include "gtest/gtest.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/options.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/options.h"
#include "net/shard.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "pipeline/processor_resources.h"
#include "pipeline/route_table.h"
#include "unit/pipeline/upstream_fixture.h"

namespace sluice::pipeline {

class SilentStream final : public net::ByteStream {
public:
    explicit SilentStream(net::Proactor& proactor)
        : ByteStream(proactor, net::SocketOptions(), ErrorSource::client) {}
    void watch_for_hangup() override {}
    net::Address peer_address() const override { return {}; }
    uint64_t acknowledged_bytes() const override { return 0; }
    void close(net::CloseMode) override {}

private:
    void push_unsent(Slice) override {}
    void want_flush() override {}
    void after_taking() override {}
};

class SharingTest : public UpstreamTest {
protected:
    // One exchange, as far as a step sees it.
    struct Made {
        Made(SharingTest& test, std::string_view body, bool is_stream)
            : signal(test.shard_->proactor().ready()),
              stream(test.shard_->proactor()),
              client(stream, signal, options),
              context(arena, record) {
            context.client = &client;
            context.route = &test.route_;
            context.head = &head;
            head.headers = http::HeaderMap(fields);
            context.call = client_call(http::Method::post, "/v1/chat/completions");
            context.wants_stream = is_stream;
            context.body.take_text(body);
            record.model = "m";
        }
        void add_field(std::string_view name, std::string_view value) {
            EXPECT_TRUE(head.headers.add(name, value));
        }
        // The upstream's answer goes by, and the exchange ends.
        void answer(Processor& step, std::string_view body, std::string_view type) {
            const ResponseView view{.status = 200, .content_type = type};
            step.on_response_head(context, view);
            step.on_response_body(context, body);
            http::HeadWriter writer = client.begin_response(200);
            EXPECT_TRUE(client.respond(writer, 200, Slice::copy_of(body)));
            record.is_stream = type.starts_with("text/event-stream");
            step.on_end(context);
        }

        http::ServerConnectionOptions options;
        Arena arena;
        ExchangeRecord record;
        coro::Signal signal;
        SilentStream stream;
        http::ServerExchange client;
        std::array<http::HeaderField, 8> fields;
        http::RequestHead head;
        ProcessorContext context;
    };

    void SetUp() override {
        UpstreamTest::SetUp();
        shard_ = net::Shard::create(0, {}, 1).value();
        shard_group_.set(*shard_);
        route_.options = &route_options_;
        pool_ = {.name = "up", .targets = {{.name = "up", .upstream = upstream_}}};
        route_.pool = &pool_;
        open_cache({.enabled = true});
    }
    void TearDown() override {
        part_.reset();
        group_.reset();
        pool_ = {};
        shard_.reset();
        UpstreamTest::TearDown();
    }
    void open_cache(const cache::CacheOptions& options) {
        part_.reset();
        group_.emplace(shard_group_, options);
        part_.emplace(*shard_, *group_);
    }
    ProcessorResources resources() { return {.cache = &*part_, .cache_keys = &keys_}; }

    net::ShardGroup shard_group_{1};
    std::unique_ptr<net::Shard> shard_;
    std::optional<cache::CacheGroup> group_;
    std::optional<cache::SharedCache> part_;
    cache::KeyMaker keys_{std::string_view("a secret")};
    RouteOptions route_options_{.path_prefix = "/v1"};
    TargetPool pool_;
    Route route_{};
};

}  // namespace sluice::pipeline
