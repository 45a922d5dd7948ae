// Members are sorted only where an order means nothing: at the top, in messages and in their parts.
// Below that the order stays, because a schema's order is the order in which a model answers, and
// arguments of a call are part of the prompt as they stand.
#include "cache/cache_key.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/tree.h"

namespace sluice::cache {

namespace {

// Changes with the form of the text, so that entries of a file of another form are not found.
constexpr std::string_view kForm = "sluice-key-1\n";
constexpr size_t kFields = 5;
constexpr size_t kTenantField = 2;
constexpr size_t kModelField = 3;
// Digits of a length and what ends it.
constexpr size_t kLengthBytesMax = 21;
// A text that needs less of its memory than this part gives the rest back.
constexpr size_t kSlackPart = 16;

// Each with its reason. Everything that is not here is part of the key, known or not.
constexpr auto kLeftOut = std::to_array<std::string_view>({
    "cache_enabled",           // The client's word to us about this very cache.
    "client_metadata",         // Returned or logged, never read by a model.
    "metadata",                // The same; Anthropic's holds the end user's id.
    "prompt_cache_key",        // Where a provider keeps its prefix cache.
    "prompt_cache_retention",  // How long.
    "safety_identifier",       // The end user, for abuse reports.
    "store",                   // Whether the provider keeps a copy.
    "stream",                  // The form of the answer, which the entry itself tells.
    "stream_options",          // The same; usage is added or removed by whoever converts.
    "user",                    // The end user; tenants are told apart by the identity.
});

constexpr bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Puts a text into memory that is known to be large enough.
class Text {
public:
    explicit Text(char* begin) : begin_(begin), next_(begin) {}

    size_t size() const { return static_cast<size_t>(next_ - begin_); }
    void put(char c) { *next_++ = c; }
    void put(std::string_view bytes) { next_ = std::copy(bytes.begin(), bytes.end(), next_); }
    void put_field(std::string_view field) {
        next_ += write_decimal(field.size(), next_);
        put(':');
        put(field);
    }
    // JSON without the white space between its tokens.
    void put_compact(std::string_view json);

private:
    char* begin_;
    char* next_;
};

// Where the string that begins at `at` ends: behind its closing quote. The text is valid.
size_t string_end(std::string_view json, size_t at) {
    for (++at; at < json.size();) {
        const auto* const quote =
            static_cast<const char*>(std::memchr(json.data() + at, '"', json.size() - at));
        if (quote == nullptr) {
            break;
        }
        const auto found = static_cast<size_t>(quote - json.data());
        size_t first_backslash = found;
        while (first_backslash > at && json[first_backslash - 1] == '\\') {
            --first_backslash;
        }
        at = found + 1;
        if ((found - first_backslash) % 2 == 0) {
            return at;
        }
    }
    return json.size();
}

void Text::put_compact(std::string_view json) {
    size_t from = 0;
    for (size_t at = 0; at < json.size();) {
        if (json[at] == '"') {
            at = string_end(json, at);
        } else if (!is_space(json[at])) {
            ++at;
        } else {
            put(json.substr(from, at - from));
            while (at < json.size() && is_space(json[at])) {
                ++at;
            }
            from = at;
        }
    }
    put(json.substr(from));
}

// How deep the order of members means nothing.
enum class Level : uint8_t { top, message, part };

using Members = std::vector<const json::Value*>;

// Members in the order of their names as written; equal names keep their order, so that of two
// texts that a provider could read differently each has a key of its own.
void sort_members(const json::Value& object, Level level, Members& to) {
    to.clear();
    to.reserve(object.size());
    for (const json::Value& member : object) {
        if (level != Level::top || !is_left_out(member.key().raw)) {
            to.push_back(&member);
        }
    }
    std::ranges::sort(to, [](const json::Value* a, const json::Value* b) {
        const int order = a->key().raw.compare(b->key().raw);
        return order != 0 ? order < 0 : a->key().raw.data() < b->key().raw.data();
    });
}

bool holds_messages(std::string_view member) {
    return member == "messages" || member == "input" || member == "system";
}

class BodyWriter {
public:
    explicit BodyWriter(Text& text) : text_(&text) {}
    void write(const json::Value& body) { write_object(body, Level::top); }

private:
    static constexpr size_t kLevels = 3;

    void write_object(const json::Value& object, Level level);
    void write_items(const json::Value& array, Level level);

    Text* text_;
    std::array<Members, kLevels> members_;  // One of each level is under way at a time.
};

// Recursion is three levels deep at most, whatever the body.
void BodyWriter::write_object(const json::Value& object, Level level) {
    Members& members = members_[static_cast<size_t>(level)];
    sort_members(object, level, members);
    char before = '{';
    for (const json::Value* member : members) {
        const std::string_view key = member->key().raw;
        text_->put(before);
        text_->put('"');
        text_->put(key);
        text_->put("\":");
        before = ',';
        if (member->is_array() && level == Level::top && holds_messages(key)) {
            write_items(*member, Level::message);
        } else if (member->is_array() && level == Level::message && key == "content") {
            write_items(*member, Level::part);
        } else {
            text_->put_compact(member->raw());
        }
    }
    text_->put(members.empty() ? std::string_view("{}") : std::string_view("}"));
}

void BodyWriter::write_items(const json::Value& array, Level level) {
    text_->put('[');
    bool is_first = true;
    for (const json::Value& item : array) {
        if (!is_first) {
            text_->put(',');
        }
        is_first = false;
        if (item.is_object()) {
            write_object(item, level);
        } else {
            text_->put_compact(item.raw());
        }
    }
    text_->put(']');
}

using Fields = std::array<std::string_view, kFields>;

// The fields that a text begins with; false where it is not the text of a key.
bool read_fields(std::string_view text, Fields& fields) {
    if (!text.starts_with(kForm)) {
        return false;
    }
    std::string_view rest = text.substr(kForm.size());
    for (std::string_view& field : fields) {
        const size_t colon = rest.find(':');
        const auto length =
            colon == std::string_view::npos ? std::nullopt : parse_decimal(rest.substr(0, colon));
        if (!length || *length > rest.size() - colon - 1) {
            return false;
        }
        field = rest.substr(colon + 1, *length);
        rest.remove_prefix(colon + 1 + *length);
    }
    return true;
}

}  // namespace

bool is_left_out(std::string_view member) {
    return std::binary_search(std::begin(kLeftOut), std::end(kLeftOut), member);
}

void CacheKey::dispose(const CacheKey* key) {
    key->~CacheKey();
    std::free(const_cast<CacheKey*>(key));
}

KeyRef KeyMaker::make(const KeyIdentity& identity, const json::Value& body) const {
    SLUICE_DCHECK(body.is_object());
    const Fields fields = {identity.operation, identity.target, identity.tenant, identity.model,
                           identity.variant};
    // Compacting only takes away.
    size_t room_bytes = kForm.size() + kFields * kLengthBytesMax + body.raw().size() + 2;
    for (const std::string_view field : fields) {
        room_bytes += field.size();
    }
    if (room_bytes > kTextBytesMax) {
        return {};
    }
    void* const memory = std::malloc(sizeof(CacheKey) + room_bytes);
    SLUICE_ASSERT(memory != nullptr);
    Text text(static_cast<char*>(memory) + sizeof(CacheKey));
    text.put(kForm);
    for (const std::string_view field : fields) {
        text.put_field(field);
    }
    BodyWriter(text).write(body);
    return finish(memory, room_bytes, text.size());
}

KeyRef KeyMaker::restore(std::string_view text) const {
    Fields fields;
    if (text.size() > kTextBytesMax || !read_fields(text, fields)) {
        return {};
    }
    void* const memory = std::malloc(sizeof(CacheKey) + text.size());
    SLUICE_ASSERT(memory != nullptr);
    std::memcpy(static_cast<char*>(memory) + sizeof(CacheKey), text.data(), text.size());
    return finish(memory, text.size(), text.size());
}

KeyRef KeyMaker::finish(void* memory, size_t room_bytes, size_t text_bytes) const {
    SLUICE_ASSERT(text_bytes <= room_bytes);
    if (room_bytes - text_bytes > text_bytes / kSlackPart) {
        void* const shrunk = std::realloc(memory, sizeof(CacheKey) + text_bytes);
        SLUICE_ASSERT(shrunk != nullptr);
        memory = shrunk;
    }
    auto* const key = new (memory) CacheKey();
    key->memory_bytes_ = allocated_bytes(memory);
    key->text_bytes_ = static_cast<uint32_t>(text_bytes);
    const std::string_view text = key->text();
    Fields fields;
    const bool is_key = read_fields(text, fields);
    SLUICE_ASSERT(is_key);
    key->tenant_at_ = static_cast<uint32_t>(fields[kTenantField].data() - text.data());
    key->tenant_bytes_ = static_cast<uint32_t>(fields[kTenantField].size());
    key->model_at_ = static_cast<uint32_t>(fields[kModelField].data() - text.data());
    key->model_bytes_ = static_cast<uint32_t>(fields[kModelField].size());
    key->digest_ = digest_ != nullptr ? digest_(text) : fingerprint_.of(text);
    return KeyRef(key);
}

}  // namespace sluice::cache
