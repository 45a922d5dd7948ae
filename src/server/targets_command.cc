// Words into one request, and its answer into a table.
#include "server/targets_command.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/priority.h"
#include "base/text.h"
#include "config/checks.h"
#include "config/environment.h"
#include "config/nearest.h"
#include "json/tree.h"
#include "json/writer.h"
#include "server/admin_client.h"
#include "server/admin_commands.h"
#include "server/cli.h"
#include "server/client_options.h"
#include "server/text_table.h"

namespace sluice::server {

namespace {

constexpr std::string_view kHelp =
    R"(sluice targets - the targets of pools of a running gateway

USAGE
  sluice targets [--watch] [--json]
      All targets: their state, what they have in flight, what they did.
  sluice targets POOL/TARGET drain
      Gives it nothing new; what it has goes on.
  sluice targets POOL/TARGET force-open
      As if its breaker were open, for as long as you like.
  sluice targets POOL/TARGET force-close
      Uses it whatever health checks, breaker and ejection say.
  sluice targets POOL/TARGET activate
      Ends each of these.
  sluice targets POOL/TARGET weight N
      Gives it another weight; 0 is that of the configuration again.
  sluice targets add POOL [HOST:PORT] [--llm LLM] [--model MODEL] [--weight N]
                 [--priority N]
      Another target, with the settings of LLM (or of the pool's discovery) at
      that address; without one, the LLM itself.
  sluice targets remove POOL/TARGET
      Gives it nothing new, and forgets it.

  A change is in force when the command returns. It outlives reloads and ends with
  the process.

OPTIONS
  --watch
          Again every second, until it is interrupted.
)";

struct Verb {
    std::string_view name;
    std::string_view mode;  // Empty: a weight follows.
};

constexpr Verb kVerbs[] = {
    {"drain", "drained"},
    {"activate", "active"},
    {"force-open", "forced_open"},
    {"force-close", "forced_closed"},
    {"weight", ""},
};

constexpr std::string_view kOptions[] = {"--admin", "--config", "--help",     "--json",  "--llm",
                                         "--model", "--watch",  "--priority", "--weight"};
constexpr std::chrono::seconds kWatchPeriod(1);
// To the upper left corner, and nothing below it.
constexpr std::string_view kClearScreen = "\x1b[H\x1b[J";

class Parser {
public:
    explicit Parser(std::span<const std::string> arguments) : arguments_(arguments) {}

    std::expected<TargetsRequest, std::string> run() {
        while (next_ < arguments_.size() && error_.empty() && !request_.wants_help) {
            const std::string_view text = arguments_[next_++];
            if (text.size() > 1 && text.starts_with('-')) {
                option(text);
            } else {
                words_.push_back(text);
            }
        }
        if (error_.empty() && !request_.wants_help) {
            finish();
        }
        if (!error_.empty()) {
            return std::unexpected("targets: " + error_);
        }
        return std::move(request_);
    }

private:
    void fail(std::string text) { error_ = error_.empty() ? std::move(text) : error_; }

    void option(std::string_view text) {
        const size_t equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        if (text == "--help" || text == "-h") {
            request_.wants_help = true;
        } else if (text == "--json") {
            request_.json = true;
        } else if (text == "--watch") {
            request_.watch = true;
        } else if (std::string* const to = text_option(name)) {
            const bool is_inline = equals != std::string_view::npos;
            if (!is_inline && next_ == arguments_.size()) {
                return fail(fmt::format("{}: the value is missing", name));
            }
            *to = is_inline ? text.substr(equals + 1) : std::string_view(arguments_[next_++]);
        } else {
            const std::string hint = config::did_you_mean(name, kOptions);
            fail(fmt::format("unknown option {}{}", config::in_quotes(name),
                             hint.empty() ? "; `sluice targets --help` lists all" : hint));
        }
    }

    // Null for one that takes no text.
    std::string* text_option(std::string_view name) {
        return name == "--admin"                    ? &request_.admin_address
               : name == "--config" || name == "-c" ? &request_.config_file
               : name == "--llm"                    ? &llm_
               : name == "--model"                  ? &model_
               : name == "--weight"                 ? &weight_
               : name == "--priority"               ? &priority_
                                                    : nullptr;
    }

    void finish() {
        const bool is_new = !words_.empty() && words_[0] == "add";
        const bool describes =
            !(llm_.empty() && model_.empty() && weight_.empty() && priority_.empty());
        if (describes && !is_new) {
            return fail("--llm, --model, --weight and --priority: belong to add");
        }
        if (request_.watch && !words_.empty()) {
            return fail("--watch: belongs to the table");
        }
        if (is_new) {
            add();
        } else if (!words_.empty() && words_[0] == "remove") {
            remove();
        } else if (!words_.empty()) {
            change();
        }
    }

    // The path of a target, from POOL/TARGET.
    void name_target(std::string_view place) {
        const size_t slash = place.find('/');
        if (slash == std::string_view::npos || slash == 0 || slash + 1 == place.size()) {
            return fail(fmt::format("{}: expected POOL/TARGET", config::in_quotes(place)));
        }
        request_.path += fmt::format("/{}/{}", path_segment(place.substr(0, slash)),
                                     path_segment(place.substr(slash + 1)));
    }

    void remove() {
        if (words_.size() != 2) {
            return fail("remove: expected POOL/TARGET, and nothing else");
        }
        request_.method = "DELETE";
        name_target(words_[1]);
    }

    void add() {
        if (words_.size() < 2 || words_.size() > 3) {
            return fail("add: expected POOL and HOST:PORT, or POOL and --llm");
        }
        request_.method = "POST";
        request_.path += "/" + path_segment(words_[1]);
        json::StringText text(request_.body);
        json::Writer writer(text);
        writer.begin_object();
        const auto member = [&](std::string_view key, std::string_view value) {
            if (!value.empty()) {
                writer.key(key).string(value);
            }
        };
        member("llm", llm_);
        member("address", words_.size() > 2 ? words_[2] : std::string_view());
        member("model", model_);
        number(writer, "weight", weight_);
        number(writer, "priority", priority_);
        writer.end_object();
        text.finish();
    }

    void number(json::Writer& writer, std::string_view key, std::string_view text) {
        const auto value = parse_decimal(text);
        if (value) {
            writer.key(key).unsigned_integer(*value);
        } else if (!text.empty()) {
            fail(fmt::format("--{}: expected a whole number", key));
        }
    }

    void change() {
        const std::string_view place = words_[0];
        name_target(place);
        std::vector<std::string_view> names;
        std::ranges::transform(kVerbs, std::back_inserter(names), &Verb::name);
        const auto* const verb = words_.size() < 2
                                     ? std::end(kVerbs)
                                     : std::ranges::find(kVerbs, words_[1], &Verb::name);
        if (verb == std::end(kVerbs)) {
            return fail(fmt::format("{}: expected one of {}", place, fmt::join(names, ", ")));
        }
        const bool is_weight = verb->mode.empty();
        if (words_.size() > (is_weight ? 3U : 2U)) {
            return fail(fmt::format("unexpected argument {}", config::in_quotes(words_.back())));
        }
        request_.method = "PATCH";
        if (!is_weight) {
            request_.body = fmt::format(R"({{"mode":"{}"}})", verb->mode);
            return;
        }
        const auto weight = parse_decimal(words_.size() < 3 ? std::string_view() : words_[2]);
        if (!weight) {
            return fail("weight: expected a whole number");
        }
        request_.body = fmt::format(R"({{"weight":{}}})", *weight);
    }

    std::span<const std::string> arguments_;
    size_t next_ = 0;
    std::vector<std::string_view> words_;
    TargetsRequest request_;
    std::string llm_;
    std::string model_;
    std::string weight_;
    std::string priority_;
    std::string error_;
};

// --- Tables.

int64_t integer_of(const json::Value& value) {
    return value.integer().value_or(0);
}

double number_of(const json::Value& value) {
    return value.number().value_or(0);
}

std::string last_error_of(const json::Value& target, Arena& arena) {
    const json::Value& error = target["last_error"];
    return error.is_object() ? fmt::format("{} {:.0f} s ago", shown_text(error["kind"], arena),
                                           number_of(error["age_seconds"]))
                             : std::string("-");
}

// What waits, by priority; nothing where nobody does.
std::string queue_of(const json::Value& queue) {
    std::string text;
    for (const std::string_view priority : kPriorityNames) {
        const int64_t waiting = queue["waiting"][priority].integer().value_or(0);
        if (waiting > 0) {
            fmt::format_to(std::back_inserter(text), ", {} {}", waiting, priority);
        }
    }
    return text.empty() ? text : "; waiting" + text.substr(1);
}

void append_target(std::string& table, const json::Value& target, Arena& arena) {
    const json::Value& flight = target["in_flight"];
    const json::Value& totals = target["totals"];
    const json::Value& connections = target["connections"];
    fmt::format_to(std::back_inserter(table),
                   "{:<30} {:<11} {:>6} {:>4} {:>7} {:>9} {:>9} {:>6.2f} {:>7.1f} {:>5.1f}% {:>10} "
                   "{:>7} {:>8} {:>11}  {}\n",
                   shown_text(target["name"], arena), shown_text(target["state"], arena),
                   integer_of(target["weight"]), integer_of(target["priority"]),
                   integer_of(flight["requests"]), integer_of(flight["prefill_tokens"]),
                   integer_of(flight["kv_tokens"]), number_of(target["slowdown"]),
                   number_of(target["ms_per_token"]), 100 * number_of(target["failure_average"]),
                   integer_of(totals["selected"]), integer_of(totals["faults"]),
                   integer_of(totals["pushbacks"]),
                   fmt::format("{}+{}", integer_of(connections["active"]),
                               integer_of(connections["available"])),
                   last_error_of(target, arena));
}

CommandOutput ask_once(const TargetsRequest& request,
                       const CommandLine& whom,
                       const config::Environment& environment) {
    const auto reply = ask_gateway(whom, environment, request.method, request.path, request.body);
    if (!reply) {
        return failure_of(reply.error());
    }
    constexpr uint16_t kOk = 200;
    constexpr uint16_t kCreated = 201;
    if (reply->status != kOk && reply->status != kCreated) {
        return failure_of(refusal_text(*reply));
    }
    if (request.json) {
        return {kExitOk, reply->body + '\n', ""};
    }
    const auto table = targets_table(reply->body);
    return table ? CommandOutput{kExitOk, *table, ""} : failure_of(table.error());
}

}  // namespace

std::expected<TargetsRequest, std::string> parse_targets(std::span<const std::string> arguments) {
    return Parser(arguments).run();
}

std::expected<std::string, std::string> targets_table(std::string_view json) {
    Arena arena;
    const auto parsed = json::Value::parse(json, arena, ErrorSource::upstream);
    if (parsed && (**parsed)["target"].is_object()) {
        const json::Value& target = (**parsed)["target"];
        return fmt::format(
            "{}: {}, weight {}{}\n", shown_text(target["name"], arena),
            shown_text(target["mode"], arena), integer_of(target["weight"]),
            (**parsed)["in_force"].is_true() ? "" : "; a shard that is busy may not go by it yet");
    }
    if (parsed && (**parsed)["removed"].is_string()) {
        const int64_t in_flight = integer_of((**parsed)["in_flight"]);
        return fmt::format(
            "{}: removed{}{}\n", shown_text((**parsed)["removed"], arena),
            in_flight > 0 ? fmt::format("; {} in flight go on", in_flight) : std::string(),
            (**parsed)["in_force"].is_true() ? "" : "; a shard that is busy may not go by it yet");
    }
    if (!parsed || !(**parsed)["pools"].is_array()) {
        return std::unexpected("the answer is no list of targets");
    }
    std::string table;
    for (const json::Value& pool : (**parsed)["pools"]) {
        fmt::format_to(std::back_inserter(table),
                       "{}pool {}, {}, {} of {} in service{}\n"
                       "{:<30} {:<11} {:>6} {:>4} {:>7} {:>9} {:>9} {:>6} {:>7} {:>6} {:>10} {:>7} "
                       "{:>8} {:>11}  {}\n",
                       table.empty() ? "" : "\n", shown_text(pool["name"], arena),
                       shown_text(pool["strategy"], arena), integer_of(pool["in_service"]),
                       pool["targets"].size(), queue_of(pool["queue"]), "target", "state", "weight",
                       "prio", "flight", "prefill", "kv", "slow", "ms/tok", "fails", "selected",
                       "faults", "pushback", "connections", "last error");
        for (const json::Value& target : pool["targets"]) {
            append_target(table, target, arena);
        }
    }
    return table.empty() ? "no pools\n" : table;
}

CommandOutput run_targets(const CommandLine& line, const config::Environment& environment) {
    const auto request = parse_targets(line.own_arguments);
    if (!request) {
        return misuse_of(request.error());
    }
    if (request->wants_help) {
        return {kExitOk, std::string(kHelp) + std::string(kAdminOptionsHelp), ""};
    }
    const CommandLine whom = asking(line, request->admin_address, request->config_file);
    CommandOutput output = ask_once(*request, whom, environment);
    const bool is_terminal = ::isatty(STDOUT_FILENO) != 0;
    while (request->watch && output.exit_code == kExitOk) {
        const std::string text =
            (is_terminal ? std::string(kClearScreen) : std::string()) + output.standard_output;
        // tidy:allow(print) tables that follow each other are no single output
        if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
            return {kExitFailure, "", ""};  // Nobody reads it any more.
        }
        // tidy:allow(sleep) the gateway tells nobody that something has changed
        std::this_thread::sleep_for(kWatchPeriod);
        output = ask_once(*request, whom, environment);
    }
    return output;
}

}  // namespace sluice::server
