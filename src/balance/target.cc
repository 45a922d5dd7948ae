// Names of capabilities, as settings and refusals say them.
#include "balance/target.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::balance {

namespace {

struct Named {
    uint32_t bit;
    std::string_view name;
};

constexpr Named kCapabilities[] = {
    {kTools, "tools"},         {kParallelTools, "parallel_tools"},
    {kImages, "images"},       {kJsonSchema, "json_schema"},
    {kReasoning, "reasoning"}, {kStreaming, "streaming"},
    {kAudio, "audio"},         {kDocuments, "documents"},
};

}  // namespace

uint32_t capability_named(std::string_view name) {
    for (const Named& capability : kCapabilities) {
        if (capability.name == name) {
            return capability.bit;
        }
    }
    return 0;
}

std::string names_of_capabilities(uint32_t bits) {
    std::string names;
    for (const Named& capability : kCapabilities) {
        if ((bits & capability.bit) != 0) {
            names += names.empty() ? "" : ", ";
            names += capability.name;
        }
    }
    return names;
}

}  // namespace sluice::balance
