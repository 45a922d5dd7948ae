// Spans of text and their colour, cut to the width that there is; tables share the height.
#include "server/top_view.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "server/text_table.h"
#include "server/top_facts.h"

namespace sluice::server {

namespace {

constexpr double kErrorsMany = 0.05;

enum class Tone : uint8_t { plain, strong, heading, good, warning, bad };
// Select Graphic Rendition of ECMA-48, by Tone.
constexpr std::array<std::string_view, 6> kTones = {"", "1", "7", "32", "33", "31"};

struct Span {
    std::string text;
    Tone tone = Tone::plain;
};
using Line = std::vector<Span>;

// The first characters of a text, where a character may have several bytes.
std::string_view first_characters(std::string_view text, size_t count) {
    size_t bytes = 0;
    for (; bytes < text.size(); ++bytes) {
        const bool begins = (static_cast<uint8_t>(text[bytes]) & 0xC0U) != 0x80U;
        if (begins && count-- == 0) {
            break;
        }
    }
    return text.substr(0, bytes);
}

std::string drawn(const Line& line, const TopView& view) {
    std::string text;
    size_t left = view.columns == 0 ? SIZE_MAX : view.columns;
    for (const Span& span : line) {
        const std::string_view shown = first_characters(span.text, left);
        left -= std::min(left, width(shown));
        if (view.has_colours && span.tone != Tone::plain && !shown.empty()) {
            text += fmt::format("\x1b[{}m{}\x1b[0m", kTones[static_cast<size_t>(span.tone)], shown);
        } else {
            text += shown;
        }
    }
    if (!view.has_colours) {
        text.erase(text.find_last_not_of(' ') + 1);
    }
    return text;
}

std::string number_text(double number) {
    constexpr double kWithoutFraction = 1'000;
    return number < kWithoutFraction ? fmt::format("{:.1f}", number)
                                     : fmt::format("{:.0f}", number);
}

std::string figure_text(const Figure& figure, double factor = 1) {
    return figure ? number_text(*figure * factor) : "-";
}

std::string time_text(double seconds) {
    constexpr uint64_t kMinute = 60;
    constexpr uint64_t kHour = 60 * kMinute;
    constexpr uint64_t kDay = 24 * kHour;
    const auto all = static_cast<uint64_t>(std::max(seconds, 0.0));
    return fmt::format("{}{:02}:{:02}:{:02}",
                       all < kDay ? std::string() : fmt::format("{}d ", all / kDay),
                       all % kDay / kHour, all % kHour / kMinute, all % kMinute);
}

Tone tone_of_errors(const Figure& share) {
    return !share || *share <= 0 ? Tone::plain : *share < kErrorsMany ? Tone::warning : Tone::bad;
}

// --- Tables.

struct Column {
    std::string_view title;
    size_t width;
    Span (*cell)(const TopRow& row);
};

constexpr double kPercent = 100;

Span requests_cell(const TopRow& row) {
    return {number_text(row.requests_per_s)};
}
Span tokens_cell(const TopRow& row) {
    return {number_text(row.tokens_per_s)};
}
Span errors_cell(const TopRow& row) {
    return {figure_text(row.error_share, kPercent), tone_of_errors(row.error_share)};
}
Span median_cell(const TopRow& row) {
    return {figure_text(row.first_token_p50_ms)};
}
Span slowest_cell(const TopRow& row) {
    return {figure_text(row.first_token_p99_ms)};
}
Span state_cell(const TopRow& row) {
    const bool is_between = row.state == "starting" || row.state == "half_open";
    return {row.state, row.state == "ok" ? Tone::good : is_between ? Tone::warning : Tone::bad};
}
Span breaker_cell(const TopRow& row) {
    return {row.breaker, row.breaker == "closed" ? Tone::plain : Tone::warning};
}
Span flight_cell(const TopRow& row) {
    return {row.in_flight ? std::to_string(*row.in_flight) : "-"};
}

constexpr Column kRouteColumns[] = {
    {"req/s", 9, &requests_cell}, {"tok/s", 9, &tokens_cell}, {"err %", 7, &errors_cell}};
// Whether it was a failure is not counted by model.
constexpr Column kModelColumns[] = {{"req/s", 9, &requests_cell}, {"tok/s", 9, &tokens_cell}};
constexpr Column kUpstreamColumns[] = {{"req/s", 9, &requests_cell},
                                       {"tok/s", 9, &tokens_cell},
                                       {"err %", 7, &errors_cell},
                                       {"ttft p50", 10, &median_cell},
                                       {"p99 ms", 9, &slowest_cell}};
constexpr Column kTargetColumns[] = {{"state", 12, &state_cell},  {"breaker", 11, &breaker_cell},
                                     {"flight", 8, &flight_cell}, {"req/s", 9, &requests_cell},
                                     {"err %", 7, &errors_cell},  {"ttft p50", 10, &median_cell},
                                     {"p99 ms", 9, &slowest_cell}};

struct Table {
    std::string_view title;
    std::span<const Column> columns;
    const std::vector<TopRow>& rows;
};

std::string name_of(const TopRow& row) {
    return row.pool.empty() ? row.name : row.pool + "/" + row.name;
}

// What the columns leave of the width, but no more than the longest name takes.
size_t name_width(const Table& table, const TopView& view) {
    constexpr size_t kLeast = 12;
    size_t widest = std::max(kLeast, width(table.title));
    for (const TopRow& row : table.rows) {
        widest = std::max(widest, width(name_of(row)));
    }
    size_t others = 0;
    for (const Column& column : table.columns) {
        others += column.width;
    }
    const size_t left = view.columns > others + kLeast ? view.columns - others : kLeast;
    return view.columns == 0 ? widest : std::min(widest, left);
}

Span filled(std::string_view text, size_t columns, Tone tone) {
    const size_t wide = width(text);
    return wide > columns ? Span{std::string(first_characters(text, columns - 1)) + "~", tone}
                          : Span{std::string(text) + std::string(columns - wide, ' '), tone};
}

Span right(const Span& span, size_t columns) {
    const size_t wide = width(span.text);
    return {std::string(columns > wide ? columns - wide : 1, ' ') + span.text, span.tone};
}

// `rows_max` of its rows, the last of which tells how many are left out.
void append_table(std::vector<Line>& lines,
                  const Table& table,
                  size_t rows_max,
                  const TopView& view) {
    const size_t names = name_width(table, view);
    lines.emplace_back();
    Line heading = {filled(table.title, names, Tone::heading)};
    for (const Column& column : table.columns) {
        heading.push_back(right({std::string(column.title), Tone::heading}, column.width));
    }
    lines.push_back(std::move(heading));
    const size_t count = table.rows.size();
    const size_t shown = count <= rows_max ? count : rows_max - 1;
    for (const TopRow& row : std::span(table.rows).first(shown)) {
        Line line = {filled(name_of(row), names, Tone::plain)};
        for (const Column& column : table.columns) {
            line.push_back(right(column.cell(row), column.width));
        }
        lines.push_back(std::move(line));
    }
    if (shown < count) {
        lines.push_back({{fmt::format("... {} more", count - shown)}});
    }
}

// So many rows for each table that all fit: the small ones are whole, the others alike.
std::vector<size_t> share_rows(std::span<const Table> tables, size_t left) {
    std::vector<size_t> shares(tables.size(), 0);
    for (bool has_changed = true; left > 0 && has_changed;) {
        has_changed = false;
        for (size_t i = 0; i < tables.size() && left > 0; ++i) {
            if (shares[i] < tables[i].rows.size()) {
                ++shares[i];
                --left;
                has_changed = true;
            }
        }
    }
    return shares;
}

void append_tables(std::vector<Line>& lines,
                   const TopFigures& figures,
                   const TopView& view,
                   size_t lines_max) {
    constexpr size_t kLinesOfHeading = 2;
    const std::array<Table, 4> tables = {{{"route", kRouteColumns, figures.routes},
                                          {"model", kModelColumns, figures.models},
                                          {"upstream", kUpstreamColumns, figures.upstreams},
                                          {"target", kTargetColumns, figures.targets}}};
    std::vector<Table> shown;
    for (const Table& table : tables) {
        if (!table.rows.empty()) {
            shown.push_back(table);
        }
    }
    const size_t used = lines.size() + kLinesOfHeading * shown.size();
    const size_t left = lines_max - std::min(lines_max, used);
    const std::vector<size_t> shares = share_rows(shown, left);
    for (size_t i = 0; i < shown.size(); ++i) {
        if (shares[i] > 0) {
            append_table(lines, shown[i], shares[i], view);
        }
    }
}

// --- What stands above them.

void append_headline(std::vector<Line>& lines, const TopFigures& figures, const TopView& view) {
    Line first = {{"sluice " + figures.version, Tone::strong}};
    first.push_back(
        {fmt::format("  up {}  {}", time_text(figures.uptime_s),
                     figures.is_since_start ? std::string("since the start")
                                            : fmt::format("last {:.1f} s", figures.period_s))});
    if (figures.is_draining) {
        first.push_back({"  draining", Tone::warning});
    }
    lines.push_back(std::move(first));
    if (!view.problem.empty()) {
        lines.push_back({{"no answer: " + view.problem, Tone::bad}});
    }
    const TopRow& all = figures.all;
    lines.push_back(
        {{fmt::format("{} open  {} req/s  {} tok/s  errors ", figures.in_flight,
                      number_text(all.requests_per_s), number_text(all.tokens_per_s))},
         {all.error_share ? figure_text(all.error_share, kPercent) + " %" : "-",
          tone_of_errors(all.error_share)},
         {fmt::format("  ttft p50 {} p90 {} p99 {} ms", figure_text(all.first_token_p50_ms),
                      figure_text(figures.first_token_p90_ms),
                      figure_text(all.first_token_p99_ms))}});
    Line shards;
    for (size_t i = 0; i < figures.shards.size(); ++i) {
        const TopShard& shard = figures.shards[i];
        shards.push_back({fmt::format("{}shard {}: ", i == 0 ? "" : ", ", i)});
        shards.push_back(shard.responds
                             ? Span{fmt::format("{}/{}", shard.exchanges, shard.connections)}
                             : Span{"no answer", Tone::bad});
    }
    shards.push_back({fmt::format(
        "  (exchanges/connections), imbalance {}",
        figures.imbalance ? fmt::format("{:.2f}", *figures.imbalance) : std::string("-"))});
    lines.push_back(std::move(shards));
}

std::string_view sort_name(TopSort sort) {
    return kTopSorts[static_cast<size_t>(sort)].first;
}

void append_help(std::vector<Line>& lines) {
    lines.emplace_back();
    std::string sorts;
    for (const auto& [name, key] : kTopSorts) {
        sorts += fmt::format("{}{} {}", sorts.empty() ? "" : ", ", key, name);
    }
    lines.push_back({{"s      sorts by the next column"}});
    lines.push_back({{"       " + sorts}});
    lines.push_back({{"h      shows this, or the tables again"}});
    lines.push_back({{"q      ends"}});
    lines.emplace_back();
    lines.push_back({{"tok/s are tokens of answers that ended; ttft is from a stream's request"}});
    lines.push_back({{"to its first event. Figures are those of the time between two frames."}});
}

}  // namespace

std::vector<std::string> top_lines(const TopFigures& figures, const TopView& view) {
    std::vector<Line> lines;
    append_headline(lines, figures, view);
    // The last one is that of the keys.
    const size_t lines_max = view.lines == 0 ? SIZE_MAX : view.lines - (view.has_keys ? 1 : 0);
    if (view.shows_help) {
        append_help(lines);
    } else {
        append_tables(lines, figures, view, lines_max);
    }
    if (lines.size() > lines_max) {
        lines.resize(lines_max);
    }
    if (view.has_keys) {
        lines.push_back(
            {{fmt::format("sorted by {}; s: next, q: end, h: help", sort_name(view.sort)),
              Tone::strong}});
    }
    std::vector<std::string> texts;
    texts.reserve(lines.size());
    for (const Line& line : lines) {
        texts.push_back(drawn(line, view));
    }
    return texts;
}

}  // namespace sluice::server
