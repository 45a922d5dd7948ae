// Axes, lines and a legend, drawn with nothing but text.
#include "llm-fleet/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "llm-fleet/measures.h"

namespace sluice::llm_fleet {

namespace {

constexpr double kWidth = 920;
constexpr double kChartWidth = 640;
constexpr double kChartHeight = 260;
constexpr double kLeft = 70;
constexpr double kFirstTop = 50;
constexpr double kSecondTop = 390;
constexpr double kHeight = 700;
constexpr size_t kPointsMax = 200;
constexpr auto kColours = std::to_array<std::string_view>(
    {"#0b6e4f", "#c1121f", "#1d4e89", "#f4a259", "#7b2d8b", "#5e6472", "#2a9d8f", "#b5838d",
     "#8d6a9f", "#386641", "#222222"});

struct Point {
    double x = 0;
    double y = 0;
};

std::string_view colour_of(size_t run) {
    return kColours[run % kColours.size()];
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '&':
                out += "&amp;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

// 1, 2 or 5 times a power of ten: about `count` of them up to `most`.
double tick_step(double most, double count) {
    const double raw = std::max(most, 1e-9) / count;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (raw <= factor * power) {
            return factor * power;
        }
    }
    return 10 * power;
}

class Chart {
public:
    Chart(std::string& svg, double top, double x_most, double y_most)
        : svg_(&svg), top_(top), x_most_(std::max(x_most, 1e-9)), y_most_(std::max(y_most, 1e-9)) {}

    void axes(std::string_view title, std::string_view x_name) {
        put("<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n", kLeft, top_ - 10,
            escaped(title));
        for (double x = 0; x <= x_most_ * 1.0001; x += tick_step(x_most_, 8)) {
            put("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" "
                "stroke=\"#ddd\"/><text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:g}"
                "</text>\n",
                x_of(x), top_, top_ + kChartHeight, top_ + kChartHeight + 16, x);
        }
        for (double y = 0; y <= y_most_ * 1.0001; y += tick_step(y_most_, 5)) {
            put("<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" "
                "stroke=\"#ddd\"/><text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:g}"
                "</text>\n",
                kLeft, kLeft + kChartWidth, y_of(y), kLeft - 6, y_of(y) + 4, y);
        }
        put("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
            kLeft + kChartWidth / 2, top_ + kChartHeight + 34, escaped(x_name));
    }

    void line(std::span<const Point> points, std::string_view colour, bool is_dashed) {
        put("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"{} points=\"", colour,
            is_dashed ? " stroke-dasharray=\"2 3\"" : "");
        for (const Point& point : points) {
            put("{:.1f},{:.1f} ", x_of(std::min(point.x, x_most_)), y_of(point.y));
        }
        *svg_ += "\"/>\n";
    }

private:
    template <class... Values>
    void put(fmt::format_string<Values...> format, Values&&... values) {
        fmt::format_to(std::back_inserter(*svg_), format, std::forward<Values>(values)...);
    }
    double x_of(double x) const { return kLeft + kChartWidth * x / x_most_; }
    double y_of(double y) const { return top_ + kChartHeight * (1 - y / y_most_); }

    std::string* svg_;
    double top_;
    double x_most_;
    double y_most_;
};

std::vector<double> first_tokens_of(const Measures& run) {
    std::vector<double> seconds;
    for (const RequestRecord& request : run.requests) {
        if (request.end == RequestRecord::End::answered) {
            seconds.push_back(request.first_token.as_seconds());
        }
    }
    std::ranges::sort(seconds);
    return seconds;
}

std::vector<Point> distribution_of(const std::vector<double>& sorted) {
    std::vector<Point> points;
    for (size_t i = 0; i <= kPointsMax && !sorted.empty(); ++i) {
        const size_t at = i * (sorted.size() - 1) / kPointsMax;
        points.push_back(
            {.x = sorted[at],
             .y = 100 * static_cast<double>(at + 1) / static_cast<double>(sorted.size())});
    }
    return points;
}

// Thousands of tokens over time.
std::vector<Point> in_flight_of(const Measures& run, bool is_busiest_only) {
    std::vector<Point> points;
    for (const Sample& sample : run.samples) {
        const uint64_t tokens = is_busiest_only ? *std::ranges::max_element(sample.tokens)
                                                : std::accumulate(sample.tokens.begin(),
                                                                  sample.tokens.end(), uint64_t{0});
        points.push_back({.x = sample.at.as_seconds(), .y = static_cast<double>(tokens) / 1e3});
    }
    return points;
}

void append_distributions(std::string& svg, std::span<const Measures> runs) {
    std::vector<std::vector<double>> sorted;
    double most = 1;
    // Far enough for the 95th percentile of all but the hopeless; the rest is cut at the edge.
    double least_p95 = 1e9;
    for (const Measures& run : runs) {
        sorted.push_back(first_tokens_of(run));
        if (!sorted.back().empty()) {
            const double p95 = sorted.back()[sorted.back().size() * 95 / 100];
            least_p95 = std::min(least_p95, p95);
            most = std::max(most, p95);
        }
    }
    Chart chart(svg, kFirstTop, std::min(most, least_p95 * 6), 100);
    chart.axes("Requests with their first token, %", "seconds after the arrival");
    for (size_t i = 0; i < runs.size(); ++i) {
        chart.line(distribution_of(sorted[i]), colour_of(i), false);
    }
}

void append_in_flight(std::string& svg, std::span<const Measures> runs) {
    double x_most = 1;
    double y_most = 1;
    for (const Measures& run : runs) {
        for (const Point& point : in_flight_of(run, false)) {
            x_most = std::max(x_most, point.x);
            y_most = std::max(y_most, point.y);
        }
    }
    Chart chart(svg, kSecondTop, x_most, y_most);
    chart.axes("Tokens in flight, thousands; dotted: at the busiest worker", "seconds");
    for (size_t i = 0; i < runs.size(); ++i) {
        chart.line(in_flight_of(runs[i], false), colour_of(i), false);
        chart.line(in_flight_of(runs[i], true), colour_of(i), true);
    }
}

}  // namespace

std::string plot_of(std::span<const Measures> runs, std::string_view title) {
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
        "{1}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
        "fill=\"white\"/>\n<text x=\"{2}\" y=\"20\" font-size=\"14\">{3}</text>\n",
        kWidth, kHeight, kLeft, escaped(title));
    append_distributions(svg, runs);
    append_in_flight(svg, runs);
    for (size_t i = 0; i < runs.size(); ++i) {
        const double y = kFirstTop + 12 + 18 * static_cast<double>(i);
        const double x = kLeft + kChartWidth + 20;
        fmt::format_to(std::back_inserter(svg),
                       "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" "
                       "stroke=\"{}\" stroke-width=\"3\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>"
                       "\n",
                       x, x + 20, y - 4, y - 4, colour_of(i), x + 26, y, escaped(runs[i].strategy));
    }
    return svg + "</svg>\n";
}

}  // namespace sluice::llm_fleet
