// A context made by hand, and a table with keys and a tenant, for tests of the steps that ask them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/key_store.h"
#include "access/limit_book.h"
#include "access/virtual_key.h"
#include "base/arena.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/message.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/options.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "pipeline/route_table.h"
#include "pipeline/target_pool.h"

namespace sluice::pipeline {

// 100 days after the clock began, on Saturday, 28 November 2026, 21:45:30.
inline constexpr access::Moment kMoment = {Instant::from_ns(8'640'000'000'000'000),
                                           1'795'902'330'000};

class KeysTest : public testing::Test {
protected:
    void SetUp() override { route_options_.path_prefix = "/v1"; }

    static access::KeyRecord key(std::string name, std::string_view secret) {
        access::KeyRecord record;
        record.id = "key_" + name;
        record.name = std::move(name);
        record.hash = access::hash_secret(secret);
        record.origin = access::KeyOrigin::configuration;
        return record;
    }

    void load(std::vector<access::KeyRecord> keys,
              const std::vector<access::TenantRecord>& tenants = {}) {
        const auto loaded = store_.load(std::move(keys), tenants, kMoment);
        ASSERT_TRUE(loaded) << loaded.error().front();
        table_ = store_.table();
    }

    // One exchange of a client; the ones before it stay.
    struct Asking {
        Arena arena;
        ExchangeRecord record;
        std::vector<http::HeaderField> fields = std::vector<http::HeaderField>(8);
        http::RequestHead head;
        ProcessorContext context{arena, record};
    };
    Asking& ask(std::string_view field = {}, std::string_view value = {}) {
        Asking& asking = *asking_.emplace_back(std::make_unique<Asking>());
        asking.head.headers = http::HeaderMap(asking.fields);
        if (!field.empty()) {
            EXPECT_TRUE(asking.head.headers.add(field, value));
        }
        asking.head.method = http::Method::post;
        ProcessorContext& context = asking.context;
        context.head = &asking.head;
        context.keys = table_.get();
        context.route = &route_;
        context.upstream_name = "up";
        context.now = now_;
        context.wall_clock_ns = kMoment.unix_ms * 1'000'000 + (now_ - kMoment.now).ns();
        context.call = client_call(http::Method::post, "/v1/chat/completions");
        asking.record.model = "m";
        asking.record.path = "/v1/chat/completions";
        return asking;
    }
    // One of the key with this name, as if it had been asked for already.
    Asking& ask_as(std::string_view name) {
        Asking& asking = ask();
        for (const auto& each : table_->keys()) {
            if (each->record.name == name) {
                asking.context.key = each.get();
                asking.record.key_name = each->record.name;
                asking.record.key_id = each->record.id;
                asking.record.tenant = each->record.tenant;
            }
        }
        EXPECT_NE(asking.context.key, nullptr) << name;
        return asking;
    }

    // A field of the response that a step has set; "" when there is none.
    static std::string told(ProcessorContext& context, std::string_view name) {
        http::HeadWriter writer(context.arena);
        writer.status_line(200);
        context.response_fields.write(writer);
        const std::string head(writer.finish().value());
        const std::string begin = "\r\n" + std::string(name) + ": ";
        const size_t at = head.find(begin);
        return at == std::string::npos
                   ? ""
                   : head.substr(at + begin.size(), head.find("\r\n", at + 2) - at - begin.size());
    }

    void pass(Duration time) { now_ = now_ + time; }

    access::LimitBook book_{{}, kMoment};
    access::KeyStore store_{book_, {}};
    std::shared_ptr<const access::KeyTable> table_ = store_.table();
    RouteOptions route_options_;
    TargetPool pool_;
    Route route_{.options = &route_options_, .pool = &pool_, .chain = nullptr, .index = 0};
    Instant now_ = kMoment.now;
    std::vector<std::unique_ptr<Asking>> asking_;
};

}  // namespace sluice::pipeline
