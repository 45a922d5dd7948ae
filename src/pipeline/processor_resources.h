// What the processors of a shard may use besides their options. What it leads to outlives the
// snapshot.
//
// Handed to the factory of each type; a type that needs something of the shard adds it here.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "access/scope_set.h"
#include "pipeline/llm_target.h"

namespace sluice::cache {
class KeyMaker;
class SharedCache;
}  // namespace sluice::cache

namespace sluice::pipeline {

// What processors count for themselves, by the processor's name.
using ScopeSets = std::map<std::string, access::ScopeSetPtr, std::less<>>;

struct ProcessorResources {
    std::span<const LlmTarget> llms = {};  // Only while steps are compiled; targets are copied.
    const ScopeSets* scopes = nullptr;
    cache::SharedCache* cache = nullptr;  // Null: there is none.
    const cache::KeyMaker* cache_keys = nullptr;

    // Null when the processor counts nothing of its own.
    access::ScopeSet* find_scopes(std::string_view processor) const;
};

}  // namespace sluice::pipeline
