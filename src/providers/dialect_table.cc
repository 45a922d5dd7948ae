// The registration lines of the dialects.
#include <string_view>

#include "providers/dialect.h"

namespace sluice::providers {

const ClientDialect* client_dialect(Dialect dialect) {
    switch (dialect) {
        default:
            return nullptr;
    }
}

const UpstreamDialect* upstream_dialect(Dialect dialect) {
    switch (dialect) {
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
        case Dialect::ollama:
            return "ollama";
    }
    return "";
}

}  // namespace sluice::providers
