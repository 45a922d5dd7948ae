// docs/admin-openapi.json as a test reads it: what it says of an endpoint, and whether an answer is
// so. What is named must be there, and what is there must be named.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "http/types.h"
#include "json/tree.h"
#include "server/admin_api.h"
#include "server/admin_openapi.h"

namespace sluice::server {

using http::Method;

inline const json::Value& parse(std::string_view text, Arena& arena) {
    const auto value = json::Value::parse(text, arena, ErrorSource::gateway);
    EXPECT_TRUE(value) << text;
    static const json::Value kNone;
    return value ? **value : kNone;
}

inline std::string lower_name(Method method) {
    std::string name(http::method_name(method));
    for (char& c : name) {
        c = ascii_lower(c);
    }
    return name;
}

class Description {
public:
    explicit Description(Arena& arena) : root_(parse(admin_openapi(), arena)) {}

    const json::Value& paths() const { return root_["paths"]; }
    // The schema of an answer in JSON; absent when there is none.
    const json::Value& schema_of(Method method, std::string_view path, int status) const {
        return paths()[path][lower_name(method)]["responses"][std::to_string(status)]["content"]
                      ["application/json"]["schema"];
    }
    // Follows references.
    const json::Value& resolve(const json::Value& schema) const {
        constexpr std::string_view kPrefix = "#/components/schemas/";
        const std::string_view reference = schema["$ref"].text().raw;
        return reference.starts_with(kPrefix)
                   ? root_["components"]["schemas"][reference.substr(kPrefix.size())]
                   : schema;
    }
    // What the schema names is there, and what is there is named by it.
    void expect_fits(const json::Value& value,
                     const json::Value& unresolved,
                     const std::string& place) {
        const json::Value& schema = resolve(unresolved);
        const json::Value& properties = schema["properties"];
        if (properties.is_present()) {
            std::set<std::string_view> described;
            std::set<std::string_view> present;
            for (const json::Value& property : properties) {
                described.insert(property.key().raw);
                expect_fits(value[property.key().raw], property,
                            place + "/" + std::string(property.key().raw));
            }
            for (const json::Value& member : value) {
                present.insert(member.key().raw);
            }
            EXPECT_EQ(present, described) << place;
        } else if (schema["items"].is_present()) {
            ASSERT_TRUE(value.is_array()) << place;
            EXPECT_GT(value.size(), 0U) << place << ": nothing to compare with";
            for (const json::Value& item : value) {
                expect_fits(item, schema["items"], place + "[]");
            }
        } else {
            EXPECT_TRUE(has_type(value, schema["type"].text().raw)) << place << value.raw();
        }
    }

private:
    static bool has_type(const json::Value& value, std::string_view type) {
        return type == "string"    ? value.is_string()
               : type == "integer" ? value.integer().has_value()
               : type == "number"  ? value.is_number()
               : type == "boolean" ? value.is_boolean()
               : type == "object"  ? value.is_object()
                                   : value.is_present();
    }

    const json::Value& root_;
};

// `path` as the description has it, with its {names}.
inline void expect_as_described(const AdminAnswer& answer,
                                Method method,
                                std::string_view path,
                                int status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    Arena arena;
    Description description(arena);
    const json::Value& schema = description.schema_of(method, path, status);
    ASSERT_TRUE(schema.is_present()) << path << " has no answer " << status;
    description.expect_fits(parse(answer.body, arena), schema, std::string(path));
}

}  // namespace sluice::server
