// A reply as the events of the Responses API.
//
// Items follow each other, but calls whose arguments come in turns stay open side by side: events
// name their item. What has been said is kept, because the last event repeats all of it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "json/writer.h"
#include "providers/arguments_scan.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/responses.h"
#include "providers/responses_events.h"
#include "providers/responses_output.h"
#include "providers/tool_names.h"

namespace sluice::providers {

namespace {

class ResponsesStreamEncoder final : public StreamEncoder {
public:
    ResponsesStreamEncoder(const ReplyContext& context, json::TextOutput& output, Arena& arena)
        : context_(context), output_(&output), arena_(&arena), items_(arena), calls_(arena) {}

    void on_start(const ReplyStart& start) override {
        response_ = begin_response(start, context_, *arena_);
        tell_response("response.created");
        tell_response("response.in_progress");
    }

    void on_text(uint32_t choice, Text text) override { say(choice, ItemKind::text, text); }
    void on_reasoning(uint32_t choice, Text text) override {
        say(choice, ItemKind::reasoning, text);
    }
    void on_refusal(uint32_t choice, Text text) override { say(choice, ItemKind::refusal, text); }
    // Signatures have no place here; what follows is another run of reasoning.
    void on_thinking_block(uint32_t choice, const ThinkingBlock&) override {
        if (is_told(choice) && current_ != nullptr && current_->said.kind == ItemKind::reasoning) {
            close_text(ItemStatus::completed);
        }
    }

    void on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) override {
        if (is_told(choice)) {
            json::ArenaText id(*arena_, 64);
            write_tool_call_id(start, context_, choice, call, id);
            close_complete();
            ResponsesItem said = begin(ItemKind::call);
            said.call_id = {id.view()};
            said.name = {arena_->copy(client_tool_name(start.name, context_.renamed_tools).raw)};
            said.signature = {arena_->copy(start.signature.raw)};
            Item& item = open(said);
            item.call = call;
            calls_.push_back({&item});
        }
    }

    void on_arguments(uint32_t choice, uint32_t call, Text fragment) override {
        // A call that is not open was complete.
        Item* const item = is_told(choice) ? find_call(call) : nullptr;
        if (item != nullptr) {
            item->scan.feed(fragment);
            tell_delta(*item, fragment);
        }
    }

    void on_logprobs(uint32_t, std::string_view) override {}
    uint64_t kept_bytes() const override { return kept_bytes_; }

    void on_finish(uint32_t choice, FinishReason reason) override {
        if (!is_told(choice)) {
            return;
        }
        response_.reason = reason;
        response_.status = response_status(reason);
        const bool is_cut = response_.status == ResponseStatus::incomplete;
        close_text(is_cut ? ItemStatus::incomplete : ItemStatus::completed);
        for (const auto& [item] : calls_.view()) {
            close(*item, is_cut && !item->scan.is_complete() ? ItemStatus::incomplete
                                                             : ItemStatus::completed);
        }
        calls_.clear();
    }

    void on_usage(const Usage& usage) override {
        usage_ = usage;
        response_.usage = &usage_;
    }

    void on_end() override {
        gather_items();
        tell_response(response_.status == ResponseStatus::incomplete ? "response.incomplete"
                                                                     : "response.completed");
    }

    // Clients that only look for the end of the response hear of it as well.
    void on_error(const ProviderError& error) override {
        write_response_error(error, sequence_++, *output_);
        for (const auto& [item] : items_.view()) {
            if (is_open(*item)) {
                item->said.status = ItemStatus::incomplete;
                item->said.text = {item->text->view()};
            }
        }
        gather_items();
        response_.status = ResponseStatus::failed;
        response_.error = &error;
        tell_response("response.failed");
    }

private:
    static constexpr size_t kTextBytesFirst = 256;
    // What an item takes besides its text.
    static constexpr size_t kItemBytes = 1024;

    struct Item {
        ResponsesItem said = {};          // Its text at its end only.
        json::ArenaText* text = nullptr;  // What was said so far.
        std::string_view delta = {};      // An event up to the quote that opens its delta.
        uint32_t index = 0;
        uint32_t call = 0;
        ArgumentsScan scan = {};
    };

    // Items stay where they are while a list of them grows.
    struct Slot {
        Item* item = nullptr;
    };

    // A response has one choice.
    static bool is_told(uint32_t choice) { return choice == 0; }
    static bool is_open(const Item& item) { return item.said.status == ItemStatus::in_progress; }

    Item* find_call(uint32_t call) {
        for (const auto& [item] : calls_.view()) {
            if (item->call == call) {
                return item;
            }
        }
        return nullptr;
    }

    void say(uint32_t choice, ItemKind kind, Text text) {
        if (!is_told(choice) || text.empty()) {
            return;
        }
        if (current_ == nullptr || current_->said.kind != kind) {
            close_complete();
            current_ = &open(begin(kind));
        }
        tell_delta(*current_, text);
    }

    ResponsesItem begin(ItemKind kind) {
        return begin_item(kind, static_cast<uint32_t>(items_.size()), response_, *arena_);
    }

    Item& open(const ResponsesItem& said) {
        kept_bytes_ += kItemBytes;
        Item& item = arena_->make<Item>(
            Item{.said = said,
                 .text = &arena_->make<json::ArenaText>(*arena_, kTextBytesFirst),
                 .index = static_cast<uint32_t>(items_.size())});
        items_.push_back({&item});
        begin_event("response.output_item.added");
        output_->append(",\"output_index\":");
        append_response_number(item.index, *output_);
        output_->append(",\"item\":");
        write_response_item(item.said, *output_);
        end_event();
        const ItemEvents& events = item_events(said.kind);
        if (!events.part_added.empty()) {
            tell_part(events.part_added, item, {});
        }
        json::ArenaText delta(*arena_, kTextBytesFirst);
        append_response_event(events.delta, delta);
        append_place(item, delta);
        delta.append(",\"delta\":\"");
        item.delta = delta.view();
        return item;
    }

    void close_text(ItemStatus status) {
        if (current_ != nullptr) {
            close(*current_, status);
            current_ = nullptr;
        }
    }

    // Before another item begins: the text that goes on, and calls that have all their arguments.
    void close_complete() {
        close_text(ItemStatus::completed);
        size_t kept = 0;
        for (size_t i = 0; i < calls_.size(); ++i) {
            if (calls_[i].item->scan.is_complete()) {
                close(*calls_[i].item, ItemStatus::completed);
            } else {
                calls_[kept++] = calls_[i];
            }
        }
        while (calls_.size() > kept) {
            calls_.remove_last();
        }
    }

    void close(Item& item, ItemStatus status) {
        item.said.status = status;
        item.said.text = {item.text->view()};
        const ItemEvents& events = item_events(item.said.kind);
        begin_event(events.done);
        append_place(item, *output_);
        json::Writer writer(*output_);
        output_->append(',');
        writer.key(events.whole).text(item.said.text.raw);
        if (item.said.kind == ItemKind::call) {
            writer.key("name").text(item.said.name.raw);
        } else if (item.said.kind == ItemKind::text) {
            writer.key("logprobs").begin_array().end_array();
        }
        end_event();
        if (!events.part_done.empty()) {
            tell_part(events.part_done, item, item.said.text);
        }
        begin_event("response.output_item.done");
        output_->append(",\"output_index\":");
        append_response_number(item.index, *output_);
        output_->append(",\"item\":");
        write_response_item(item.said, *output_);
        end_event();
    }

    // The events that nearly all of a stream consists of.
    void tell_delta(Item& item, Text text) {
        item.text->append(text.raw);
        kept_bytes_ += text.raw.size();
        output_->append(item.delta);
        output_->append(text.raw);
        output_->append(item.said.kind == ItemKind::text ? "\",\"logprobs\":[],\"sequence_number\":"
                                                         : "\",\"sequence_number\":");
        append_response_number(sequence_++, *output_);
        output_->append("}\n\n");
    }

    void tell_part(std::string_view type, const Item& item, Text text) {
        begin_event(type);
        append_place(item, *output_);
        output_->append(",\"part\":");
        write_response_part(item.said.kind, text, *output_);
        end_event();
    }

    void gather_items() {
        ArenaList<ResponsesItem> items(*arena_);
        for (const auto& [item] : items_.view()) {
            items.push_back(item->said);
        }
        response_.items = items.view();
    }

    void tell_response(std::string_view type) {
        begin_event(type);
        output_->append(",\"response\":");
        write_response(response_, context_, *output_);
        end_event();
    }

    static void append_place(const Item& item, json::TextOutput& output) {
        output.append(",\"item_id\":\"");
        output.append(item.said.id.raw);
        output.append("\",\"output_index\":");
        append_response_number(item.index, output);
        if (const std::string_view part = item_events(item.said.kind).part; !part.empty()) {
            output.append(",\"");
            output.append(part);
            output.append("\":0");
        }
    }

    void begin_event(std::string_view type) {
        append_response_event(type, *output_);
        output_->append(",\"sequence_number\":");
        append_response_number(sequence_++, *output_);
    }

    void end_event() { output_->append("}\n\n"); }

    const ReplyContext& context_;
    json::TextOutput* output_;
    Arena* arena_;
    ResponsesObject response_;
    ArenaList<Slot> items_;
    ArenaList<Slot> calls_;    // Those that are open.
    Item* current_ = nullptr;  // The item that text goes to.
    uint64_t kept_bytes_ = 0;
    uint64_t sequence_ = 0;
    Usage usage_;
};

}  // namespace

StreamEncoder& make_responses_stream_encoder(const ReplyContext& context,
                                             json::TextOutput& output,
                                             Arena& arena) {
    return arena.make<ResponsesStreamEncoder>(context, output, arena);
}

}  // namespace sluice::providers
