// The registration lines of the dialects.
#include <string_view>

#include "providers/dialect.h"

namespace sluice::providers {

// Each side of a dialect is defined where it is written.
extern const ClientDialect kChatClient;
extern const ClientDialect kCompletionsClient;
extern const ClientDialect kMessagesClient;
extern const ClientDialect kResponsesClient;
extern const UpstreamDialect kChatUpstream;
extern const UpstreamDialect kConverseUpstream;
extern const UpstreamDialect kGeminiUpstream;
extern const UpstreamDialect kInvokeMessagesUpstream;
extern const UpstreamDialect kMessagesUpstream;
extern const UpstreamDialect kOllamaUpstream;

const ClientDialect* client_dialect(Dialect dialect) {
    switch (dialect) {
        case Dialect::chat:
            return &kChatClient;
        case Dialect::completions:
            return &kCompletionsClient;
        case Dialect::responses:
            return &kResponsesClient;
        case Dialect::messages:
            return &kMessagesClient;
        default:
            return nullptr;
    }
}

const UpstreamDialect* upstream_dialect(Dialect dialect) {
    switch (dialect) {
        case Dialect::chat:
            return &kChatUpstream;
        case Dialect::converse:
            return &kConverseUpstream;
        case Dialect::generate_content:
            return &kGeminiUpstream;
        case Dialect::messages:
            return &kMessagesUpstream;
        case Dialect::invoke_messages:
            return &kInvokeMessagesUpstream;
        case Dialect::ollama:
            return &kOllamaUpstream;
        default:
            return nullptr;
    }
}

std::string_view dialect_name(Dialect dialect) {
    switch (dialect) {
        case Dialect::chat:
            return "chat";
        case Dialect::completions:
            return "completions";
        case Dialect::responses:
            return "responses";
        case Dialect::messages:
            return "messages";
        case Dialect::generate_content:
            return "generate_content";
        case Dialect::converse:
            return "converse";
        case Dialect::invoke_messages:
            return "invoke_messages";
        case Dialect::ollama:
            return "ollama";
    }
    return "";
}

}  // namespace sluice::providers
