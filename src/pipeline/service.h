// Service: an upstream's provider as it was configured: the row of the table of vendors with the
// configuration's changes, and what requests for it need.
//
// Immutable, part of the snapshot; it must not move, because targets and vendors look into it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/local_ptr.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "json/writer.h"
#include "pipeline/aws_role.h"
#include "pipeline/bearer_token.h"
#include "pipeline/client_call.h"
#include "pipeline/credential_keeper.h"
#include "providers/aws_credentials.h"
#include "providers/sigv4.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::pipeline {

// The provider's row with the configuration's changes. Texts look into `options`.
providers::Vendor configured_vendor(const upstream::UpstreamOptions& options);

class Service {
public:
    // `options` and `keys` must outlive it, as the snapshot does. What `before`, which may be null,
    // has fetched for the very same upstream stays good.
    Service(const upstream::UpstreamOptions& options,
            upstream::KeyRing& keys,
            const Service* before = nullptr);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    const upstream::UpstreamOptions& options() const { return options_; }
    const providers::Vendor& vendor() const { return vendor_; }
    // What a file of prices puts before the names of its models.
    std::span<const std::string_view> price_prefixes() const { return price_prefixes_; }

    // The reply can go to the client as it comes, and the request to the upstream.
    bool relays(const ClientCall& call) const;
    // It can be asked at all.
    bool can_serve(const ClientCall& call) const;
    // Asks streams for their usage on its own account.
    bool asks_for_usage() const { return asks_for_usage_; }

    // Its paths are not simply the client's.
    bool has_own_paths() const;
    // Path and query below the base URL, in the arena; empty when there is no such operation.
    std::string_view path(providers::Operation operation,
                          std::string_view model,
                          bool is_stream,
                          Arena& arena) const;
    // The headers that every request of the provider carries, `key` included, if there is one. A
    // field that the client may set itself is left out where `from_client` has it.
    void add_fields(ArenaList<providers::HeaderLine>& to, const upstream::Key* key) const;
    void write_fields(http::HeadWriter& writer,
                      const upstream::Key* key,
                      const http::HeaderMap* from_client) const;

    // What AWS wants to see signed.
    struct Signing {
        std::string_view method;
        std::string_view target;  // Path and query as they go on the wire.
        std::string_view host;
        std::string_view body;
        int64_t now_s;  // Since 1970.
    };
    // Writes the signature, where the provider wants one; each try is signed anew.
    void write_signature(http::HeadWriter& writer, const Signing& signing, Arena& arena) const;
    // The same for a request whose headers are a list.
    void add_signature(ArenaList<providers::HeaderLine>& to,
                       const Signing& signing,
                       Arena& arena) const;

    // The keys of the configuration; empty for services without, or with credentials of another
    // kind.
    upstream::KeyRing& keys() const { return keys_; }

    // What hands out the credentials that end; null for all others.
    CredentialKeeper* credentials() const;

    providers::Target target(std::string_view model, bool is_stream) const;
    providers::UnsupportedPolicy policy() const { return policy_; }
    uint32_t reply_bytes_max() const { return options_.vendor.reply_bytes_max; }

private:
    void make_keeper();
    bool sends_bearer() const;
    template <class Add>
    void each_signature_field(const Signing& signing, Arena& arena, const Add& add) const;
    template <class Add>
    void each_field(const upstream::Key* key,
                    const http::HeaderMap* from_client,
                    const Add& add) const;

    const upstream::UpstreamOptions& options_;
    providers::Vendor vendor_;
    std::span<const std::string_view> price_prefixes_;
    upstream::KeyRing& keys_;
    LocalPtr<BearerToken> bearer_;
    LocalPtr<AwsRole> aws_role_;
    providers::AwsCredentials aws_;        // That do not end.
    mutable providers::SigV4Key aws_key_;  // Of the day.
    providers::UnsupportedPolicy policy_;
    bool asks_for_usage_;
};

}  // namespace sluice::pipeline
