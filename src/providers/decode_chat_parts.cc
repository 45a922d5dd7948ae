// Decoding a chat request: the content of a message, a text or a list of parts.
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/data_url.h"
#include "providers/decode_chat.h"
#include "providers/request_fields.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Value;

namespace {

// Reads one part; `at` is where it stands.
class PartDecoder {
public:
    PartDecoder(Translation& translation, size_t message, size_t part)
        : translation_(translation), message_(message), part_(part) {}

    Status decode(const Value& value, Message& message, Part& part);

private:
    Place place(std::string_view format) const { return {format, message_, part_}; }

    Status decode_text(const Value& value, Part& part);
    Status decode_image(const Value& image, Part& part);
    Status decode_audio(const Value& audio, Part& part);
    Status decode_file(const Value& file, Part& part);

    Translation& translation_;
    size_t message_;
    size_t part_;
};

Status PartDecoder::decode_text(const Value& value, Part& part) {
    part.type = PartType::text;
    TRY(part.text,
        required_text(translation_, place("messages[#].content[#].text"), value["text"]));
    return {};
}

Status PartDecoder::decode_image(const Value& image, Part& part) {
    part.type = PartType::image;
    // Some clients write the URL without the object around it.
    const Value& url = image.is_object() ? image["url"] : image;
    TRY(part.url, required_text(translation_, place("messages[#].content[#].image_url.url"), url));
    TRY(part.detail, optional_text(translation_, place("messages[#].content[#].image_url.detail"),
                                   image["detail"]));
    if (!is_data_url(part.url)) {
        return {};
    }
    DataUrl parts;
    if (!parse_data_url(part.url, translation_.arena(), parts) || parts.media_type.empty()) {
        return wrong_value(translation_, place("messages[#].content[#].image_url.url"),
                           "The image is not a base64 data URL of a known type.");
    }
    part.url = {};
    part.media_type = parts.media_type;
    part.data = parts.data;
    return {};
}

Status PartDecoder::decode_audio(const Value& audio, Part& part) {
    part.type = PartType::audio;
    TRY(part.data, required_text(translation_, place("messages[#].content[#].input_audio.data"),
                                 audio["data"]));
    TRY(const json::Text format,
        required_text(translation_, place("messages[#].content[#].input_audio.format"),
                      audio["format"]));
    part.media_type = {translation_.arena().join({"audio/", format.raw})};
    return {};
}

Status PartDecoder::decode_file(const Value& file, Part& part) {
    part.type = PartType::file;
    TRY(part.file_id,
        optional_text(translation_, place("messages[#].content[#].file.file_id"), file["file_id"]));
    TRY(part.file_name, optional_text(translation_, place("messages[#].content[#].file.filename"),
                                      file["filename"]));
    TRY(part.data, optional_text(translation_, place("messages[#].content[#].file.file_data"),
                                 file["file_data"]));
    if (part.data.empty() && part.file_id.empty()) {
        return wrong_value(translation_, place("messages[#].content[#].file"),
                           "A file needs either file_data or file_id.");
    }
    if (part.data.empty()) {
        return {};
    }
    DataUrl parts = {.media_type = {sniff_media_type(part.data)}, .data = part.data};
    if (is_data_url(part.data) && !parse_data_url(part.data, translation_.arena(), parts)) {
        return wrong_value(translation_, place("messages[#].content[#].file.file_data"),
                           "The file is not a base64 data URL.");
    }
    part.media_type = parts.media_type;
    part.data = parts.data;
    return {};
}

Status PartDecoder::decode(const Value& value, Message& message, Part& part) {
    if (!value.is_object()) {
        return wrong_type(translation_, place("messages[#].content[#]"), "an object");
    }
    TRY(part.cache_control,
        optional_object(translation_, place("messages[#].content[#].cache_control"),
                        value["cache_control"]));
    const json::Text type = value["type"].text();
    if (type == "text") {
        return decode_text(value, part);
    }
    if (type == "image_url") {
        return decode_image(value["image_url"], part);
    }
    if (type == "input_audio") {
        return decode_audio(value["input_audio"], part);
    }
    if (type == "file") {
        return decode_file(value["file"], part);
    }
    if (type == "refusal" && message.role == Role::assistant) {
        TRY(message.refusal,
            required_text(translation_, place("messages[#].content[#].refusal"), value["refusal"]));
        return {};
    }
    return wrong_value(translation_, place("messages[#].content[#].type"),
                       "A part of a message's content is a text, image_url, input_audio or file.");
}

}  // namespace

Status decode_chat_content(const Value& content,
                           size_t index,
                           Translation& translation,
                           Message& message) {
    if (content.is_nothing()) {
        return {};
    }
    if (content.is_string()) {
        const std::span<Part> parts = translation.arena().allocate_array<Part>(1);
        parts[0].text = content.text();
        message.parts = parts;
        message.is_plain = true;
        return {};
    }
    if (!content.is_array()) {
        return wrong_type(translation, {"messages[#].content", index},
                          "a string or an array of parts");
    }
    const std::span<Part> parts = translation.arena().allocate_array<Part>(content.size());
    size_t used = 0;
    size_t position = 0;
    for (const Value& item : content) {
        TRY_VOID(PartDecoder(translation, index, position).decode(item, message, parts[used]));
        // A refusal went to the message.
        used += item["type"].text() == "refusal" ? 0 : 1;
        ++position;
    }
    message.parts = parts.first(used);
    return {};
}

}  // namespace sluice::providers
