// Types are checked here, so that the gateway and the upstream cannot read a value differently.
#include "pipeline/request_fields.h"

#include <cstddef>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/field_watch.h"
#include "json/splice.h"
#include "json/unescape.h"

namespace sluice::pipeline {

namespace {

// A model name is a short text; some carry an account's path.
constexpr uint16_t kModelBytesMax = 256;

constexpr json::WatchList kWatchList = {
    {.path = "model", .text_bytes_max = kModelBytesMax},
    {.path = "stream", .text_bytes_max = 0},
    {.path = "stream_options", .text_bytes_max = 0},
    {.path = "stream_options/include_usage", .text_bytes_max = 0},
    {.path = "service_tier", .text_bytes_max = 0},
};

std::unexpected<Error> wrong_type(const char* where) {
    return fail({.kind = ErrorKind::invalid_field, .source = ErrorSource::client, .where = where});
}

bool is_null_or_absent(const json::Field& field) {
    return !field.is_present() || field.type == json::ValueType::null;
}

Result<bool> read_bool(const json::Field& field, const char* wrong) {
    if (is_null_or_absent(field)) {
        return false;
    }
    if (field.type == json::ValueType::boolean_true) {
        return true;
    }
    if (field.type == json::ValueType::boolean_false) {
        return false;
    }
    return wrong_type(wrong);
}

json::Field field_of(const json::FieldWatch& watch, RequestField which) {
    return watch.field(static_cast<size_t>(which));
}

}  // namespace

const json::WatchList& request_watch_list() {
    return kWatchList;
}

Result<RequestFields> read_request_fields(const json::FieldWatch& watch, Arena& arena) {
    RequestFields fields;
    fields.model_field = field_of(watch, RequestField::model);
    if (!is_null_or_absent(fields.model_field)) {
        if (fields.model_field.type != json::ValueType::string) {
            return wrong_type("'model' must be a string");
        }
        if (!fields.model_field.has_text) {
            return wrong_type("'model' must not be longer than 256 bytes");
        }
        TRY(fields.model, json::unescape(arena.copy(fields.model_field.text), arena));
    }
    TRY(fields.stream,
        read_bool(field_of(watch, RequestField::stream), "'stream' must be true or false"));
    const json::Field options = field_of(watch, RequestField::stream_options);
    if (!is_null_or_absent(options) && options.type != json::ValueType::object) {
        return wrong_type("'stream_options' must be an object");
    }
    TRY(fields.include_usage, read_bool(field_of(watch, RequestField::include_usage),
                                        "'stream_options.include_usage' must be true or false"));
    fields.wants_tier = field_of(watch, RequestField::service_tier).type == json::ValueType::string;
    return fields;
}

void ask_for_usage(const json::FieldWatch& watch, size_t object_begin, json::Splice& splice) {
    const json::Field options = field_of(watch, RequestField::stream_options);
    const json::Field usage = field_of(watch, RequestField::include_usage);
    if (usage.is_present()) {
        splice.replace(usage, "true");
    } else if (options.type == json::ValueType::object) {
        splice.insert_first(options.begin + 1, R"("include_usage":true)");
    } else if (options.is_present()) {
        splice.replace(options, R"({"include_usage":true})");
    } else {
        splice.insert_first(object_begin, R"("stream_options":{"include_usage":true})");
    }
}

}  // namespace sluice::pipeline
