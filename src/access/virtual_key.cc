// Secrets are drawn by rejection: a byte that would favour some characters is thrown away.
#include "access/virtual_key.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <string.h>

#include "access/money.h"
#include "access/options.h"
#include "base/secret.h"
#include "crypto/digest.h"

namespace sluice::access {

namespace {

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kDisplayChars = kSecretPrefix.size() + 4;
constexpr size_t kNameBytesMax = 128;

// Takes `count` characters off the front of `random`; false when it ran out.
bool draw(std::span<const uint8_t>& random, size_t count, std::string& to) {
    constexpr size_t kFair = 256 / kAlphabet.size() * kAlphabet.size();
    while (count > 0) {
        if (random.empty()) {
            return false;
        }
        if (random[0] < kFair) {
            to += kAlphabet[random[0] % kAlphabet.size()];
            --count;
        }
        random = random.subspan(1);
    }
    return true;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameBytesMax &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

void check_patterns(std::span<const std::string> patterns,
                    std::string_view field,
                    std::vector<std::string>& problems) {
    if (patterns.size() > kPatternsMax) {
        problems.push_back(fmt::format("{} must have at most {} entries", field, kPatternsMax));
    }
    for (const std::string& pattern : patterns) {
        const size_t star = pattern.find('*');
        if (pattern.empty() || pattern.size() > kTextBytesMax ||
            (star != std::string::npos && star + 1 != pattern.size())) {
            problems.push_back(
                fmt::format("{} must be names, or beginnings with one '*' at the end, not \"{}\"",
                            field, pattern));
        }
    }
}

struct Bound {
    std::string_view name;
    int64_t value;
    int64_t max;
};

}  // namespace

std::optional<NewSecret> make_secret(std::span<const uint8_t> random) {
    // Reserved, so that no grown copy of it is left behind.
    std::string text;
    text.reserve(kSecretPrefix.size() + kSecretRandomChars + 1);
    text = kSecretPrefix;
    NewSecret made = {.secret = {}, .id = std::string(kIdPrefix)};
    const bool is_whole = draw(random, kSecretRandomChars, text);
    made.secret = Secret(text);
    explicit_bzero(text.data(), text.size());
    if (!is_whole || !draw(random, kIdRandomChars, made.id)) {
        return std::nullopt;
    }
    return made;
}

crypto::Sha256 hash_secret(std::string_view secret) {
    return crypto::sha256(secret);
}

std::string display_of(std::string_view secret) {
    const bool is_ours = secret.starts_with(kSecretPrefix) &&
                         secret.size() >= kSecretPrefix.size() + kSecretRandomChars;
    return is_ours ? std::string(secret.substr(0, kDisplayChars)) : "";
}

bool allows(std::span<const std::string> patterns, std::string_view name) {
    return patterns.empty() || std::ranges::any_of(patterns, [&](std::string_view pattern) {
               return pattern.ends_with('*')
                          ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                          : name == pattern;
           });
}

std::vector<std::string> problems_of(const LimitOptions& limits, const BudgetOptions& budget) {
    const Bound bounds[] = {
        {"requests_per_minute", limits.requests_per_minute, kRateLimitMax},
        {"requests_per_hour", limits.requests_per_hour, kRateLimitMax},
        {"requests_per_day", limits.requests_per_day, kRateLimitMax},
        {"tokens_per_minute", limits.tokens_per_minute, kRateLimitMax},
        {"tokens_per_hour", limits.tokens_per_hour, kRateLimitMax},
        {"tokens_per_day", limits.tokens_per_day, kRateLimitMax},
        {"requests_burst", limits.requests_burst, kRateLimitMax},
        {"tokens_burst", limits.tokens_burst, kRateLimitMax},
        {"concurrency_max", limits.concurrency_max, kConcurrencyMax},
    };
    std::vector<std::string> problems;
    for (const Bound& bound : bounds) {
        if (bound.value < 0 || bound.value > bound.max) {
            problems.push_back(fmt::format("limits.{} must be a whole number from 0 to {}, not {}",
                                           bound.name, bound.max, bound.value));
        }
    }
    if (limits.requests_burst > 0 && limits.requests_per_minute == 0) {
        problems.emplace_back("limits.requests_burst needs limits.requests_per_minute");
    }
    if (limits.tokens_burst > 0 && limits.tokens_per_minute == 0) {
        problems.emplace_back("limits.tokens_burst needs limits.tokens_per_minute");
    }
    for (const Bound& bound : {Bound{"usd", budget.hard_picodollars, kPicodollarsMax},
                               Bound{"soft_usd", budget.soft_picodollars, kPicodollarsMax}}) {
        if (bound.value < 0 || bound.value > bound.max) {
            problems.push_back(fmt::format("budget.{} must be from 0 to {} dollars, not {}",
                                           bound.name, kDollarsMax, format_dollars(bound.value)));
        }
    }
    if (budget.hard_picodollars > 0 && budget.soft_picodollars > budget.hard_picodollars) {
        problems.emplace_back("budget.soft_usd must not be more than budget.usd");
    }
    return problems;
}

std::vector<std::string> problems_of(const KeyRecord& record) {
    std::vector<std::string> problems = problems_of(record.limits, record.budget);
    if (!is_name(record.name)) {
        problems.push_back(
            fmt::format("name must be 1 to {} visible ASCII characters without quotes, not \"{}\"",
                        kNameBytesMax, record.name));
    }
    if (!record.tenant.empty() && !is_name(record.tenant)) {
        problems.push_back(
            fmt::format("tenant must be the name of a tenant, not \"{}\"", record.tenant));
    }
    check_patterns(record.models, "models", problems);
    check_patterns(record.routes, "routes", problems);
    if (record.expires_at_s < 0) {
        problems.emplace_back("expires_at must be after 1970");
    }
    const bool has_long = std::ranges::any_of(record.metadata, [](const auto& entry) {
        return entry.first.empty() || entry.first.size() > kTextBytesMax ||
               entry.second.size() > kTextBytesMax;
    });
    if (has_long || record.metadata.size() > kMetadataMax) {
        problems.push_back(fmt::format("metadata must be at most {} texts of at most {} bytes",
                                       kMetadataMax, kTextBytesMax));
    }
    return problems;
}

}  // namespace sluice::access
