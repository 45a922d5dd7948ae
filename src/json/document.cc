// simdjson's DOM rather than its on-demand mode: it checks the whole text, and values can be asked
// for in any order.
#include "json/document.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <simdjson.h>

#include "base/error.h"
#include "base/result.h"

namespace sluice::json {

struct Document::Impl {
    explicit Impl(const Options& limits) : options(limits), parser(limits.text_bytes_max) {}

    // False when there is no such value. After a failed parse there is none at all.
    bool find(const char* path, simdjson::dom::element& element) const {
        if (!has_root) {
            return false;
        }
        element = root;
        return *path == '\0' || root.at_pointer(path).get(element) == simdjson::SUCCESS;
    }

    template <class T>
    Result<T> get(const char* path) const {
        simdjson::dom::element element;
        T value;
        if (!find(path, element) || element.get(value) != simdjson::SUCCESS) {
            return fail(
                Error{.kind = ErrorKind::invalid_field, .source = options.source, .where = path});
        }
        return value;
    }

    Status refuse(const char* reason) const {
        return fail(
            Error{.kind = ErrorKind::invalid_json, .source = options.source, .where = reason});
    }

    Options options;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    bool has_root = false;
    // The text with the room behind it that simdjson reads into.
    std::unique_ptr<char[]> padded;
    size_t capacity = 0;
};

Document::Document(const Options& options) : impl_(std::make_unique<Impl>(options)) {}

Document::~Document() = default;

Status Document::parse(std::string_view text) {
    Impl& impl = *impl_;
    impl.has_root = false;
    if (text.size() > impl.options.text_bytes_max) {
        return impl.refuse("expected a shorter JSON text");
    }
    const size_t needed = text.size() + simdjson::SIMDJSON_PADDING;
    if (needed > impl.capacity) {
        impl.capacity = std::max(needed, 2 * impl.capacity);
        impl.padded = std::make_unique_for_overwrite<char[]>(impl.capacity);
    }
    if (!text.empty()) {
        std::memcpy(impl.padded.get(), text.data(), text.size());
    }
    std::memset(impl.padded.get() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    if (impl.parser.parse(impl.padded.get(), text.size(), false).get(impl.root) !=
        simdjson::SUCCESS) {
        return impl.refuse("expected a JSON text");
    }
    impl.has_root = true;
    return {};
}

ValueType Document::type(const char* path) const {
    simdjson::dom::element element;
    if (!impl_->find(path, element)) {
        return ValueType::absent;
    }
    switch (element.type()) {
        case simdjson::dom::element_type::ARRAY:
            return ValueType::array;
        case simdjson::dom::element_type::OBJECT:
            return ValueType::object;
        case simdjson::dom::element_type::INT64:
        case simdjson::dom::element_type::UINT64:
        case simdjson::dom::element_type::DOUBLE:
            return ValueType::number;
        case simdjson::dom::element_type::STRING:
            return ValueType::string;
        case simdjson::dom::element_type::BOOL:
            return element.get_bool().value_unsafe() ? ValueType::boolean_true
                                                     : ValueType::boolean_false;
        case simdjson::dom::element_type::NULL_VALUE:
            return ValueType::null;
    }
    return ValueType::absent;
}

Result<std::string_view> Document::string(const char* path) const {
    return impl_->get<std::string_view>(path);
}

Result<int64_t> Document::integer(const char* path) const {
    return impl_->get<int64_t>(path);
}

Result<double> Document::number(const char* path) const {
    return impl_->get<double>(path);
}

Result<bool> Document::boolean(const char* path) const {
    return impl_->get<bool>(path);
}

Result<size_t> Document::size(const char* path) const {
    if (const auto array = impl_->get<simdjson::dom::array>(path)) {
        return array->size();
    }
    TRY(const auto object, impl_->get<simdjson::dom::object>(path));
    return object.size();
}

}  // namespace sluice::json
