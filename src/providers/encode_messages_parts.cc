// Content of a Messages request: texts, images, documents.
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/messages_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

void write_source(const Part& part, json::Writer& writer) {
    writer.key("source").begin_object().key("type");
    if (part.data.empty()) {
        writer.string("url").key("url").text(part.url.raw);
    } else {
        writer.string("base64").key("media_type").text(part.media_type.raw);
        writer.key("data").text(part.data.raw);
    }
    writer.end_object();
}

Status check_source(const Part& part,
                    const Capabilities& capabilities,
                    std::string_view place,
                    Translation& translation) {
    if (!part.file_id.empty()) {
        return translation.refuse(place, "A file id is known only to the service that gave it.");
    }
    if (part.data.empty() && (part.url.empty() || !capabilities.image_urls)) {
        return translation.refuse(place, "This content has to be sent as base64 data.");
    }
    return {};
}

Status write_image(const Part& part,
                   const Target& target,
                   std::string_view place,
                   Translation& translation,
                   json::Writer& writer) {
    if (!target.capabilities().vision) {
        return translation.refuse(place, "The model does not take images.");
    }
    TRY_VOID(check_source(part, target.capabilities(), place, translation));
    if (!part.detail.empty()) {
        TRY_VOID(translation.drop("detail"));
    }
    writer.key("type").string("image");
    write_source(part, writer);
    return {};
}

Status write_document(const Part& part,
                      const Target& target,
                      std::string_view place,
                      Translation& translation,
                      json::Writer& writer) {
    const bool is_pdf = part.media_type.empty() || part.media_type == "application/pdf";
    if (!target.capabilities().files || !is_pdf) {
        return translation.refuse(place, "The model takes no files of this type.");
    }
    TRY_VOID(check_source(part, target.capabilities(), place, translation));
    Part document = part;
    document.media_type = {"application/pdf"};
    writer.key("type").string("document");
    write_source(document, writer);
    if (!part.file_name.empty()) {
        writer.key("title").text(part.file_name.raw);
    }
    return {};
}

}  // namespace

Status write_messages_part(const Part& part,
                           std::string_view cache_control,
                           const Target& target,
                           std::string_view place,
                           Translation& translation,
                           json::Writer& writer) {
    writer.begin_object();
    switch (part.type) {
        case PartType::text:
            writer.key("type").string("text").key("text").text(part.text.raw);
            break;
        case PartType::image:
            TRY_VOID(write_image(part, target, place, translation, writer));
            break;
        case PartType::file:
            TRY_VOID(write_document(part, target, place, translation, writer));
            break;
        case PartType::audio:
            return translation.refuse(place, "The model does not take audio.");
    }
    if (!cache_control.empty()) {
        writer.key("cache_control").raw(cache_control);
    }
    writer.end_object();
    return {};
}

bool is_blank(json::Text text) {
    const std::string_view raw = text.raw;
    for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == ' ') {
            continue;
        }
        // Other white space can only stand there escaped, by a letter or by its number.
        constexpr std::string_view kLetters = "nrtf";
        if (raw[i] == '\\' && kLetters.contains(raw[i + 1])) {
            ++i;
            continue;
        }
        const std::string_view number = raw.substr(i, 6);
        if (number != "\\u0020" && number != "\\u0009" && number != "\\u000a" &&
            number != "\\u000A" && number != "\\u000d" && number != "\\u000D") {
            return false;
        }
        i += 5;
    }
    return true;
}

}  // namespace sluice::providers
