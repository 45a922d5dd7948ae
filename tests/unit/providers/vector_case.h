// The recorded exchanges of tests/data/vectors, and how what we make of them is compared with what
// they say: by the rules for marks such as <any>, for subsets and for JSON inside strings.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::providers::test {

class VectorCase {
public:
    // `name` is "anthropic/stream.json", below `folder` of the test data.
    explicit VectorCase(std::string name, std::string_view folder = "vectors");

    const std::string& name() const { return name_; }
    const json::Value& root() const { return *root_; }
    const json::Value& operator[](std::string_view key) const { return (*root_)[key]; }
    // What a string of the case means.
    std::string text(const json::Value& value) const;
    // The upstream's body: of text, or of bytes.
    std::string upstream_body() const;
    bool is_stream() const { return root()["stream"].is_true(); }
    std::string kind() const { return text(root()["kind"]); }

private:
    std::string name_;
    std::string bytes_;
    std::unique_ptr<Arena> arena_;
    const json::Value* root_ = nullptr;
};

// All names of a group, sorted.
std::vector<std::string> vector_names(std::string_view group, std::string_view folder = "vectors");
// Where test data lies: the tree's tests/data.
std::string data_folder();
std::string read_text_file(const std::string& path);
std::string from_hex(std::string_view hex);

enum class Extras : bool { refused, allowed };

// Empty when `actual` is what `expected` asks for, else the first difference with its path.
std::string difference(const json::Value& expected, const json::Value& actual, Extras extras);
std::string difference(const json::Value& expected, std::string_view actual, Extras extras);

}  // namespace sluice::providers::test
