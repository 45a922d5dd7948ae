// Makes an Accessor from pointers to members: member<&A::b, &B::c>() stands for object.b.c.
// Included by schema_*.cc only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/setting.h"

namespace sluice::config {

// The texts of an enumeration in the order of its enumerators; specialised beside the table.
template <class Enum>
struct ChoiceNames;

template <class M>
struct ObjectOf;
template <class Object, class Type>
struct ObjectOf<Type Object::*> {
    using type = Object;
};

template <auto First, auto... Rest>
struct Member {
    using Object = typename ObjectOf<decltype(First)>::type;

    template <class Of>
    static constexpr auto& of(Of& object) {
        if constexpr (sizeof...(Rest) == 0) {
            return object.*First;
        } else {
            return Member<Rest...>::of(object.*First);
        }
    }
    using Type = std::remove_reference_t<decltype(of(std::declval<Object&>()))>;
};

// Conversions between a member's own type and Value.
template <class T>
Value value_from(const T& member) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                  std::is_same_v<T, TextList>) {
        return member;
    } else if constexpr (std::is_enum_v<T>) {
        return std::string(ChoiceNames<T>::kNames[static_cast<size_t>(member)]);
    } else if constexpr (std::is_floating_point_v<T>) {
        return static_cast<double>(member);
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<int64_t>(member);
    } else {
        TextPairs pairs;
        for (const auto& [name, text] : member) {
            pairs.emplace_back(name, text);
        }
        return pairs;
    }
}

template <class T>
void value_into(T& member, const Value& value) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                  std::is_same_v<T, TextList>) {
        member = *std::get_if<T>(&value);
    } else if constexpr (std::is_enum_v<T>) {
        const auto& names = ChoiceNames<T>::kNames;
        for (size_t i = 0; i < std::size(names); ++i) {
            if (names[i] == *std::get_if<std::string>(&value)) {
                member = static_cast<T>(i);
            }
        }
    } else if constexpr (std::is_floating_point_v<T>) {
        member = static_cast<T>(*std::get_if<double>(&value));
    } else if constexpr (std::is_integral_v<T>) {
        member = static_cast<T>(*std::get_if<int64_t>(&value));
    } else {
        member.clear();
        for (const auto& [name, text] : *std::get_if<TextPairs>(&value)) {
            member.push_back({name, text});
        }
    }
}

template <class T>
constexpr ValueType value_type() {
    if (std::is_same_v<T, bool>) {
        return ValueType::boolean;
    }
    if (std::is_same_v<T, std::string>) {
        return ValueType::text;
    }
    if (std::is_same_v<T, TextList>) {
        return ValueType::text_list;
    }
    if (std::is_enum_v<T>) {
        return ValueType::choice;
    }
    if (std::is_floating_point_v<T>) {
        return ValueType::fraction;
    }
    return std::is_integral_v<T> ? ValueType::integer : ValueType::pairs;
}

template <auto... Path>
constexpr Accessor member() {
    using Reached = Member<Path...>;
    using Object = typename Reached::Object;
    using Type = typename Reached::Type;
    Accessor access;
    access.type = value_type<Type>();
    if constexpr (std::is_enum_v<Type>) {
        access.choices = ChoiceNames<Type>::kNames;
    }
    access.get = [](const void* object) {
        return value_from<Type>(Reached::of(*static_cast<const Object*>(object)));
    };
    access.set = [](void* object, const Value& value) {
        value_into<Type>(Reached::of(*static_cast<Object*>(object)), value);
    };
    access.address = [](const void* object) -> const void* {
        return &Reached::of(*static_cast<const Object*>(object));
    };
    return access;
}

}  // namespace sluice::config
