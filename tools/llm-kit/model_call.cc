// Ends of paths, so that any prefix may stand before them.
#include "llm-kit/model_call.h"

#include <string_view>

#include "providers/simulated_request.h"

namespace sluice::llm_kit {

namespace {

struct PathForm {
    Wire wire;
    std::string_view folder;  // The model stands behind it, up to `end`.
    std::string_view end;
    bool is_stream;
};

constexpr PathForm kForms[] = {
    {Wire::messages, "", "/messages", false},
    {Wire::gemini, "/models/", ":generateContent", false},
    {Wire::gemini, "/models/", ":streamGenerateContent", true},
    {Wire::converse, "/model/", "/converse", false},
    {Wire::converse, "/model/", "/converse-stream", true},
    {Wire::invoke, "/model/", "/invoke", false},
    {Wire::invoke, "/model/", "/invoke-with-response-stream", true},
    {Wire::messages, "/models/", ":rawPredict", false},
    {Wire::messages, "/models/", ":streamRawPredict", true},
    {Wire::ollama, "", "/api/chat", false},
};

}  // namespace

bool find_model_call(std::string_view path, ModelCall& call) {
    for (const PathForm& form : kForms) {
        if (!path.ends_with(form.end)) {
            continue;
        }
        const std::string_view front = path.substr(0, path.size() - form.end.size());
        const size_t folder = front.rfind(form.folder);
        if (folder == front.npos) {
            continue;
        }
        call.wire = form.wire;
        call.is_stream = form.is_stream;
        call.model =
            form.folder.empty() ? std::string_view() : front.substr(folder + form.folder.size());
        return form.folder.empty() || !call.model.empty();
    }
    return providers::simulated_endpoint_of(path, call.endpoint);
}

}  // namespace sluice::llm_kit
