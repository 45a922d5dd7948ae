// Shapes of POST /embeddings and GET /models (OpenAI API reference). A vector is a function of the
// model and its input's text, and has length one, as OpenAI's have.
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "providers/simulated_llm.h"
#include "providers/simulated_text.h"

namespace sluice::providers {

namespace {

std::vector<float> make_vector(uint64_t seed, uint32_t dimensions) {
    std::vector<double> raw(dimensions);
    double squares = 0;
    for (uint32_t i = 0; i < dimensions; ++i) {
        // 53 bits, in [-1, 1).
        raw[i] = static_cast<double>(mix(seed, i) >> 11) * 0x1.0p-52 - 1.0;
        squares += raw[i] * raw[i];
    }
    const double scale = squares > 0 ? 1.0 / std::sqrt(squares) : 0.0;
    std::vector<float> values(dimensions);
    for (uint32_t i = 0; i < dimensions; ++i) {
        values[i] = static_cast<float>(raw[i] * scale);
    }
    return values;
}

void append_floats(std::string& out, std::span<const float> values) {
    out += '[';
    for (size_t i = 0; i < values.size(); ++i) {
        out += i > 0 ? "," : "";
        char digits[24];
        const auto [end, error] = std::to_chars(digits, digits + sizeof digits, values[i]);
        out.append(digits, end);
    }
    out += ']';
}

// RFC 4648 section 4, over the values as little-endian binary32.
void append_base64(std::string& out, std::span<const float> values) {
    static_assert(std::endian::native == std::endian::little);
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto bytes = std::as_bytes(values);
    const auto byte_at = [&](size_t i) {
        return i < bytes.size() ? std::to_integer<uint32_t>(bytes[i]) : 0U;
    };
    out += '"';
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const uint32_t group = byte_at(i) << 16 | byte_at(i + 1) << 8 | byte_at(i + 2);
        const size_t left = bytes.size() - i;
        out += kAlphabet[group >> 18];
        out += kAlphabet[group >> 12 & 63];
        out += left > 1 ? kAlphabet[group >> 6 & 63] : '=';
        out += left > 2 ? kAlphabet[group & 63] : '=';
    }
    out += '"';
}

}  // namespace

void SimulatedAnswer::append_embeddings_body(std::string& out) const {
    out += "{\"object\":\"list\",\"data\":[";
    for (size_t i = 0; i < input_hashes_.size(); ++i) {
        out += i > 0 ? "," : "";
        out += "{\"object\":\"embedding\",\"index\":";
        append_number(out, static_cast<int64_t>(i));
        out += ",\"embedding\":";
        const auto values = make_vector(mix(model_hash_, input_hashes_[i]), dimensions_);
        if (base64_) {
            append_base64(out, values);
        } else {
            append_floats(out, values);
        }
        out += '}';
    }
    out += "],\"model\":";
    append_json_string(out, model_);
    out += ",\"usage\":{\"prompt_tokens\":";
    append_number(out, usage_.prompt_tokens);
    out += ",\"total_tokens\":";
    append_number(out, usage_.total_tokens());
    out += "}}";
}

void append_simulated_model(std::string& out, std::string_view model, int64_t created_s) {
    out += "{\"id\":";
    append_json_string(out, model);
    out += ",\"object\":\"model\",\"created\":";
    append_number(out, created_s);
    out += ",\"owned_by\":\"sluice\"}";
}

void append_simulated_models(std::string& out,
                             std::span<const std::string> models,
                             int64_t created_s) {
    out += "{\"object\":\"list\",\"data\":[";
    bool is_first = true;
    for (const std::string& model : models) {
        out += is_first ? "" : ",";
        is_first = false;
        append_simulated_model(out, model, created_s);
    }
    out += "]}";
}

}  // namespace sluice::providers
