// One rule after the other, with the items as the events tell of them.
#include "unit/providers/responses_reader.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "unit/providers/client_trial.h"

namespace sluice::providers::test {

namespace {

using json::Value;

std::string text_of(const Value& value) {
    return std::string(value.text().raw);
}

std::string quoted(const std::string& text) {
    return "\"" + text + "\"";
}

std::string finish_of(const Value& response, bool has_calls) {
    const std::string reason = text_of(response["incomplete_details"]["reason"]);
    if (!reason.empty()) {
        return reason == "max_output_tokens" ? "length" : reason;
    }
    return has_calls ? "tool_calls" : "stop";
}

std::string usage_of(const Value& usage) {
    if (!usage.is_object()) {
        return "null";
    }
    return R"({"prompt_tokens":)" + std::string(usage["input_tokens"].raw()) +
           R"(,"completion_tokens":)" + std::string(usage["output_tokens"].raw()) +
           R"(,"total_tokens":)" + std::string(usage["total_tokens"].raw()) + "}";
}

// A chat message with the same content.
std::string chat_form(const Value& response) {
    std::string content;
    std::string reasoning;
    std::string calls;
    for (const Value& item : response["output"]) {
        for (const Value& part : item["summary"]) {
            reasoning += text_of(part["text"]);
        }
        for (const Value& part : item["content"]) {
            content += text_of(part["text"]) + text_of(part["refusal"]);
        }
        if (item["type"].text() == "function_call") {
            calls += (calls.empty() ? "" : ",") +
                     (R"({"id":)" + std::string(item["call_id"].raw())) +
                     R"(,"type":"function","function":{"name":)" + std::string(item["name"].raw()) +
                     R"(,"arguments":)" + std::string(item["arguments"].raw()) + "}";
            const Value& extra = item["extra_content"];
            calls += extra.is_object() ? R"(,"extra_content":)" + std::string(extra.raw()) : "";
            calls += "}";
        }
    }
    return R"({"content":)" + quoted(content) + R"(,"reasoning_content":)" + quoted(reasoning) +
           R"(,"tool_calls":[)" + calls + R"(],"finish_reason":)" +
           quoted(finish_of(response, !calls.empty())) + R"(,"usage":)" +
           usage_of(response["usage"]) + "}";
}

struct Item {
    std::string id = {};
    std::string type = {};
    std::string text = {};
    std::string whole = {};  // As it was when it was done.
    std::string part_type = {};
    bool is_done = false;
    bool has_part = false;
    bool is_part_done = false;
    bool is_text_done = false;
};

class Reader {
public:
    ResponseRead result;

    void read(const WireEvent& event) {
        const auto tree = Value::parse(arena_.copy(event.data), arena_, ErrorSource::upstream);
        if (!tree) {
            blame("not JSON: " + event.data);
            return;
        }
        const Value& data = **tree;
        const std::string type = text_of(data["type"]);
        check(event.name == type, "the event's name is not its type: " + event.name);
        check(data["sequence_number"].integer() == next_++, "sequence_number is wrong: " + type);
        check(!is_over_, "something comes after the end: " + type);
        check(!has_error_ || type == "response.failed", type + " comes after an error");
        take(type, data);
    }

    void finish() { check(is_over_ || has_error_, "the stream has no end"); }

private:
    void blame(const std::string& what) {
        if (result.problem.empty()) {
            result.problem = what;
        }
    }
    void check(bool is_right, const std::string& what) {
        if (!is_right) {
            blame(what);
        }
    }

    void take(const std::string& type, const Value& data) {
        if (type == "error") {
            has_error_ = true;
            result.error_code = text_of(data["code"]);
            check(data["message"].is_string() && data["param"].is_present(), "a bad error");
        } else if (data["response"].is_object()) {
            take_response(type, data["response"]);
        } else if (type == "response.output_item.added") {
            take_added(data);
        } else if (type == "response.output_item.done") {
            take_done(data);
        } else {
            take_inner(type, data);
        }
    }

    void take_response(const std::string& type, const Value& response) {
        const std::string status = text_of(response["status"]);
        check(response["object"].text() == "response" && response["created_at"].is_number() &&
                  response["model"].is_string() && response["output"].is_array(),
              "a bad response object");
        check(text_of(response["id"]).starts_with("resp_"), "a bad id");
        if (type == "response.created" || type == "response.in_progress") {
            check(next_ == (type == "response.created" ? 1 : 2), type + " has a wrong place");
            check(status == "in_progress" && response["usage"].type() == json::ValueType::null &&
                      response["output"].size() == 0,
                  "a bad response at the start");
            check(id_.empty() || id_ == text_of(response["id"]), "another id");
            id_ = text_of(response["id"]);
            return;
        }
        check(next_ > 2 && id_ == text_of(response["id"]), "the end has no start");
        check(type == "response." + status, "the end is called " + type + " but is " + status);
        check((status == "failed") == response["error"].is_object(), "error and status differ");
        check((status == "incomplete") == response["incomplete_details"].is_object(),
              "incomplete_details and status differ");
        check((status == "failed") == has_error_, "a failure without an error event");
        is_over_ = true;
        result.status = status;
        result.json = chat_form(response);
        check_output(response, status);
    }

    void check_output(const Value& response, const std::string& status) {
        check(response["output"].size() == items_.size(), "the output lacks items");
        size_t index = 0;
        for (const Value& item : response["output"]) {
            const Item& told = items_[index++];
            check(told.is_done || status == "failed", "an item is not done: " + told.id);
            check(!told.is_done || item.raw() == told.whole, "an item has changed: " + told.id);
            check(item["id"].text() == told.id, "an item has another id");
        }
    }

    void take_added(const Value& data) {
        const Value& value = data["item"];
        check(data["output_index"].integer() == static_cast<int64_t>(items_.size()),
              "output_index is not the next");
        const Item item = {.id = text_of(value["id"]), .type = text_of(value["type"])};
        check(!item.id.empty() && ids_.insert(item.id).second, "an id comes twice: " + item.id);
        check(value["status"].text() == "in_progress", "an item is done at its start");
        check(value["content"].size() + value["summary"].size() == 0, "an item begins with parts");
        if (item.type == "function_call") {
            check(!text_of(value["call_id"]).empty() && !text_of(value["name"]).empty() &&
                      value["arguments"].is_string() && value["arguments"].text().empty(),
                  "a bad call");
            check(ids_.insert(text_of(value["call_id"])).second, "a call_id comes twice");
        }
        items_.push_back(item);
    }

    Item* open_item(const Value& data, std::string_view id) {
        const auto index = static_cast<size_t>(data["output_index"].integer().value_or(-1));
        if (index >= items_.size() || items_[index].is_done || items_[index].id != id) {
            blame("an event of no open item");
            return nullptr;
        }
        return &items_[index];
    }

    void take_done(const Value& data) {
        const Value& value = data["item"];
        Item* const item = open_item(data, value["id"].text().raw);
        if (item == nullptr) {
            return;
        }
        check(value["status"].text() == "completed" || value["status"].text() == "incomplete",
              "an item is done but in progress");
        check(item->type == text_of(value["type"]), "an item has another type");
        const bool is_call = item->type == "function_call";
        check(item->is_text_done && (is_call || item->is_part_done), "an item is not complete");
        const Value& parts = item->type == "reasoning" ? value["summary"] : value["content"];
        check(is_call ? text_of(value["arguments"]) == item->text
                      : parts.size() == 1 && part_text(*parts.begin()) == item->text,
              "the item's text is not that of its deltas");
        item->whole = value.raw();
        item->is_done = true;
    }

    static std::string part_text(const Value& part) {
        return text_of(part[part["type"].text() == "refusal" ? "refusal" : "text"]);
    }

    void take_inner(const std::string& type, const Value& data) {
        Item* const item = open_item(data, data["item_id"].text().raw);
        if (item == nullptr) {
            return;
        }
        const bool is_reasoning = item->type == "reasoning";
        const std::string part =
            is_reasoning ? "response.reasoning_summary_part" : "response.content_part";
        if (item->type != "function_call") {
            check(data[is_reasoning ? "summary_index" : "content_index"].integer() == 0,
                  "a part without its index");
        }
        if (type == part + ".added") {
            check(!item->has_part && part_text(data["part"]).empty(), "a part begins with text");
            item->has_part = true;
            item->part_type = text_of(data["part"]["type"]);
        } else if (type == part + ".done") {
            check(item->is_text_done && !item->is_part_done &&
                      part_text(data["part"]) == item->text &&
                      item->part_type == text_of(data["part"]["type"]),
                  "a part ends with another text");
            item->is_part_done = true;
        } else {
            take_text(type, data, *item);
        }
    }

    void take_text(const std::string& type, const Value& data, Item& item) {
        const std::string kind = item.type == "reasoning"       ? "response.reasoning_summary_text"
                                 : item.type == "function_call" ? "response.function_call_arguments"
                                 : item.part_type == "refusal"  ? "response.refusal"
                                                                : "response.output_text";
        check(item.has_part || item.type == "function_call", "a text without a part");
        check(!item.is_text_done, "a text goes on after its end");
        if (type == kind + ".delta") {
            check(!text_of(data["delta"]).empty(), "an empty delta");
            item.text += text_of(data["delta"]);
        } else if (type == kind + ".done") {
            const std::string member = item.type == "function_call"  ? "arguments"
                                       : item.part_type == "refusal" ? "refusal"
                                                                     : "text";
            check(text_of(data[member]) == item.text, "a text ends as another");
            item.is_text_done = true;
        } else {
            blame("an event of another kind of item: " + type);
        }
    }

    Arena arena_;
    std::vector<Item> items_;
    std::set<std::string> ids_;
    std::string id_;
    int64_t next_ = 0;
    bool is_over_ = false;
    bool has_error_ = false;
};

}  // namespace

ResponseRead read_responses_stream(std::string_view stream) {
    Reader reader;
    for (const WireEvent& event : wire_events(stream)) {
        reader.read(event);
    }
    reader.finish();
    return reader.result;
}

ResponseRead read_response(std::string_view body) {
    Arena arena;
    const auto tree = Value::parse(body, arena, ErrorSource::upstream);
    if (!tree) {
        return {.problem = "not JSON"};
    }
    const Value& response = **tree;
    ResponseRead read = {.json = chat_form(response), .status = text_of(response["status"])};
    for (const Value& item : response["output"]) {
        if (item["status"].text() == "in_progress" || text_of(item["id"]).empty()) {
            read.problem = "an item is not done";
        }
    }
    if (!text_of(response["id"]).starts_with("resp_") ||
        !(response["object"].text() == "response")) {
        read.problem = "a bad response object";
    }
    return read;
}

}  // namespace sluice::providers::test
