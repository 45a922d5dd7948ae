// Ends of paths, so that any prefix may stand before them.
#include "llm-kit/model_call.h"

#include <string_view>

#include "providers/simulated_request.h"

namespace sluice::llm_kit {

namespace {

struct PathForm {
    Wire wire;
    bool is_stream;
    std::string_view folder;  // The model stands behind it, up to `end`.
    std::string_view end;
};

constexpr PathForm kForms[] = {
    {Wire::messages, false, "", "/messages"},
    {Wire::gemini, false, "/models/", ":generateContent"},
    {Wire::gemini, true, "/models/", ":streamGenerateContent"},
    {Wire::converse, false, "/model/", "/converse"},
    {Wire::converse, true, "/model/", "/converse-stream"},
    {Wire::invoke, false, "/model/", "/invoke"},
    {Wire::invoke, true, "/model/", "/invoke-with-response-stream"},
    {Wire::messages, false, "/models/", ":rawPredict"},
    {Wire::messages, true, "/models/", ":streamRawPredict"},
    {Wire::ollama, false, "", "/api/chat"},
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
