// Both forms become one tree with places, which is then read.
#include "config/member_file.h"

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "balance/member.h"
#include "base/arena.h"
#include "base/error.h"
#include "config/checks.h"
#include "config/diagnostics.h"
#include "config/toml_document.h"
#include "http/url.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/validator.h"

namespace sluice::config {

namespace {

using balance::Member;

constexpr int64_t kWeightMax = 10'000;
constexpr int64_t kPriorityMax = 1'000;
constexpr size_t kInstanceBytesMax = 256;
constexpr uint16_t kJsonDepthMax = 8;

Position position_of(std::string_view text, size_t offset) {
    Position position = {.line = 1, .column = 1};
    for (const char c : text.substr(0, offset)) {
        const bool is_continuation = (static_cast<uint8_t>(c) & 0xC0U) == 0x80U;
        position.line += c == '\n' ? 1 : 0;
        position.column = c == '\n' ? 1 : position.column + (is_continuation ? 0 : 1);
    }
    return position;
}

// JSON as the tree that TOML becomes.
class JsonReader {
public:
    JsonReader(std::string_view text, Diagnostics& diagnostics)
        : text_(text), diagnostics_(diagnostics) {}

    bool read(TomlNode& root) {
        json::Validator validator({.depth_max = kJsonDepthMax});
        if (!validator.feed(text_) || !validator.finish()) {
            diagnostics_.error(position_of(text_, validator.error_offset()), "",
                               validator.error_text());
            return false;
        }
        const auto parsed = json::Value::parse(text_, arena_, ErrorSource::gateway);
        if (!parsed) {
            diagnostics_.error({.line = 1, .column = 1}, "", parsed.error().where);
            return false;
        }
        convert(**parsed, root);
        return diagnostics_.error_count() == 0;
    }

private:
    // Offsets ascend, so that the whole text is walked once.
    Position place(const json::Value& value) {
        const auto offset = static_cast<size_t>(value.raw().data() - text_.data());
        const Position step = position_of(text_.substr(seen_), offset - seen_);
        position_ = step.line == 1 ? Position{position_.line, position_.column + step.column - 1}
                                   : Position{position_.line + step.line - 1, step.column};
        seen_ = offset;
        return position_;
    }

    std::string text_of(std::string_view raw, Position position) {
        const auto plain = json::unescape(raw, arena_);
        if (!plain) {
            diagnostics_.error(position, "", "is no valid text");
        }
        return std::string(plain.value_or(std::string_view()));
    }

    void convert(const json::Value& value, TomlNode& to) {
        to.position = place(value);
        if (value.is_object()) {
            to.kind = TomlKind::table;
            for (const json::Value& member : value) {
                TomlMember& made = to.members.emplace_back();
                convert(member, made.value);
                made.position = made.value.position;
                made.key = made.shown = text_of(member.key().raw, made.position);
            }
        } else if (value.is_array()) {
            to.kind = TomlKind::array;
            for (const json::Value& item : value) {
                convert(item, to.items.emplace_back());
            }
        } else if (value.is_string()) {
            to.kind = TomlKind::text;
            to.text = text_of(value.text().raw, to.position);
        } else if (const std::optional<int64_t> number = value.integer();
                   value.is_number() && number) {
            to.kind = TomlKind::integer;
            to.integer = *number;
        } else {
            to.kind = TomlKind::boolean;
        }
    }

    std::string_view text_;
    Diagnostics& diagnostics_;
    Arena arena_;
    size_t seen_ = 0;
    Position position_ = {.line = 1, .column = 1};
};

class MemberReader {
public:
    explicit MemberReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

    std::vector<Member> read(const TomlNode& root) {
        if (root.kind == TomlKind::array) {
            list(root, "targets");
        } else if (root.kind == TomlKind::table) {
            for (const TomlMember& member : root.members) {
                if (member.key == "targets" || member.key == "target") {
                    list(member.value, member.key);
                } else {
                    fail(member.position, member.key, "is not known; expected targets, or target");
                }
            }
        } else {
            fail(root.position, "", "expected a list of addresses");
        }
        return std::move(members_);
    }

private:
    void fail(Position position, std::string_view key, std::string text) {
        diagnostics_.error(position, key, std::move(text));
    }

    void list(const TomlNode& node, const std::string& key) {
        if (node.kind != TomlKind::array) {
            return fail(node.position, key,
                        fmt::format("is {}; expected a list", describe(node.kind)));
        }
        for (const TomlNode& item : node.items) {
            if (members_.size() == kMembersMax) {
                return fail(item.position, key,
                            fmt::format("there are more than {} members", kMembersMax));
            }
            const size_t errors = diagnostics_.error_count();
            Member member;
            if (item.kind == TomlKind::text) {
                address(item, member);
            } else if (item.kind == TomlKind::table) {
                table(item, member);
            } else {
                fail(item.position, key,
                     fmt::format("is {}; expected \"HOST:PORT\", or a table with an address",
                                 describe(item.kind)));
            }
            if (diagnostics_.error_count() == errors) {
                members_.push_back(std::move(member));
            }
        }
    }

    void address(const TomlNode& node, Member& member) {
        if (node.kind != TomlKind::text || !is_member_address(node.text)) {
            return fail(
                node.position, "address",
                fmt::format("is {}; expected \"HOST:PORT\"",
                            node.kind == TomlKind::text ? in_quotes(node.text)
                                                        : std::string(describe(node.kind))));
        }
        member.address = node.text;
    }

    void table(const TomlNode& node, Member& member) {
        bool has_address = false;
        for (const TomlMember& each : node.members) {
            if (each.key == "address") {
                has_address = true;
                address(each.value, member);
            } else if (each.key == "instance") {
                instance(each.value, member);
            } else if (each.key == "weight") {
                member.weight = number(each, 1, kWeightMax);
            } else if (each.key == "priority") {
                member.priority = number(each, 0, kPriorityMax);
            } else {
                fail(each.position, each.key,
                     "is not known; expected address, instance, weight or priority");
            }
        }
        if (!has_address) {
            fail(node.position, "address", "is missing; expected \"HOST:PORT\"");
        }
    }

    void instance(const TomlNode& node, Member& member) {
        if (node.kind != TomlKind::text || node.text.size() > kInstanceBytesMax) {
            return fail(node.position, "instance", "expected a short text");
        }
        member.instance = node.text;
    }

    std::optional<uint32_t> number(const TomlMember& member, int64_t min, int64_t max) {
        const TomlNode& node = member.value;
        if (node.kind != TomlKind::integer || node.integer < min || node.integer > max) {
            fail(node.position, member.key,
                 fmt::format("expected a whole number from {} to {}", min, max));
            return std::nullopt;
        }
        return static_cast<uint32_t>(node.integer);
    }

    Diagnostics& diagnostics_;
    std::vector<Member> members_;
};

std::string first_error(Diagnostics& diagnostics) {
    const std::vector<Diagnostic> all = diagnostics.take();
    const auto found = std::ranges::find(all, Severity::error, &Diagnostic::severity);
    return found == all.end() ? "cannot be read" : found->to_string();
}

}  // namespace

bool is_member_address(std::string_view text) {
    const std::optional<http::Authority> authority = http::parse_authority(text);
    return authority && authority->port && !authority->host.empty();
}

std::expected<std::vector<balance::Member>, std::string> read_members(std::string_view name,
                                                                      std::string_view text) {
    Diagnostics diagnostics(name);
    TomlNode root;
    const bool is_read = name.ends_with(".json") ? JsonReader(text, diagnostics).read(root)
                                                 : parse_toml(text, root, diagnostics);
    std::vector<Member> members;
    if (is_read) {
        members = MemberReader(diagnostics).read(root);
    }
    if (!is_read || diagnostics.error_count() > 0) {
        return std::unexpected(first_error(diagnostics));
    }
    return members;
}

}  // namespace sluice::config
