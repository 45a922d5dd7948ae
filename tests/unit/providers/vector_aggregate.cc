// Both clients read events with http's parser and then go by their own protocol's rules.
#include "unit/providers/vector_aggregate.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "http/sse_framer.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"

namespace sluice::providers::test {

namespace {

using json::Value;

struct Event {
    std::string name;
    std::string data;
};

std::vector<Event> events_of(std::string_view stream) {
    std::vector<Event> events;
    http::SseParser parser;
    http::SseEvent event;
    while (!stream.empty()) {
        const auto step = parser.feed(stream, event);
        stream.remove_prefix(step->consumed);
        if (step->has_event) {
            events.push_back({std::string(event.name), std::string(event.data)});
        }
    }
    if (!parser.at_boundary()) {
        events.push_back({"", "the stream ends inside an event"});
    }
    return events;
}

// Base of both: the first problem counts.
class Client {
public:
    std::string problem;

protected:
    void blame(const std::string& what) {
        if (problem.empty()) {
            problem = what;
        }
    }
    const Value* parse(const std::string& data) {
        kept_.push_back(data);
        const auto tree = Value::parse(arena_.copy(data), arena_, ErrorSource::upstream);
        if (!tree) {
            blame("not JSON: " + data);
            return nullptr;
        }
        return *tree;
    }

    Arena arena_;
    std::vector<std::string> kept_;
};

class ChatClient : public Client {
public:
    void read(const Event& event) {
        if (is_over_) {
            blame("something comes after the end: " + event.data);
        }
        if (event.data == "[DONE]") {
            is_over_ = is_done = true;
            return;
        }
        const Value* const chunk = parse(event.data);
        if (chunk == nullptr) {
            return;
        }
        if ((*chunk)["error"].is_present()) {
            is_over_ = has_error = true;
            return;
        }
        check_frame(*chunk);
        const Value& usage = (*chunk)["usage"];
        if ((*chunk)["choices"].size() == 0) {
            if (!usage.is_object() || !has_finish_) {
                blame("a chunk without choices that is no usage after the finish: " + event.data);
            }
            usage_ = usage.raw();
        }
        for (const Value& choice : (*chunk)["choices"]) {
            if (choice["index"].integer() == 0) {
                read_choice(choice);
            }
        }
    }

    std::string json() const {
        std::string text;
        json::StringText output(text);
        json::Writer writer(output);
        writer.begin_object().key("message").begin_object().key("role").string("assistant");
        writer.key("content");
        content_.empty() ? writer.null() : writer.text(content_);
        if (!reasoning_.empty()) {
            writer.key("reasoning_content").text(reasoning_);
        }
        if (!refusal_.empty()) {
            writer.key("refusal").text(refusal_);
        }
        if (!thinking_.empty()) {
            writer.key("thinking_blocks").raw("[" + thinking_ + "]");
        }
        if (!calls_.empty()) {
            writer.key("tool_calls").begin_array();
            for (const Call& call : calls_) {
                writer.begin_object().key("id").text(call.id).key("type").string("function");
                writer.key("function").begin_object().key("name").text(call.name);
                writer.key("arguments").text(call.arguments).end_object();
                if (!call.extra.empty()) {
                    writer.key("extra_content").raw(call.extra);
                }
                writer.end_object();
            }
            writer.end_array();
        }
        writer.end_object().key("finish_reason");
        finish_.empty() ? writer.null() : writer.raw(finish_);
        writer.key("usage").raw(usage_.empty() ? "null" : usage_).end_object();
        output.finish();
        return text;
    }

    bool is_done = false;
    bool has_error = false;

private:
    struct Call {
        std::string id;
        std::string name;
        std::string arguments;
        std::string extra;
    };

    void check_frame(const Value& chunk) {
        const std::string frame = std::string(chunk["id"].raw()) + "|" +
                                  std::string(chunk["created"].raw()) + "|" +
                                  std::string(chunk["model"].raw());
        if (frame_.empty()) {
            frame_ = frame;
            if (chunk["id"].text().empty() || !chunk["created"].integer() ||
                chunk["model"].text().empty()) {
                blame("the first chunk lacks id, created or model: " + frame);
            }
        }
        if (frame != frame_) {
            blame("id, created or model change: " + frame_ + " then " + frame);
        }
        if (!(chunk["object"].text() == "chat.completion.chunk")) {
            blame("object is " + std::string(chunk["object"].raw()));
        }
    }

    void read_choice(const Value& choice) {
        if (has_finish_) {
            blame("the choice goes on after its finish");
        }
        const Value& delta = choice["delta"];
        if (!has_role_ && !(delta["role"].text() == "assistant")) {
            blame("the first delta has no role");
        }
        has_role_ = true;
        content_ += delta["content"].text().raw;
        reasoning_ += delta["reasoning_content"].text().raw;
        refusal_ += delta["refusal"].text().raw;
        for (const Value& block : delta["thinking_blocks"]) {
            thinking_ += (thinking_.empty() ? "" : ",") + std::string(block.raw());
        }
        for (const Value& call : delta["tool_calls"]) {
            read_call(call);
        }
        if (!choice["finish_reason"].is_nothing()) {
            has_finish_ = true;
            finish_ = choice["finish_reason"].raw();
        }
    }

    void read_call(const Value& delta) {
        const auto index = delta["index"].integer().value_or(-1);
        if (index == static_cast<int64_t>(calls_.size())) {
            if (delta["id"].text().empty() || !(delta["type"].text() == "function") ||
                delta["function"]["name"].text().empty()) {
                blame("the first delta of a call lacks id, type or name");
            }
            calls_.push_back({std::string(delta["id"].text().raw),
                              std::string(delta["function"]["name"].text().raw), "",
                              std::string(delta["extra_content"].raw())});
        } else if (index < 0 || index > static_cast<int64_t>(calls_.size())) {
            blame("the index of a call jumps: " + std::string(delta.raw()));
            return;
        } else if (delta["id"].is_present() || delta["function"]["name"].is_present()) {
            blame("a later delta of a call repeats id or name");
        }
        calls_[static_cast<size_t>(index)].arguments += delta["function"]["arguments"].text().raw;
    }

    std::string frame_;
    std::string content_;
    std::string reasoning_;
    std::string refusal_;
    std::string thinking_;
    std::vector<Call> calls_;
    std::string finish_;
    std::string usage_;
    bool has_role_ = false;
    bool has_finish_ = false;
    bool is_over_ = false;
};

class MessagesClient : public Client {
public:
    void read(const Event& event) {
        const Value* const data = parse(event.data);
        if (data == nullptr) {
            return;
        }
        const std::string type((*data)["type"].text().raw);
        if (type != event.name) {
            blame("event and type differ: " + event.name + " and " + type);
        }
        if (is_over_) {
            blame("something comes after the end: " + type);
        }
        if (!has_start_ && type != "message_start" && type != "error") {
            blame("the first event is " + type);
        }
        if (type == "message_start") {
            if (has_start_ || !(*data)["message"]["usage"].is_object()) {
                blame("a second start, or one without usage");
            }
            has_start_ = true;
        } else if (type == "content_block_start") {
            start_block(*data);
        } else if (type == "content_block_delta") {
            add_delta(*data);
        } else if (type == "content_block_stop") {
            if (!is_open_ || (*data)["index"].integer() != blocks_ - 1) {
                blame("a block stops that is not open");
            }
            is_open_ = false;
            close_block();
        } else if (type == "message_delta") {
            if (is_open_ || !stop_reason_.empty()) {
                blame("message_delta inside a block, or twice");
            }
            stop_reason_ = (*data)["delta"]["stop_reason"].raw();
            usage_ = (*data)["usage"].raw();
        } else if (type == "message_stop") {
            is_over_ = is_done = true;
        } else if (type == "error") {
            is_over_ = has_error = true;
        }
    }

    std::string json() const {
        return "{\"content\":[" + content_ +
               "],\"stop_reason\":" + (stop_reason_.empty() ? "null" : stop_reason_) +
               ",\"usage\":" + (usage_.empty() ? "null" : usage_) + "}";
    }

    bool is_done = false;
    bool has_error = false;

private:
    void start_block(const Value& data) {
        if (is_open_ || data["index"].integer() != blocks_) {
            blame("blocks overlap or their indices jump");
        }
        ++blocks_;
        is_open_ = true;
        const Value& block = data["content_block"];
        type_ = block["type"].text().raw;
        id_ = block["id"].text().raw;
        name_ = block["name"].text().raw;
        data_ = block["data"].text().raw;
        text_ = type_ == "thinking" ? block["thinking"].text().raw : block["text"].text().raw;
        signature_ = block["signature"].text().raw;
    }

    void add_delta(const Value& data) {
        if (!is_open_ || data["index"].integer() != blocks_ - 1) {
            blame("a delta for a block that is not open");
        }
        const Value& delta = data["delta"];
        const std::string type(delta["type"].text().raw);
        const std::string wanted = type_ == "text"             ? "text_delta"
                                   : type_ == "tool_use"       ? "input_json_delta"
                                   : type == "signature_delta" ? "signature_delta"
                                                               : "thinking_delta";
        if (type != wanted) {
            blame("a " + type + " inside a " + type_ + " block");
        }
        text_ += delta["text"].text().raw;
        text_ += delta["thinking"].text().raw;
        text_ += delta["partial_json"].text().raw;
        signature_ += delta["signature"].text().raw;
    }

    void close_block() {
        std::string block;
        json::StringText output(block);
        json::Writer writer(output);
        writer.begin_object().key("type").text(type_);
        if (type_ == "text") {
            writer.key("text").text(text_);
        } else if (type_ == "thinking") {
            writer.key("thinking").text(text_).key("signature").text(signature_);
        } else if (type_ == "redacted_thinking") {
            writer.key("data").text(data_);
        } else {
            writer.key("id").text(id_).key("name").text(name_).key("input");
            // As a string that holds JSON, unless it is empty; compared as JSON.
            const std::string quoted = "\"" + text_ + "\"";
            const auto tree = Value::parse(arena_.copy(quoted), arena_, ErrorSource::upstream);
            const auto plain = json::unescape((*tree)->text().raw, arena_);
            writer.raw(plain && !plain->empty() ? *plain : "{}");
        }
        writer.end_object();
        output.finish();
        content_ += (content_.empty() ? "" : ",") + block;
    }

    int64_t blocks_ = 0;
    bool is_open_ = false;
    bool has_start_ = false;
    bool is_over_ = false;
    std::string type_;
    std::string id_;
    std::string name_;
    std::string data_;
    std::string text_;
    std::string signature_;
    std::string content_;
    std::string stop_reason_;
    std::string usage_;
};

template <class C>
Aggregate aggregate(std::string_view stream, bool is_whole) {
    C client;
    for (const Event& event : events_of(stream)) {
        client.read(event);
    }
    std::string problem = client.problem;
    if (problem.empty() && client.is_done != is_whole) {
        problem = is_whole ? "the stream is not complete" : "a failed stream looks complete";
    }
    return {client.json(), problem};
}

}  // namespace

Aggregate aggregate_chat(std::string_view stream, bool is_whole) {
    return aggregate<ChatClient>(stream, is_whole);
}

Aggregate aggregate_messages(std::string_view stream, bool is_whole) {
    return aggregate<MessagesClient>(stream, is_whole);
}

}  // namespace sluice::providers::test
