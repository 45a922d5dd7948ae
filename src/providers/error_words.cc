// The many forms in which providers say that something is wrong (protocols of OpenAI-compatible
// servers, section 1), read into one.
#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "providers/provider_error.h"

namespace sluice::providers {

namespace {

using json::Value;

// What a string means; a number or other scalar as it was written.
std::string_view plain(const Value& value, Arena& arena) {
    if (value.is_string()) {
        return json::unescape(value.text().raw, arena).value_or(value.text().raw);
    }
    return value.is_number() ? value.raw() : std::string_view();
}

std::string_view first_of(std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) {
        if (!text.empty()) {
            return text;
        }
    }
    return {};
}

// FastAPI: a text, or a list of complaints with a place and a message.
std::string_view read_detail(const Value& detail, Arena& arena) {
    if (!detail.is_array()) {
        return plain(detail, arena);
    }
    json::ArenaText text(arena, 128);
    for (const Value& complaint : detail) {
        const std::string_view message = plain(complaint["msg"], arena);
        if (message.empty()) {
            continue;
        }
        text.append(text.empty() ? "" : "; ");
        for (const Value& place : complaint["loc"]) {
            text.append(plain(place, arena));
            text.append(place.raw().data() == (complaint["loc"].begin())->raw().data() ? "." : " ");
        }
        text.append(message);
    }
    return text.view();
}

// The members of one object, under the names that one provider or another uses.
ErrorWords read_members(const Value& object, Arena& arena) {
    const Value& message = object["message"];
    ErrorWords words = {
        // Google says in `status` what others say in `type`.
        .type = first_of({plain(object["type"], arena),
                          object["status"].is_string() ? plain(object["status"], arena) : "",
                          plain(object["error_type"], arena), plain(object["__type"], arena)}),
        // TGI puts the status where others have a code.
        .code = first_of({plain(object["code"], arena), plain(object["http_status_code"], arena)}),
        .param = plain(object["param"], arena),
        // Mistral's complaints about fields are an object: better as it is than not at all.
        .message = message.is_object() ? message.raw() : plain(message, arena),
        .is_recognised = true,
    };
    if (words.message.empty()) {
        words.message =
            first_of({plain(object["Message"], arena), read_detail(object["detail"], arena),
                      plain(object["error"], arena), plain(object["msg"], arena)});
    }
    return words;
}

const Value& first_item(const Value& value) {
    return value.is_array() && value.size() > 0 ? *value.begin() : value;
}

}  // namespace

ErrorWords read_error_words(const Value& body, Arena& arena) {
    const Value& object = first_item(body);
    if (!object.is_object()) {
        return {};
    }
    const Value& error = object["error"];
    if (error.is_object()) {
        ErrorWords words = read_members(error, arena);
        words.type = first_of({words.type, plain(object["error_type"], arena)});
        return words;
    }
    if (error.is_string()) {
        // {"error":"text","error_type":T} and {"code":"x","error":"text"}.
        return {.type = plain(object["error_type"], arena),
                .code = plain(object["code"], arena),
                .message = plain(error, arena),
                .is_recognised = true};
    }
    const Value& errors = first_item(object["errors"]);
    if (errors.is_object()) {
        return read_members(errors, arena);
    }
    const ErrorWords words = read_members(object, arena);
    const bool says_something = !words.message.empty() && (object["object"].text() == "error" ||
                                                           !object["choices"].is_array());
    return says_something ? words : ErrorWords{};
}

ErrorWords read_error_words(std::string_view body, Arena& arena) {
    if (const Result<const Value*> tree = Value::parse(body, arena, ErrorSource::upstream)) {
        return read_error_words(**tree, arena);
    }
    // Some send a failure as an event although the response is none.
    const size_t data = body.find("data:");
    if (data != body.npos) {
        const std::string_view line = body.substr(data + 5, body.find('\n', data) - data - 5);
        if (const auto tree = Value::parse(line, arena, ErrorSource::upstream)) {
            return read_error_words(**tree, arena);
        }
    }
    return {};
}

std::optional<ErrorWords> read_aws_failure(std::string_view name,
                                           std::string_view data,
                                           Arena& arena) {
    constexpr std::string_view kException = "exception:";
    constexpr std::string_view kError = "error:";
    ErrorWords words;
    if (name.starts_with(kException)) {
        words = read_error_words(data, arena);
        words.type = name.substr(kException.size());
    } else if (name.starts_with(kError)) {
        words.type = name.substr(kError.size());
        words.message = data;
    } else {
        return std::nullopt;
    }
    return words;
}

}  // namespace sluice::providers
