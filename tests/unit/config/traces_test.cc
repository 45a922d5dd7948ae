// [traces]: what is taken, what is refused, the variables of OpenTelemetry, and that no secret is
// told.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "config/print.h"
#include "trace/options.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

LoadResult load_with_environment(std::string_view text, const Variables& variables) {
    LoadOptions options;
    options.environment = environment_of_map(variables);
    options.overrides = environment_overrides(options.environment);
    return load_text("test.toml", with_rest(text), options);
}

TEST(TracesSection, IsOffByDefault) {
    EXPECT_FALSE(config_of(load(with_rest(""))).traces.enabled());
}

TEST(TracesSection, TakesAReceiver) {
    const auto loaded =
        load(with_rest("[traces]\n"
                       "endpoint = \"http://127.0.0.1:4318\"\n"
                       "sample_ratio = 0.25\n"
                       "compression = \"none\"\n"
                       "header_envs = { authorization = \"OTLP_AUTH\" }\n"
                       "resource = { \"deployment.environment.name\" = \"test\" }\n"),
             {{"OTLP_AUTH", "Bearer hunter2\n"}});
    const trace::TraceOptions& traces = config_of(loaded).traces;
    EXPECT_TRUE(traces.enabled());
    EXPECT_EQ(traces.sample_ratio, 0.25);
    EXPECT_EQ(traces.compression, trace::Compression::none);
    ASSERT_EQ(traces.secret_headers.size(), 1U);
    EXPECT_EQ(traces.secret_headers[0].first, "authorization");
    EXPECT_EQ(traces.secret_headers[0].second.reveal(), "Bearer hunter2");
    ASSERT_EQ(traces.resource.size(), 1U);
    EXPECT_EQ(traces.resource[0].value, "test");
    const std::string printed = print_config(config_of(loaded), "x");
    EXPECT_THAT(printed, HasSubstr("OTLP_AUTH"));
    EXPECT_THAT(printed, Not(HasSubstr("hunter2")));
}

TEST(TracesSection, GoesByTheVariablesOfOpenTelemetry) {
    const auto loaded =
        load_with_environment("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"},
                                   {"OTEL_SERVICE_NAME", "edge"},
                                   {"OTEL_RESOURCE_ATTRIBUTES", "service.namespace=llm,team=a=b"}});
    const trace::TraceOptions& traces = config_of(loaded).traces;
    EXPECT_EQ(traces.endpoint, "http://collector:4318");
    EXPECT_EQ(traces.service_name, "edge");
    ASSERT_EQ(traces.resource.size(), 2U);
    EXPECT_EQ(traces.resource[0].name, "service.namespace");
    EXPECT_EQ(traces.resource[1].value, "a=b");
    const auto ours = load_with_environment(
        "", {{"OTEL_SERVICE_NAME", "edge"}, {"SLUICE_TRACES_SERVICE_NAME", "ours"}});
    EXPECT_EQ(config_of(ours).traces.service_name, "ours");
    EXPECT_THAT(load_with_environment("", {{"OTEL_RESOURCE_ATTRIBUTES", "team"}}).report(),
                HasSubstr("expected name=value"));
}

TEST(TracesSection, RefusesWhatMakesNoSense) {
    const auto report = [](std::string_view rest) {
        return load(with_rest("[traces]\n" + std::string(rest))).report();
    };
    EXPECT_THAT(report("endpoint = \"collector:4318\"\n"), HasSubstr("traces.endpoint"));
    EXPECT_THAT(report("sample_ratio = 1.5\n"), HasSubstr("traces.sample_ratio"));
    EXPECT_THAT(
        report("headers = { authorization = \"Bearer hunter2\" }\n"),
        testing::AllOf(HasSubstr("keys do not stand in this file"), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(report("header_envs = { authorization = \"Bearer hunter2\" }\n"),
                testing::AllOf(HasSubstr("is not the name of an environment variable"),
                               Not(HasSubstr("hunter2"))));
    EXPECT_THAT(report("endpoint = \"http://a:1\"\nheader_envs = { a = \"NOT_SET\" }\n"),
                HasSubstr("the environment variable NOT_SET is not set"));
    EXPECT_THAT(report("endpoint = \"https://a:1\"\n[traces.tls]\nca_file = \"/none\"\n"),
                HasSubstr("traces.tls.ca_file"));
    EXPECT_THAT(report("capture_content = true\n"), HasSubstr("unknown setting"));
}

TEST(TracesSection, SamplingChangesAtOnceAndTheRestAfterARestart) {
    const Config running = config_of(load(with_rest("[traces]\nendpoint = \"http://a:1\"\n")));
    Config next = running;
    next.traces.sample_ratio = 1;
    next.traces.slow_ms = 5;
    EXPECT_THAT(restart_needed(running, next), ElementsAre());
    next.traces.endpoint = "http://b:1";
    EXPECT_THAT(restart_needed(running, next), ElementsAre("traces.endpoint"));
}

}  // namespace
}  // namespace sluice::config
