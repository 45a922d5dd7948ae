// RemoteFetch: the files that a request names by URL, fetched for providers that want their bytes.
//
// Where they lie is the client's choice, so nothing is taken for granted: https, public addresses
// at every hop (upstream::Reach), few redirects, the expected media type, and limits of size and
// time. What fails is the client's mistake, told in words that say nothing about our network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/web_url.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "pipeline/fetch.h"
#include "pipeline/options.h"
#include "pipeline/remote_hosts.h"
#include "providers/canonical.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

// More than this many in one request are refused.
inline constexpr size_t kRemotePartsMax = 16;

struct RemoteFile {
    std::string media_type;  // Lower-case, without parameters.
    std::string base64;
};

class RemoteFetch final : private upstream::Patience {
public:
    // Waits as `exchange` does, and gives up with it.
    RemoteFetch(net::Proactor& proactor,
                RemoteHosts& hosts,
                const RemoteContentOptions& options,
                upstream::Patience& exchange);

    // One file, of at most `bytes_max` bytes. `url` is plain. An error that concerns_client() is
    // about the URL or what was found there.
    coro::Task<Result<RemoteFile>> run(providers::PartType type,
                                       std::string_view url,
                                       uint64_t bytes_max);

    static bool concerns_client(const Error& error);
    // Why, in words for the client.
    static std::string reason(const Error& error);

private:
    coro::Signal& signal() override { return exchange_.signal(); }
    std::optional<Error> reason_to_stop() override;
    coro::Task<Result<FetchedReply>> follow(std::string_view url, const FetchRequest& how);
    coro::Task<Result<FetchedReply>> get(const http::WebUrl& url, FetchRequest request);

    net::Proactor& proactor_;
    RemoteHosts& hosts_;
    const RemoteContentOptions& options_;
    upstream::Patience& exchange_;
    net::Deadline deadline_;
};

}  // namespace sluice::pipeline
