// Decoding a Responses request: the content of an item, a text or a list of parts.
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/data_url.h"
#include "providers/request_fields.h"
#include "providers/responses_input.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

// Reads the parts of one item.
class PartReader {
public:
    PartReader(Translation& translation, std::string_view member, size_t index)
        : translation_(translation), member_(member), index_(index) {}

    Status read(const Value& value, size_t position, Message& message, Part& part);

private:
    Arena& arena() { return translation_.arena(); }
    // Of a member of the part; spelled out only when something is wrong there.
    Place place(std::string_view key) {
        return {arena().join({"input[#].", member_, "[#].", key}), index_, position_};
    }
    Result<Text> required(const Value& value, std::string_view key) {
        return value[key].is_string() ? Result<Text>(value[key].text())
                                      : wrong_type(translation_, place(key), "a string");
    }
    Result<Text> optional(const Value& value, std::string_view key) {
        return value[key].is_nothing() ? Result<Text>(Text()) : required(value, key);
    }

    Status read_image(const Value& value, Part& part);
    Status read_file(const Value& value, Part& part);

    Translation& translation_;
    std::string_view member_;
    size_t index_;
    size_t position_ = 0;
};

Status PartReader::read_image(const Value& value, Part& part) {
    part.type = PartType::image;
    TRY(part.detail, optional(value, "detail"));
    TRY(part.file_id, optional(value, "file_id"));
    TRY(part.url, optional(value, "image_url"));
    // Ids belong to the service that keeps the file.
    if (part.url.empty()) {
        return part.file_id.empty()
                   ? Status(wrong_type(translation_, place("image_url"), "a string"))
                   : Status(translation_.refuse(
                         translation_.path(place("file_id").format, index_, position_),
                         "Images that are known by an id cannot be sent to this model's "
                         "provider."));
    }
    part.file_id = {};
    if (!is_data_url(part.url)) {
        return {};
    }
    DataUrl parts;
    if (!parse_data_url(part.url, arena(), parts) || parts.media_type.empty()) {
        return wrong_value(translation_, place("image_url"),
                           "The image is not a base64 data URL of a known type.");
    }
    part.url = {};
    part.media_type = parts.media_type;
    part.data = parts.data;
    return {};
}

Status PartReader::read_file(const Value& value, Part& part) {
    part.type = PartType::file;
    TRY(part.file_name, optional(value, "filename"));
    TRY(part.file_id, optional(value, "file_id"));
    TRY(part.url, optional(value, "file_url"));
    TRY(part.data, optional(value, "file_data"));
    if (part.data.empty()) {
        return part.file_id.empty() && part.url.empty()
                   ? Status(wrong_value(translation_, place("file_data"),
                                        "A file needs one of file_data, file_url and file_id."))
                   : Status();
    }
    part.url = {};
    part.file_id = {};
    DataUrl parts = {.media_type = {sniff_media_type(part.data)}, .data = part.data};
    if (is_data_url(part.data) && !parse_data_url(part.data, arena(), parts)) {
        return wrong_value(translation_, place("file_data"), "The file is not a base64 data URL.");
    }
    part.media_type = parts.media_type;
    part.data = parts.data;
    return {};
}

Status PartReader::read(const Value& value, size_t position, Message& message, Part& part) {
    position_ = position;
    const Text type = value["type"].text();
    if (type == "input_text" || type == "output_text") {
        TRY(part.text, required(value, "text"));
        return {};
    }
    if (type == "input_image") {
        return read_image(value, part);
    }
    if (type == "input_file") {
        return read_file(value, part);
    }
    if (type == "refusal" && message.role == Role::assistant) {
        TRY(message.refusal, required(value, "refusal"));
        return {};
    }
    return wrong_value(
        translation_, place("type"),
        "A part of an item's content is an input_text, output_text, input_image or input_file.");
}

}  // namespace

Status read_responses_content(const Value& content,
                              std::string_view member,
                              size_t index,
                              Translation& translation,
                              Message& message) {
    Arena& arena = translation.arena();
    if (content.is_string()) {
        const std::span<Part> parts = arena.allocate_array<Part>(1);
        parts[0].text = content.text();
        message.parts = parts;
        message.is_plain = true;
        return {};
    }
    if (!content.is_array()) {
        return wrong_type(translation, {arena.join({"input[#].", member}), index},
                          "a string or an array of parts");
    }
    const std::span<Part> parts = arena.allocate_array<Part>(content.size());
    PartReader reader(translation, member, index);
    size_t used = 0;
    size_t position = 0;
    for (const Value& value : content) {
        TRY_VOID(reader.read(value, position, message, parts[used]));
        // A refusal went to the message.
        used += value["type"].text() == "refusal" ? 0 : 1;
        ++position;
    }
    message.parts = parts.first(used);
    return {};
}

}  // namespace sluice::providers
