// Terminal: the one that a command is shown on: its size, its keys, and its modes, which are put
// back however the command ends.
//
// VT100 sequences only. Main thread of a command, never of a gateway; one at a time. Signals that
// end the process put the modes back first; a change of the size ends a wait for keys.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace sluice::server {

class Terminal {
public:
    // On standard input and output.
    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    // Whether standard output is one at all.
    static bool is_there();

    // Somebody can press keys: standard input is a terminal as well.
    bool has_keys() const { return has_keys_; }
    size_t columns() const;
    size_t lines() const;

    // In place of what was shown before. False when nobody sees it any more.
    bool show(const std::vector<std::string>& lines);

    // Waits for a key; nothing when the time is over or the size has changed.
    std::optional<char> wait_for_key(Duration time);

private:
    bool has_keys_ = false;
    bool is_clear_ = false;
    int size_changes_ = -1;  // A descriptor that is readable after one.
};

}  // namespace sluice::server
