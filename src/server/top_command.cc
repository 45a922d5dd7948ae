// Asks, draws, waits for a key or the next second, and again.
#include "server/top_command.h"

#include <algorithm>
#include <charconv>
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
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/time.h"
#include "config/checks.h"
#include "config/environment.h"
#include "config/nearest.h"
#include "server/admin_commands.h"
#include "server/cli.h"
#include "server/client_options.h"
#include "server/terminal.h"
#include "server/top_facts.h"
#include "server/top_view.h"

namespace sluice::server {

namespace {

constexpr std::string_view kHelp =
    R"(sluice top - what a running gateway does, every second

USAGE
  sluice top [--interval SECONDS] [--sort KEY] [--once] [--json]
      Streams and requests in all, the shards, and tables of routes, models,
      upstreams and targets of pools. Figures are those of the time between two frames,
      those of the first one of all the time since the gateway's start.

KEYS
  s       sorts by the next column; n name, r requests, e errors, t time to the
          first token, f in flight
  h       explains the keys and figures
  q       ends

OPTIONS
  --interval SECONDS
          From one frame to the next, 0.1 to 3600; default 1.
  --sort KEY
          One of name, requests, errors, ttft, flight; default name.
  --once
          One frame, as it is when standard output is no terminal. With --json
          alone, an object a line is printed until it is interrupted.
)";
constexpr double kIntervalMinS = 0.1;
constexpr double kIntervalMaxS = 3'600;
constexpr size_t kSorts = std::size(kTopSorts);

std::optional<Duration> parse_interval(std::string_view text) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    if (!is_whole || !(seconds >= kIntervalMinS && seconds <= kIntervalMaxS)) {
        return std::nullopt;
    }
    return Duration::microseconds(static_cast<int64_t>(seconds * 1e6));
}

std::optional<TopSort> sort_named(std::string_view name) {
    for (size_t i = 0; i < kSorts; ++i) {
        if (kTopSorts[i].first == name) {
            return static_cast<TopSort>(i);
        }
    }
    return std::nullopt;
}

std::optional<TopSort> sort_of_key(char key, TopSort sort) {
    if (key == 's') {
        return static_cast<TopSort>((static_cast<size_t>(sort) + 1) % kSorts);
    }
    for (size_t i = 0; i < kSorts; ++i) {
        if (kTopSorts[i].second == key) {
            return static_cast<TopSort>(i);
        }
    }
    return std::nullopt;
}

// Asks one gateway again and again.
class Watcher {
public:
    Watcher(const TopRequest& request,
            const CommandLine& line,
            const config::Environment& environment)
        : whom_(asking(line, request.client.admin_address, request.client.config_file)),
          environment_(environment) {}

    // The figures since the last time. The error is the reason, for a person.
    std::expected<TopFigures, std::string> look() {
        std::string bodies[4];
        constexpr std::string_view kPaths[] = {"/v1/status", "/v1/stats", "/v1/histograms",
                                               "/v1/targets"};
        for (size_t i = 0; i < std::size(kPaths); ++i) {
            auto reply = ask_gateway(whom_, environment_, "GET", kPaths[i]);
            if (!reply) {
                return std::unexpected(std::move(reply.error()));
            }
            if (reply->status != 200) {
                return std::unexpected(refusal_text(*reply));
            }
            bodies[i] = std::move(reply->body);
        }
        auto now = read_top_look({.status = bodies[0],
                                  .stats = bodies[1],
                                  .histograms = bodies[2],
                                  .targets = bodies[3]});
        if (!now) {
            return std::unexpected(std::move(now.error()));
        }
        TopFigures figures = top_figures(last_ ? &*last_ : nullptr, *now);
        last_ = std::move(*now);
        return figures;
    }

private:
    const CommandLine whom_;
    const config::Environment& environment_;
    std::optional<TopLook> last_;
};

std::string joined(const std::vector<std::string>& lines) {
    return fmt::format("{}\n", fmt::join(lines, "\n"));
}

Instant clock_now() {
    // tidy:allow(clock) a command has no shard that could tell the time
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return Instant::from_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

CommandOutput show_once(Watcher& watcher, const TopRequest& request) {
    auto figures = watcher.look();
    if (!figures) {
        return failure_of(figures.error());
    }
    sort_top(*figures, request.sort);
    TopView view;
    view.sort = request.sort;
    return {kExitOk,
            request.client.json ? top_json(*figures) + '\n' : joined(top_lines(*figures, view)),
            ""};
}

CommandOutput print_objects(Watcher& watcher, const TopRequest& request) {
    while (true) {
        CommandOutput output = show_once(watcher, request);
        if (output.exit_code != kExitOk) {
            return output;
        }
        // tidy:allow(print) objects that follow each other are no single output
        if (std::fputs(output.standard_output.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
            return {kExitFailure, "", ""};  // Nobody reads them any more.
        }
        // tidy:allow(sleep) the gateway tells nobody that something has changed
        std::this_thread::sleep_for(std::chrono::microseconds(request.interval.us()));
    }
}

// The picture on a terminal. A gateway that does not answer may be starting again: what was known
// stays, and the reason stands above it.
class Picture {
public:
    Picture(Watcher& watcher, const TopRequest& request, bool has_colours)
        : watcher_(watcher), interval_(request.interval) {
        view_.sort = request.sort;
        view_.has_colours = has_colours;
    }

    CommandOutput run() {
        auto first = watcher_.look();
        if (!first) {
            return failure_of(first.error());
        }
        figures_ = std::move(*first);
        Terminal terminal;
        Instant due = clock_now() + interval_;
        while (draw(terminal)) {
            const std::optional<char> key = terminal.wait_for_key(due - clock_now());
            if (key && !obey(*key)) {
                return {};
            }
            if (clock_now() >= due) {
                take(watcher_.look());
                due = clock_now() + interval_;
            }
        }
        return {kExitFailure, "", ""};
    }

private:
    bool draw(Terminal& terminal) {
        sort_top(figures_, view_.sort);
        view_.columns = terminal.columns();
        view_.lines = std::max<size_t>(terminal.lines(), 2) - 1;  // The cursor has one.
        view_.has_keys = terminal.has_keys();
        return terminal.show(top_lines(figures_, view_));
    }

    void take(std::expected<TopFigures, std::string> figures) {
        view_.problem = figures ? std::string() : figures.error();
        if (figures) {
            figures_ = std::move(*figures);
        }
    }

    // False: it is the end.
    bool obey(char key) {
        if (key == 'h' || key == '?') {
            view_.shows_help = !view_.shows_help;
        } else if (const auto sort = sort_of_key(key, view_.sort)) {
            view_.sort = *sort;
            view_.shows_help = false;
        }
        return key != 'q';
    }

    Watcher& watcher_;
    const Duration interval_;
    TopFigures figures_;
    TopView view_;
};

}  // namespace

std::expected<TopRequest, std::string> parse_top(std::span<const std::string> arguments) {
    TopRequest request;
    std::string interval = "1";
    std::string sort = "name";
    const OwnOption own[] = {{.name = "--interval", .value = &interval},
                             {.name = "--sort", .value = &sort},
                             {.name = "--once", .flag = &request.once}};
    const auto words = parse_client_options("top", arguments, own, request.client);
    if (!words) {
        return std::unexpected(words.error());
    }
    if (!words->empty()) {
        return std::unexpected(
            fmt::format("top: unexpected argument {}", config::in_quotes(words->front())));
    }
    const std::optional<Duration> period = parse_interval(interval);
    if (!period) {
        return std::unexpected(fmt::format("top: --interval: expected seconds from {} to {}",
                                           kIntervalMinS, kIntervalMaxS));
    }
    const std::optional<TopSort> known = sort_named(sort);
    if (!known) {
        std::vector<std::string_view> names;
        for (const auto& [name, key] : kTopSorts) {
            names.push_back(name);
        }
        return std::unexpected(fmt::format("top: --sort: expected one of {}{}",
                                           fmt::join(names, ", "),
                                           config::did_you_mean(sort, names)));
    }
    request.interval = *period;
    request.sort = *known;
    return request;
}

CommandOutput run_top(const CommandLine& line, const config::Environment& environment) {
    const auto request = parse_top(line.own_arguments);
    if (!request) {
        return misuse_of(request.error());
    }
    if (request->client.wants_help) {
        return {kExitOk, std::string(kHelp) + std::string(kAdminOptionsHelp), ""};
    }
    Watcher watcher(*request, line, environment);
    if (request->client.json && !request->once) {
        return print_objects(watcher, *request);
    }
    if (request->once || !Terminal::is_there()) {
        return show_once(watcher, *request);
    }
    const bool has_colours = environment("NO_COLOR").value_or("").empty();
    return Picture(watcher, *request, has_colours).run();
}

}  // namespace sluice::server
