// One file at a time: by its vector, or by what it says itself.
#include "unit/providers/capability_case.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/embeddings.h"
#include "providers/provider_error.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "unit/providers/request_trial.h"
#include "unit/providers/vector_case.h"
#include "unit/providers/vector_exchange.h"

namespace sluice::providers::test {

namespace {

using json::Value;

constexpr std::string_view kFolder = "providers";

// What must be in an exchange before it can show a capability: one of two texts, in the request
// or in what the client gets.
struct Evidence {
    std::string_view capability;
    std::string_view text;
    std::string_view other = {};
};

constexpr Evidence kEvidence[] = {
    {"stream", R"("stream":true)"},
    {"tools", R"("tools":[)"},
    {"parallel_tools", R"("tools":[)"},
    {"tool_choice_required", R"("tool_choice":"required")", R"("tool_choice":{"type")"},
    {"vision", R"("image_url")"},
    {"image_urls", R"("url":"https://)"},
    {"audio", R"("input_audio")"},
    {"files", R"("type":"file")"},
    {"json_object", R"("type":"json_object")"},
    {"json_schema", R"("type":"json_schema")"},
    {"reasoning", R"("reasoning_effort")", R"("reasoning_content")"},
    {"logprobs", R"("logprobs":true)"},
    {"many_choices", R"("n":2)"},
    {"prefill", R"("role":"assistant")"},
};

std::string without_blanks(std::string_view text) {
    std::string kept(text);
    std::erase_if(kept, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    return kept;
}

size_t occurrences(std::string_view text, std::string_view part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

std::vector<std::string> shows(const VectorCase& file) {
    std::vector<std::string> names;
    for (const Value& name : file["shows"]) {
        names.push_back(file.text(name));
    }
    return names;
}

// A file must not claim what its exchange has nothing of.
void check_evidence(const VectorCase& file, std::string_view request, std::string_view received) {
    const std::string sent = without_blanks(request);
    const std::string reply = without_blanks(received);
    for (const std::string& name : shows(file)) {
        const auto* const evidence = std::ranges::find(kEvidence, name, &Evidence::capability);
        if (evidence == std::end(kEvidence)) {
            EXPECT_EQ(file.text(file["operation"]), name);
            continue;
        }
        EXPECT_TRUE(sent.contains(evidence->text) ||
                    (!evidence->other.empty() &&
                     (sent.contains(evidence->other) || reply.contains(evidence->other))))
            << "shows nothing of " << name;
        if (name == "parallel_tools") {
            EXPECT_GE(occurrences(reply, R"("type":"function")"), 2) << "one call is not parallel";
        }
    }
}

Operation operation_of(const std::string& name) {
    return name == "embeddings"     ? Operation::embeddings
           : name == "count_tokens" ? Operation::count_tokens
           : name == "responses"    ? Operation::responses
           : name == "completions"  ? Operation::completions
                                    : Operation::chat;
}

// An operation that is relayed or counted here is shown by its path alone.
void check_path(const VectorCase& file, const Vendor& vendor) {
    const std::string operation = file.text(file["operation"]);
    EXPECT_NE(operation_of(operation), Operation::chat) << operation;
    const std::string model = file.text(file["model"]);
    std::string path;
    json::StringText output(path);
    EXPECT_TRUE(vendor.path({.operation = operation_of(operation),
                             .model = model,
                             .project = "project",
                             .location = "location"},
                            output));
    output.finish();
    EXPECT_EQ(path, file.text(file["path"]));
}

struct Embedding {
    std::string model;
    const Value& request;
    const Value& upstream;
    std::string reply;
    const Value& client_reply;
};

void check_embeddings(const Embedding& exchange, const Vendor& vendor) {
    Arena arena;
    Translation translation(arena);
    const Target target = {.vendor = &vendor, .model = exchange.model};
    const auto request = decode_embedding_request(exchange.request, translation);
    ASSERT_TRUE(request.has_value()) << translation.refused_message();
    const auto form = embedding_form(target, translation);
    ASSERT_TRUE(form.has_value()) << translation.refused_message();
    const size_t inputs = (*request)->inputs;
    std::string body;
    json::StringText sent(body);
    EXPECT_TRUE(encode_embedding_request(**request, *form, target, {0, inputs}, translation, sent));
    sent.finish();
    EXPECT_EQ(difference(exchange.upstream, body, Extras::refused), "") << "SENT " << body;
    EmbeddingReply reply(arena);
    ProviderError failure;
    EXPECT_TRUE(decode_embedding_reply(exchange.reply, *form, inputs, arena, reply, failure))
        << failure.message;
    std::string text;
    json::StringText received(text);
    EXPECT_TRUE(encode_embedding_reply(reply, **request, received));
    received.finish();
    EXPECT_EQ(difference(exchange.client_reply, text, Extras::allowed), "") << text;
}

void check_chat(const VectorCase& file, const Vendor& vendor) {
    const Value& request = file["request"];
    const std::string model = file.text(request["model"]);
    const RequestTrial sent =
        encode_chat_for(vendor, model, request.raw(), file["continues"].is_true());
    EXPECT_EQ(sent.refusal, "");
    EXPECT_EQ(difference(file["upstream"], sent.body, Extras::refused), "") << "SENT " << sent.body;
    EXPECT_EQ(sent.dropped, file.text(file["dropped"]));
    const Value& reply = file["reply"];
    if (!reply.is_present()) {
        return;
    }
    const std::string bytes = reply.is_string() ? file.text(reply) : std::string(reply.raw());
    const std::string received =
        request["stream"].is_true() ? stream_aggregate(vendor, bytes) : whole_reply(vendor, bytes);
    EXPECT_EQ(difference(file["client_reply"], received, Extras::allowed), "") << received;
}

void check_recorded(const VectorCase& file, const Vendor& vendor) {
    const VectorCase recorded(file.text(file["vector"]));
    const Value& request = recorded["client_request"]["body"];
    const Value& response = recorded["client_response"];
    check_evidence(file, request.raw(),
                   response[recorded.is_stream() ? "aggregate" : "body"].raw());
    if (!file["operation"].is_present()) {
        // At every split it is read by the test of its group.
        check_exchange(recorded.name(), vendor, Splits::few);
        return;
    }
    check_embeddings({.model = recorded.text(request["model"]),
                      .request = request,
                      .upstream = recorded["upstream_request"]["body"],
                      .reply = recorded.upstream_body(),
                      .client_reply = response["body"]},
                     vendor);
}

}  // namespace

std::vector<std::string> capability_files(std::string_view vendor) {
    return vector_names(vendor, kFolder);
}

std::vector<std::string> shown_capabilities(std::string_view vendor) {
    std::vector<std::string> shown;
    for (const std::string& name : capability_files(vendor)) {
        const std::vector<std::string> names = shows(VectorCase(name, kFolder));
        shown.insert(shown.end(), names.begin(), names.end());
    }
    return shown;
}

void check_capability_file(const std::string& name, const Vendor& vendor) {
    SCOPED_TRACE(name);
    const VectorCase file(name, kFolder);
    EXPECT_GT(file["shows"].size(), 0) << "a file that shows nothing";
    if (file["vector"].is_present()) {
        check_recorded(file, vendor);
        return;
    }
    check_evidence(file, file["request"].raw(), file["client_reply"].raw());
    if (!file["operation"].is_present()) {
        check_chat(file, vendor);
        return;
    }
    check_path(file, vendor);
    if (file["request"].is_present()) {
        check_embeddings({.model = file.text(file["model"]),
                          .request = file["request"],
                          .upstream = file["upstream"],
                          .reply = std::string(file["reply"].raw()),
                          .client_reply = file["client_reply"]},
                         vendor);
    }
}

}  // namespace sluice::providers::test
