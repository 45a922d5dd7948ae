// How `sluice top` shows its figures: as lines that fit a terminal, or as JSON. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "server/top_facts.h"

namespace sluice::server {

struct TopView {
    size_t columns = 0;  // Of the terminal; 0: as many as are needed, as is true of lines.
    size_t lines = 0;
    bool has_colours = false;
    bool has_keys = false;  // Somebody can press some.
    bool shows_help = false;
    TopSort sort = TopSort::name;
    std::string problem;  // Why the figures are not new; empty: they are.
};

// Without line ends. The figures are sorted already.
std::vector<std::string> top_lines(const TopFigures& figures, const TopView& view);

// One object, without a line end (top_json.cc).
std::string top_json(const TopFigures& figures);

}  // namespace sluice::server
