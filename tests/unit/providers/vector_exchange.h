// One exchange driven through the dialects as the gateway drives it: the client's request to the
// provider's, and the provider's reply, in any pieces, to the client's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

struct SentRequest {
    bool refused = false;
    std::string refused_param;
    std::string refused_message;
    std::string body;
    std::string path;
    std::vector<std::string> dropped;
};

struct ReceivedReply {
    bool failed = false;  // `error` says why; for streams also in `text` once started.
    bool started = false;
    std::shared_ptr<Arena> arena = std::make_shared<Arena>();  // What `error` looks into.
    ProviderError error = {};
    std::string error_message;
    std::string error_code;
    std::string error_type;
    std::string error_param;
    std::string text;  // What the client got.
    Usage usage;
};

class VectorExchange {
public:
    VectorExchange(const VectorCase& exchange, const Vendor& vendor, Dialect client);

    SentRequest send() const;
    // `pieces` are sizes of the pieces in which the reply arrives; the last one repeats.
    ReceivedReply receive(const std::vector<size_t>& pieces) const;

    const ClientDialect& client() const { return *client_; }

private:
    const VectorCase& exchange_;
    std::string body_;  // Of the provider's reply.
    const Vendor& vendor_;
    const ClientDialect* client_;
    const UpstreamDialect* upstream_;
};

// Runs one case wholly: its request, its reply whole and at every split that its size allows, its
// error. Reports differences as test failures. `client` follows from the path.
enum class Splits : uint8_t { every, few };
void check_exchange(const std::string& name, const Vendor& vendor, Splits splits = Splits::every);

}  // namespace sluice::providers::test
