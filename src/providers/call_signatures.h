// CallSignatures: where the signatures of Gemini's function calls are remembered, for clients that
// do not bring them back.
//
// Gemini 3 refuses a history whose calls lack the signatures it gave them. The chat dialect has a
// place for them (extra_content) that many clients drop, the others have none. Who keeps them, for
// how long and for whom is the pipeline's business.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "json/tree.h"

namespace sluice::providers {

class CallSignatures {
public:
    // The call with this id, as clients see it, was given this signature.
    virtual void keep(json::Text id, json::Text signature) = 0;
    // In the arena; empty when it is not known.
    virtual json::Text find(json::Text id, Arena& arena) = 0;

protected:
    ~CallSignatures() = default;
};

}  // namespace sluice::providers
