// Images, documents and audio as blocks of Converse, which wants their bytes and a format of its
// own names; and marks of prefixes that are to be kept.
#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/converse_request.h"
#include "providers/request_limits.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

struct Format {
    std::string_view subtype;
    std::string_view name;
};

constexpr Format kImageFormats[] = {
    {"jpeg", "jpeg"}, {"png", "png"}, {"gif", "gif"}, {"webp", "webp"}};

constexpr Format kDocumentFormats[] = {
    {"pdf", "pdf"},
    {"csv", "csv"},
    {"msword", "doc"},
    {"vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    {"vnd.ms-excel", "xls"},
    {"vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {"html", "html"},
    {"plain", "txt"},
    {"markdown", "md"},
};

constexpr Format kAudioFormats[] = {{"wav", "wav"}, {"mp3", "mp3"},   {"mpeg", "mp3"},
                                    {"ogg", "ogg"}, {"flac", "flac"}, {"aac", "aac"}};

template <size_t N>
std::string_view format_of(Text media_type, const Format (&formats)[N]) {
    const std::string_view subtype = media_type.raw.substr(media_type.raw.rfind('/') + 1);
    const auto* const found = std::ranges::find(formats, subtype, &Format::subtype);
    return found == std::end(formats) ? std::string_view() : found->name;
}

bool is_allowed_in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-()[]").contains(c);
}

// Only some characters may stand in a document's name, and two documents may not share one.
std::string_view document_name(Text file_name, size_t number, Arena& arena) {
    constexpr size_t kBytesMax = 180;  // Of 200; the rest is for the number.
    json::ArenaText name(arena, file_name.raw.size() + 32);
    for (const char c : file_name.raw.substr(0, kBytesMax)) {
        if (is_allowed_in_name(c)) {
            name.append(c);
        } else if (!name.empty() && name.back() != ' ') {
            name.append(' ');
        }
    }
    if (name.empty()) {
        name.append("document");
    }
    if (number > 1) {
        name.append(name.back() == ' ' ? "" : " ");
        constexpr size_t kDigitsMax = 20;
        name.commit(write_decimal(number, name.room(kDigitsMax)));
    }
    const std::string_view made = name.view();
    return made.back() == ' ' ? made.substr(0, made.size() - 1) : made;
}

void write_source(std::string_view format, Text data, json::Writer& writer) {
    writer.key("format").string(format).key("source").begin_object();
    writer.key("bytes").text(data.raw).end_object();
}

std::unexpected<Error> refuse_type(Translation& translation, std::string_view place) {
    return translation.refuse(place, "The model's provider does not take files of this type.");
}

Status write_image(const Part& part,
                   std::string_view place,
                   Translation& translation,
                   json::Writer& writer) {
    const std::string_view format = format_of(part.media_type, kImageFormats);
    if (part.data.empty()) {
        return refuse_remote_image(translation, place);
    }
    if (format.empty()) {
        return refuse_type(translation, place);
    }
    writer.begin_object().key("image").begin_object();
    write_source(format, part.data, writer);
    writer.end_object().end_object();
    return {};
}

Status write_document(const Part& part,
                      std::string_view place,
                      size_t& document,
                      Translation& translation,
                      json::Writer& writer) {
    const std::string_view format = format_of(part.media_type, kDocumentFormats);
    if (part.data.empty() || format.empty()) {
        return refuse_type(translation, place);
    }
    writer.begin_object()
        .key("document")
        .begin_object()
        .key("name")
        .string(document_name(part.file_name, ++document, translation.arena()));
    write_source(format, part.data, writer);
    writer.end_object().end_object();
    return {};
}

Status write_audio(const Part& part,
                   const ConversePlan& plan,
                   std::string_view place,
                   Translation& translation,
                   json::Writer& writer) {
    const std::string_view format = format_of(part.media_type, kAudioFormats);
    const bool hears = plan.family == BedrockFamily::nova || plan.family == BedrockFamily::nova_2;
    if (part.data.empty() || format.empty() || !hears) {
        return refuse_type(translation, place);
    }
    writer.begin_object().key("audio").begin_object();
    write_source(format, part.data, writer);
    writer.end_object().end_object();
    return {};
}

}  // namespace

Status write_converse_part(const Part& part,
                           const ConversePlan& plan,
                           std::string_view place,
                           size_t& document,
                           Translation& translation,
                           json::Writer& writer) {
    switch (part.type) {
        case PartType::image:
            return write_image(part, place, translation, writer);
        case PartType::audio:
            return write_audio(part, plan, place, translation, writer);
        case PartType::file:
            return write_document(part, place, document, translation, writer);
        case PartType::text:
            break;
    }
    writer.begin_object().key("text").text(part.text.raw).end_object();
    return {};
}

Status write_cache_point(std::string_view cache_control,
                         const ConversePlan& plan,
                         Translation& translation,
                         json::Writer& writer) {
    if (cache_control.empty()) {
        return {};
    }
    if (!plan.takes_cache_points) {
        return translation.drop("cache_control");
    }
    writer.begin_object().key("cachePoint").begin_object().key("type").string("default");
    const auto tree = json::Value::parse(cache_control, translation.arena(), ErrorSource::client);
    if (tree && plan.is_claude() && !(**tree)["ttl"].text().empty()) {
        writer.key("ttl").text((**tree)["ttl"].text().raw);
    }
    writer.end_object().end_object();
    return {};
}

}  // namespace sluice::providers
