// The settings of processors that edit header fields.
#include <array>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/headers.h"

namespace sluice::config {

namespace {

using pipeline::HeadersOptions;

constexpr auto kHeadersSettings = std::to_array<Setting>({
    setting<&HeadersOptions::request_set>(
        "request_set",
        "Fields of requests to the upstream, as { name = \"value\" }; they replace the client's.")
        .check_each(check_added_header),
    setting<&HeadersOptions::request_add>("request_add", "Likewise, beside the client's.")
        .check_each(check_added_header),
    setting<&HeadersOptions::request_remove>("request_remove",
                                             "Fields of the client that do not go on.")
        .check(check_header_name),
    setting<&HeadersOptions::response_set>(
        "response_set",
        "Fields of responses to the client, as { name = \"value\" }; they replace the upstream's.")
        .check_each(check_added_header),
    setting<&HeadersOptions::response_add>("response_add", "Likewise, beside the upstream's.")
        .check_each(check_added_header),
    setting<&HeadersOptions::response_remove>("response_remove",
                                              "Fields of the upstream that do not go on.")
        .check(check_header_name),
});

}  // namespace

SectionTable processor_headers_section() {
    return {"[processor.NAME] of type \"headers\"", kHeadersSettings, &defaults<HeadersOptions>};
}

}  // namespace sluice::config
