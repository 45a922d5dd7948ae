// The checks of processors' settings ask the pipeline's own parsers.
#include "config/processor_checks.h"

#include <fmt/format.h>

#include "base/arena.h"
#include "base/error.h"
#include "config/checks.h"
#include "json/tree.h"
#include "pipeline/json_path.h"
#include "pipeline/processors/transform.h"
#include "pipeline/text_template.h"

namespace sluice::config {

std::string check_prompt_template(std::string_view text) {
    const auto parsed = pipeline::TextTemplate::parse(text);
    return parsed ? "" : fmt::format("is not a template: {}", parsed.error());
}

std::string check_json_path(std::string_view text) {
    const auto path = pipeline::JsonPath::parse(text);
    return path ? ""
                : fmt::format(
                      "{} is not a path such as \"metadata.team\" or \"messages[*].name\": {}",
                      in_quotes(text), path.error());
}

std::string check_json_edit(std::string_view path, std::string_view value) {
    if (std::string problem = check_json_path(path); !problem.empty()) {
        return problem;
    }
    Arena arena;
    const auto parsed = json::Value::parse(value, arena, ErrorSource::gateway);
    return parsed ? ""
                  : fmt::format(
                        "the value of {} is not JSON: {}; a text has its quotes inside, as "
                        "in '\"search\"'",
                        in_quotes(path), parsed.error().where);
}

std::string check_rename(std::string_view path, std::string_view name) {
    if (std::string problem = check_json_path(path); !problem.empty()) {
        return problem;
    }
    const auto from = pipeline::JsonPath::parse(path);
    const auto to = pipeline::JsonPath::parse(name);
    if (from->last().kind != pipeline::JsonPath::Segment::Kind::member) {
        return fmt::format("{} leads to an item; expected the path of a member", in_quotes(path));
    }
    if (!to || to->segments().size() != 1) {
        return fmt::format("{} is not the name of a member; expected one without a path",
                           in_quotes(name));
    }
    return "";
}

std::string check_clamp(std::string_view path, std::string_view range) {
    if (std::string problem = check_json_path(path); !problem.empty()) {
        return problem;
    }
    const auto parsed = pipeline::NumberRange::parse(range);
    return parsed ? ""
                  : fmt::format("the range of {} is {}; {}", in_quotes(path), in_quotes(range),
                                parsed.error());
}

}  // namespace sluice::config
