// Arguments into one request by a table of verbs and options, and asking it. What is shown of the
// answer is in admin_tables.cc.
#include "server/admin_verbs.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "access/money.h"
#include "base/text.h"
#include "config/checks.h"
#include "config/environment.h"
#include "config/nearest.h"
#include "json/writer.h"
#include "server/admin_client.h"
#include "server/admin_commands.h"
#include "server/cli.h"
#include "server/client_options.h"

namespace sluice::server {

namespace {

constexpr std::string_view kHelp =
    R"(sluice keys, limits, cache - what a running gateway knows and does

USAGE
  sluice keys list [--tenant TEXT] [--offset N]
  sluice keys show ID
  sluice keys create NAME [KEY...]
      Prints the secret, which is told this once.
  sluice keys update ID [KEY...]
      Changes what is named; everything else stays.
  sluice keys revoke ID
      For good. The key is refused from then on.
  sluice limits [--scope KIND] [--name TEXT] [--offset N]
      What is left of limits and budgets.
  sluice cache stats
  sluice cache purge --all | [--model TEXT] [--tenant TEXT] [--digest HEX]
      Removes answers from the response cache.

KEY
  --name TEXT, --tenant TEXT
  --priority high|normal|low
          How urgent its requests are in the queues of pools; '' is what the route says.
  --models LIST, --routes LIST
          Exact, or a beginning and *; separated by commas. "" for everything.
  --limit NAME=N
          Such as requests_per_minute=60; more than once; 0 takes it away.
  --budget USD, --soft-budget USD, --period hour|day|week|month|total
  --expires TIME
          2027-01-31 or 2027-01-31T12:00:00Z.
  --metadata NAME=TEXT
          More than once; of update, all of it.
  --disable, --enable
)";

// What becomes of an option's value.
enum class Use : uint8_t { admin, config, json, query, text, list, limit, sum, time, pair, flag };

struct Option {
    std::string_view name;
    Use use;
    std::string_view to;  // The parameter or member; "member=value" of a flag.
};

constexpr Option kCommonOptions[] = {
    {"--admin", Use::admin, ""},
    {"--config", Use::config, ""},
    {"-c", Use::config, ""},
    {"--json", Use::json, ""},
};
constexpr Option kListOptions[] = {
    {"--tenant", Use::query, "tenant"},
    {"--offset", Use::query, "offset"},
};
constexpr Option kLimitsOptions[] = {
    {"--scope", Use::query, "scope"},
    {"--name", Use::query, "name"},
    {"--offset", Use::query, "offset"},
};
constexpr Option kKeyOptions[] = {
    {"--name", Use::text, "name"},
    {"--tenant", Use::text, "tenant"},
    {"--models", Use::list, "models"},
    {"--routes", Use::list, "routes"},
    {"--priority", Use::text, "priority"},
    {"--limit", Use::limit, "limits"},
    {"--budget", Use::sum, "usd"},
    {"--soft-budget", Use::sum, "soft_usd"},
    {"--period", Use::text, "period"},
    {"--expires", Use::time, "expires_at"},
    {"--metadata", Use::pair, "metadata"},
    {"--disable", Use::flag, "disabled=true"},
    {"--enable", Use::flag, "disabled=false"},
};
constexpr Option kPurgeOptions[] = {
    {"--all", Use::flag, "all=true"},
    {"--model", Use::text, "model"},
    {"--tenant", Use::text, "tenant"},
    {"--digest", Use::text, "digest"},
};

struct Verb {
    std::string_view noun;
    std::string_view name;  // Empty: the noun is all there is.
    std::string_view word;  // What stands behind it; empty: nothing.
    std::string_view method;
    std::string_view path;  // "{id}" is the word.
    std::span<const Option> options;
};

constexpr Verb kVerbs[] = {
    {"keys", "list", "", "GET", "/v1/keys?limit=1000", kListOptions},
    {"keys", "show", "an id", "GET", "/v1/keys/{id}", {}},
    {"keys", "create", "a name", "POST", "/v1/keys", kKeyOptions},
    {"keys", "update", "an id", "PATCH", "/v1/keys/{id}", kKeyOptions},
    {"keys", "revoke", "an id", "DELETE", "/v1/keys/{id}", {}},
    {"limits", "", "", "GET", "/v1/limits?limit=1000", kLimitsOptions},
    {"cache", "stats", "", "GET", "/v1/cache", {}},
    {"cache", "purge", "", "POST", "/v1/cache/purge", kPurgeOptions},
};

std::string as_json(std::string_view text) {
    std::string to;
    json::StringText output(to);
    json::Writer(output).string(text);
    output.finish();
    return to;
}

// Members of an object, whose values are JSON already.
class Members {
public:
    void put(std::string_view name, std::string_view json) {
        text_ += fmt::format("{}{}:{}", text_.empty() ? "" : ",", as_json(name), json);
    }
    bool empty() const { return text_.empty(); }
    std::string object() const { return '{' + text_ + '}'; }

private:
    std::string text_;
};

class Parser {
public:
    Parser(std::string_view noun, std::span<const std::string> arguments)
        : noun_(noun), arguments_(arguments) {}

    std::expected<VerbRequest, std::string> run();

private:
    void fail(const std::string& text) {
        error_ = error_.empty() ? fmt::format("{}: {}", noun_, text) : error_;
    }
    void find_verb();
    void option(std::string_view text);
    void unknown(std::string_view name);
    void take(const Option& option, std::string_view value);
    void take_list(const Option& option, std::string_view value);
    void take_limit(std::string_view value);
    void finish();

    std::string_view noun_;
    std::span<const std::string> arguments_;
    size_t next_ = 0;
    const Verb* verb_ = nullptr;
    std::string word_;
    std::string query_;
    Members members_;
    Members limits_;
    Members budget_;
    Members metadata_;
    VerbRequest request_;
    std::string error_;
};

void Parser::find_verb() {
    std::vector<std::string_view> names;
    for (const Verb& verb : kVerbs) {
        if (verb.noun != noun_) {
            continue;
        }
        names.push_back(verb.name);
        const bool is_named = next_ < arguments_.size() && verb.name == arguments_[next_];
        if (verb.name.empty() || is_named) {
            next_ += verb.name.empty() ? 0 : 1;
            verb_ = &verb;
            return;
        }
    }
    fail(next_ == arguments_.size()
             ? fmt::format("expected one of {}", fmt::join(names, ", "))
             : fmt::format("unknown verb {}; expected one of {}",
                           config::in_quotes(arguments_[next_]), fmt::join(names, ", ")));
}

std::expected<VerbRequest, std::string> Parser::run() {
    for (const std::string_view help : {"--help", "-h"}) {
        if (std::ranges::find(arguments_, help) != arguments_.end()) {
            request_.wants_help = true;
            return std::move(request_);
        }
    }
    find_verb();
    while (error_.empty() && next_ < arguments_.size()) {
        const std::string_view text = arguments_[next_++];
        if (text.starts_with('-')) {
            option(text);
        } else if (!verb_->word.empty() && word_.empty()) {
            word_ = text;
        } else {
            fail(fmt::format("unexpected argument {}", config::in_quotes(text)));
        }
    }
    if (error_.empty()) {
        finish();
    }
    if (!error_.empty()) {
        return std::unexpected(std::move(error_));
    }
    return std::move(request_);
}

void Parser::unknown(std::string_view name) {
    std::vector<std::string_view> names = {"--help"};
    std::ranges::transform(kCommonOptions, std::back_inserter(names), &Option::name);
    std::ranges::transform(verb_->options, std::back_inserter(names), &Option::name);
    const std::string hint = config::did_you_mean(name, names);
    fail(fmt::format("unknown option {}{}", config::in_quotes(name),
                     hint.empty() ? fmt::format("; `sluice {} --help` lists all", noun_) : hint));
}

// --name VALUE, --name=VALUE or -c VALUE
void Parser::option(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const Option* found = nullptr;
    for (const std::span<const Option> options :
         {std::span<const Option>(kCommonOptions), verb_->options}) {
        const auto at = std::ranges::find(options, name, &Option::name);
        found = at == options.end() ? found : &*at;
    }
    if (found == nullptr) {
        unknown(name);
        return;
    }
    const bool has_none = found->use == Use::flag || found->use == Use::json;
    if (has_none && equals != std::string_view::npos) {
        fail(fmt::format("{}: has no value", name));
        return;
    }
    const bool is_inline = equals != std::string_view::npos;
    if (!has_none && !is_inline && next_ == arguments_.size()) {
        fail(fmt::format("{}: the value is missing", name));
        return;
    }
    take(*found, has_none    ? std::string_view()
                 : is_inline ? text.substr(equals + 1)
                             : std::string_view(arguments_[next_++]));
}

void Parser::take(const Option& option, std::string_view value) {
    const size_t equals = value.find('=');
    switch (option.use) {
        case Use::admin:
            request_.admin_address = value;
            return;
        case Use::config:
            request_.config_file = value;
            return;
        case Use::json:
            request_.json = true;
            return;
        case Use::query:
            query_ += fmt::format("&{}={}", option.to, path_segment(value));
            return;
        case Use::text:
            (option.to == "period" ? budget_ : members_).put(option.to, as_json(value));
            return;
        case Use::list:
            return take_list(option, value);
        case Use::limit:
            return take_limit(value);
        case Use::sum:
            if (!access::parse_dollars(value)) {
                return fail(fmt::format("{}: {} is no sum of dollars such as 25.50", option.name,
                                        config::in_quotes(value)));
            }
            return budget_.put(option.to, value);
        case Use::time: {
            const bool is_date = value.size() == std::string_view("2027-01-31").size();
            return members_.put(option.to,
                                as_json(std::string(value) + (is_date ? "T00:00:00Z" : "")));
        }
        case Use::pair:
            if (equals == std::string_view::npos) {
                return fail(fmt::format("{}: expected NAME=TEXT", option.name));
            }
            return metadata_.put(value.substr(0, equals), as_json(value.substr(equals + 1)));
        case Use::flag: {
            const size_t at = option.to.find('=');
            return members_.put(option.to.substr(0, at), option.to.substr(at + 1));
        }
    }
}

void Parser::take_list(const Option& option, std::string_view value) {
    std::string list;
    while (const auto item = next_list_element(value)) {
        list += (list.empty() ? "" : ",") + as_json(*item);
    }
    members_.put(option.to, '[' + list + ']');
}

void Parser::take_limit(std::string_view value) {
    const size_t equals = value.find('=');
    const bool has_number =
        equals != std::string_view::npos && parse_decimal(value.substr(equals + 1)).has_value();
    if (!has_number) {
        fail("--limit: expected NAME=N, such as requests_per_minute=60");
        return;
    }
    limits_.put(value.substr(0, equals), value.substr(equals + 1));
}

void Parser::finish() {
    if (!verb_->word.empty() && word_.empty()) {
        fail(fmt::format("{}: expected {}", verb_->name, verb_->word));
        return;
    }
    if (verb_->name == "create") {
        members_.put("name", as_json(word_));
    }
    for (const auto& [name, group] :
         {std::pair{"limits", &limits_}, {"budget", &budget_}, {"metadata", &metadata_}}) {
        if (!group->empty()) {
            members_.put(name, group->object());
        }
    }
    request_.method = verb_->method;
    request_.path = verb_->path;
    if (const size_t at = request_.path.find("{id}"); at != std::string::npos) {
        request_.path.replace(at, std::string_view("{id}").size(), path_segment(word_));
    }
    request_.path += query_;
    if (request_.method == "POST" || request_.method == "PATCH") {
        request_.body = members_.object();
    }
}

}  // namespace

std::expected<VerbRequest, std::string> parse_verb(std::string_view noun,
                                                   std::span<const std::string> arguments) {
    return Parser(noun, arguments).run();
}

CommandOutput run_verb(std::string_view noun,
                       const CommandLine& line,
                       const config::Environment& environment) {
    auto request = parse_verb(noun, line.own_arguments);
    if (!request) {
        return misuse_of(request.error());
    }
    if (request->wants_help) {
        return {kExitOk, std::string(kHelp) + "\nOPTIONS\n" + std::string(kAdminOptionsHelp), ""};
    }
    const CommandLine whom = asking(line, request->admin_address, request->config_file);
    const auto reply =
        ask_gateway(whom, environment, request->method, request->path, request->body);
    if (!reply) {
        return failure_of(reply.error());
    }
    constexpr uint16_t kFirstRefusal = 300;
    if (reply->status >= kFirstRefusal) {
        return failure_of(refusal_text(*reply));
    }
    if (request->json) {
        return {kExitOk, reply->body + '\n', ""};
    }
    const auto table = verb_table(*request, reply->body);
    return table ? CommandOutput{kExitOk, *table, ""} : failure_of(table.error());
}

}  // namespace sluice::server
