// Cores, descriptors, randomness.
#include "server/machine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

namespace sluice::server {

std::vector<uint32_t> usable_cores() {
    std::vector<uint32_t> cores;
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (uint32_t core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &set)) {
                cores.push_back(core);
            }
        }
    }
    if (cores.empty()) {
        cores.push_back(0);
    }
    return cores;
}

void raise_descriptor_limit(uint64_t wanted) {
    rlimit limit = {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    const rlimit higher = {.rlim_cur = wanted,
                           .rlim_max = std::max<rlim_t>(limit.rlim_max, wanted)};
    if (::setrlimit(RLIMIT_NOFILE, &higher) != 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

uint64_t random_seed() {
    uint64_t seed = 0;
    if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
        seed = static_cast<uint64_t>(::getpid());
    }
    return seed;
}

bool fill_random(std::span<uint8_t> bytes) {
    // Up to 256 bytes come at once or not at all.
    constexpr size_t kPieceBytes = 256;
    while (!bytes.empty()) {
        const size_t wanted = std::min(bytes.size(), kPieceBytes);
        if (::getrandom(bytes.data(), wanted, 0) != static_cast<ssize_t>(wanted)) {
            return false;
        }
        bytes = bytes.subspan(wanted);
    }
    return true;
}

std::string system_text(const Error& error) {
    return std::error_code(error.os_errno, std::generic_category()).message();
}

}  // namespace sluice::server
