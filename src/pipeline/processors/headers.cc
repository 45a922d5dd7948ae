// The edits are known beforehand; the heads are written by whoever sends them.
#include "pipeline/processors/headers.h"

#include <string>
#include <vector>

#include "pipeline/header_edits.h"
#include "pipeline/processor.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

void edit(HeaderEdits& fields,
          const std::vector<upstream::HeaderOption>& set,
          const std::vector<upstream::HeaderOption>& add,
          const std::vector<std::string>& remove) {
    for (const std::string& name : remove) {
        fields.remove(name);
    }
    for (const upstream::HeaderOption& field : set) {
        fields.set(field.name, field.value);
    }
    for (const upstream::HeaderOption& field : add) {
        fields.add(field.name, field.value);
    }
}

}  // namespace

Verdict Headers::on_head(ProcessorContext& context) {
    edit(context.request_fields, options_.request_set, options_.request_add,
         options_.request_remove);
    edit(context.response_fields, options_.response_set, options_.response_add,
         options_.response_remove);
    return Verdict::proceed();
}

}  // namespace sluice::pipeline
