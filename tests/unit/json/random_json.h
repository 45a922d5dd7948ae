// Random JSON documents from a seed: every construct of the grammar, in shapes and spellings that
// hand-written cases do not think of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/prng.h"

namespace sluice::json::test {

class RandomJson {
public:
    explicit RandomJson(Prng& prng) : prng_(prng) {}

    // An object at the top, most of the time.
    std::string document() {
        std::string text;
        space(text);
        if (prng_.chance(0.8)) {
            object(text, 0);
        } else {
            value(text, 0);
        }
        space(text);
        return text;
    }

    std::string value() {
        std::string text;
        value(text, kDepthMax - 1);
        return text;
    }

    void string(std::string& text) {
        text += '"';
        const uint32_t parts = prng_.chance(0.1) ? prng_.below(40) : prng_.below(4);
        for (uint32_t i = 0; i < parts; ++i) {
            switch (prng_.below(6)) {
                case 0:
                    text += kEscapes[prng_.below(kEscapes.size())];
                    break;
                case 1:
                    text += kWide[prng_.below(kWide.size())];
                    break;
                default:
                    text.append(prng_.below(24), static_cast<char>('a' + prng_.below(26)));
                    break;
            }
        }
        text += '"';
    }

private:
    static constexpr int kDepthMax = 6;
    static constexpr std::array<std::string_view, 12> kEscapes = {
        "\\\"", "\\\\", "\\/",     "\\b",     "\\f",     "\\n",
        "\\r",  "\\t",  "\\u0000", "\\u00e9", "\\uFFFD", "\\ud83e\\uDD8A"};
    static constexpr std::array<std::string_view, 6> kWide = {
        "\xC3\xA9", "\xE6\x95\x8F\xE6\x8D\xB7", "\xF0\x9F\xA6\x8A", "\xED\x9F\xBF",
        "\x7F",     "\xF4\x8F\xBF\xBF"};
    static constexpr std::array<std::string_view, 12> kNumbers = {
        "0",     "-0",  "7",       "-12",  "1234567890123", "0.5",
        "-1.25", "1e5", "2.5E-03", "0e+1", "10.00",         "123456.7890123"};
    static constexpr std::array<std::string_view, 10> kKeys = {
        "model", "stream", "stream_options", "include_usage", "messages", "usage", "max_tokens",
        "n",     "x",      "content"};

    void space(std::string& text) {
        if (prng_.chance(0.2)) {
            constexpr std::string_view kSpaces = " \n\r\t";
            for (uint32_t i = prng_.below(4); i > 0; --i) {
                text += kSpaces[prng_.below(kSpaces.size())];
            }
        }
    }

    void object(std::string& text, int depth) {
        text += '{';
        space(text);
        const uint32_t members = prng_.below(5);
        for (uint32_t i = 0; i < members; ++i) {
            if (i > 0) {
                text += ',';
                space(text);
            }
            if (prng_.chance(0.6)) {
                text += '"';
                text += kKeys[prng_.below(kKeys.size())];
                text += '"';
            } else {
                string(text);
            }
            space(text);
            text += ':';
            space(text);
            value(text, depth + 1);
            space(text);
        }
        text += '}';
    }

    void array(std::string& text, int depth) {
        text += '[';
        space(text);
        const uint32_t items = prng_.below(6);
        for (uint32_t i = 0; i < items; ++i) {
            if (i > 0) {
                text += ',';
                space(text);
            }
            value(text, depth + 1);
            space(text);
        }
        text += ']';
    }

    void value(std::string& text, int depth) {
        constexpr std::array<std::string_view, 3> kLiterals = {"true", "false", "null"};
        switch (prng_.below(depth < kDepthMax ? 6 : 4)) {
            case 0:
                text += kLiterals[prng_.below(kLiterals.size())];
                return;
            case 1:
                text += kNumbers[prng_.below(kNumbers.size())];
                return;
            case 2:
            case 3:
                string(text);
                return;
            case 4:
                object(text, depth);
                return;
            default:
                array(text, depth);
                return;
        }
    }

    Prng& prng_;
};

}  // namespace sluice::json::test
