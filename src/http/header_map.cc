// Searching and removing; fields are few, so everything is a walk over the table.
#include "http/header_map.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "http/header_names.h"

namespace sluice::http {

namespace {

// Concern one connection whether Connection names them or not (RFC 9110 section 7.6.1; trailers
// are dropped by our decoder, and credentials for a proxy end at this one).
constexpr bool is_hop_by_hop(HeaderId id) {
    switch (id) {
        case HeaderId::connection:
        case HeaderId::http2_settings:
        case HeaderId::keep_alive:
        case HeaderId::proxy_authenticate:
        case HeaderId::proxy_authentication_info:
        case HeaderId::proxy_authorization:
        case HeaderId::proxy_connection:
        case HeaderId::te:
        case HeaderId::trailer:
        case HeaderId::transfer_encoding:
        case HeaderId::upgrade:
            return true;
        default:
            return false;
    }
}

// A peer must not be able to strip these from a message by naming them in Connection.
constexpr bool is_essential(HeaderId id) {
    switch (id) {
        case HeaderId::content_encoding:
        case HeaderId::content_length:
        case HeaderId::content_type:
        case HeaderId::host:
            return true;
        default:
            return false;
    }
}

}  // namespace

template <class Predicate>
void HeaderMap::remove_if(Predicate is_unwanted) {
    size_t kept = 0;
    std::fill(std::begin(present_), std::end(present_), 0);
    for (size_t i = 0; i < size_; ++i) {
        const HeaderField field = storage_[i];
        if (!is_unwanted(field)) {
            present_[word_of(field.id)] |= bit_of(field.id);
            storage_[kept++] = field;
        }
    }
    size_ = kept;
}

void HeaderMap::remove(HeaderId id) {
    if (has(id)) {
        remove_if([id](const HeaderField& field) { return field.id == id; });
    }
}

void HeaderMap::remove(std::string_view name) {
    remove_if([name](const HeaderField& field) { return equals_ignoring_case(field.name, name); });
}

void HeaderMap::remove_hop_by_hop() {
    for (size_t i = 0; i < size_ && has(HeaderId::connection); ++i) {
        if (storage_[i].id == HeaderId::connection) {
            mark_listed(storage_[i].value);
        }
    }
    remove_if(
        [](const HeaderField& field) { return field.name.empty() || is_hop_by_hop(field.id); });
}

// Marks by an empty name, which no field has, so that places stay while Connection is read.
void HeaderMap::mark_listed(std::string_view names) {
    while (const std::optional<std::string_view> name = next_list_element(names)) {
        for (HeaderField& field : storage_.first(size_)) {
            if (!is_essential(field.id) && equals_ignoring_case(field.name, *name)) {
                field.name = {};
            }
        }
    }
}

void HeaderMap::clear() {
    size_ = 0;
    std::fill(std::begin(present_), std::end(present_), 0);
}

const HeaderField* HeaderMap::find(HeaderId id) const {
    if (!has(id)) {
        return nullptr;
    }
    return std::find_if(begin(), end(), [id](const HeaderField& field) { return field.id == id; });
}

const HeaderField* HeaderMap::find(std::string_view name) const {
    const HeaderId id = header_id(name);
    if (id != HeaderId::other) {
        return find(id);
    }
    const HeaderField* found = std::find_if(begin(), end(), [name](const HeaderField& field) {
        return field.id == HeaderId::other && equals_ignoring_case(field.name, name);
    });
    return found == end() ? nullptr : found;
}

size_t HeaderMap::count(HeaderId id) const {
    if (!has(id)) {
        return 0;
    }
    return static_cast<size_t>(
        std::count_if(begin(), end(), [id](const HeaderField& field) { return field.id == id; }));
}

bool HeaderMap::has_list_element(HeaderId id, std::string_view element) const {
    if (!has(id)) {
        return false;
    }
    for (const HeaderField& field : *this) {
        std::string_view rest = field.id == id ? field.value : std::string_view();
        while (const std::optional<std::string_view> candidate = next_list_element(rest)) {
            if (equals_ignoring_case(*candidate, element)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace sluice::http
