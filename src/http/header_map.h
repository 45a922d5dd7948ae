// HeaderMap: the fields of one head in the order they came, as views.
//
// It owns nothing: names and values look into the received bytes or into the exchange's arena, and
// the table itself is a span handed in by the caller, whose length is the limit of fields. Lives
// as long as that storage, usually one exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/header_names.h"

namespace sluice::http {

struct HeaderField {
    std::string_view name;   // As it was written.
    std::string_view value;  // Without blanks at either end.
    HeaderId id = HeaderId::other;
};

class HeaderMap {
public:
    HeaderMap() = default;
    explicit HeaderMap(std::span<HeaderField> storage) : storage_(storage) {}

    // Append a field; false when the storage is full. Nothing is checked or copied here: the
    // parser and the writer do that.
    [[nodiscard]] bool add(std::string_view name, std::string_view value) {
        return add_field({name, value, header_id(name)});
    }
    [[nodiscard]] bool add(HeaderId id, std::string_view value) {
        return add_field({header_name(id), value, id});
    }

    // Removes every field of that name; the order of the others stays.
    void remove(HeaderId id);
    void remove(std::string_view name);
    // Removes what concerns one connection only: the fields of RFC 9110 section 7.6.1 and every
    // field that Connection names, except those without which the message would change its meaning.
    void remove_hop_by_hop();
    void clear();

    // The first field of that name, or null. `id` must not be `other`.
    const HeaderField* find(HeaderId id) const;
    const HeaderField* find(std::string_view name) const;
    // Its value; empty when there is no such field.
    std::string_view value(HeaderId id) const {
        const HeaderField* field = find(id);
        return field == nullptr ? std::string_view() : field->value;
    }
    bool has(HeaderId id) const { return (present_[word_of(id)] & bit_of(id)) != 0; }
    size_t count(HeaderId id) const;
    // Whether one of the fields `id`, read as comma-separated lists, holds `element` in any case.
    bool has_list_element(HeaderId id, std::string_view element) const;

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    size_t capacity() const { return storage_.size(); }
    const HeaderField& operator[](size_t i) const { return storage_[i]; }
    const HeaderField* begin() const { return storage_.data(); }
    const HeaderField* end() const { return storage_.data() + size_; }

private:
    static constexpr size_t kWordBits = 64;
    static constexpr size_t kWords = (kHeaderIdCount + kWordBits - 1) / kWordBits;

    static constexpr size_t word_of(HeaderId id) { return static_cast<size_t>(id) / kWordBits; }
    static constexpr uint64_t bit_of(HeaderId id) {
        return uint64_t{1} << (static_cast<size_t>(id) % kWordBits);
    }

    bool add_field(const HeaderField& field) {
        if (size_ == storage_.size()) {
            return false;
        }
        storage_[size_++] = field;
        present_[word_of(field.id)] |= bit_of(field.id);
        return true;
    }
    template <class Predicate>
    void remove_if(Predicate is_unwanted);
    void mark_listed(std::string_view names);

    std::span<HeaderField> storage_;
    size_t size_ = 0;
    uint64_t present_[kWords] = {};  // Which ids occur: most lookups are for what is not there.
};

}  // namespace sluice::http
