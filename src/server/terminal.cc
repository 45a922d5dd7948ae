// Modes by termios, sizes by ioctl, and one poll for all that may happen.
#include "server/terminal.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bits/types/sigset_t.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/time.h"

namespace sluice::server {

namespace {

constexpr std::string_view kClear = "\x1b[H\x1b[J";  // From the upper left corner on.
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kRestOfLine = "\x1b[K";
constexpr std::string_view kRestOfScreen = "\x1b[J";
constexpr std::array kEndings = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
// What is taken where a terminal does not tell.
constexpr size_t kColumns = 80;
constexpr size_t kLines = 24;

// For the signal handler; written before it is in place.
constinit termios modes_before = {};

// Puts the modes back and ends as if there had been no handler.
void end_by(int number) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &modes_before);
    ::signal(number, SIG_DFL);
    ::raise(number);
}

void handle_endings(void (*handler)(int)) {
    for (const int number : kEndings) {
        ::signal(number, handler);
    }
}

winsize size_of_terminal() {
    winsize size = {};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        size = {};
    }
    return size;
}

sigset_t size_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    return set;
}

}  // namespace

bool Terminal::is_there() {
    return ::isatty(STDOUT_FILENO) != 0;
}

Terminal::Terminal() {
    const sigset_t signals = size_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    size_changes_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &modes_before) != 0) {
        return;
    }
    has_keys_ = true;
    handle_endings(&end_by);
    termios modes = modes_before;
    modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    modes.c_cc[VMIN] = 0;
    modes.c_cc[VTIME] = 0;
    modes.c_cc[VSUSP] = _POSIX_VDISABLE;  // A shell would get the terminal as it is then.
    ::tcsetattr(STDIN_FILENO, TCSANOW, &modes);
}

Terminal::~Terminal() {
    if (has_keys_) {
        ::tcsetattr(STDIN_FILENO, TCSANOW, &modes_before);
        handle_endings(SIG_DFL);
    }
    if (size_changes_ >= 0) {
        ::close(size_changes_);
    }
}

size_t Terminal::columns() const {
    const size_t columns = size_of_terminal().ws_col;
    return columns == 0 ? kColumns : columns;
}

size_t Terminal::lines() const {
    const size_t lines = size_of_terminal().ws_row;
    return lines == 0 ? kLines : lines;
}

bool Terminal::show(const std::vector<std::string>& lines) {
    std::string text(is_clear_ ? kHome : kClear);
    is_clear_ = true;
    for (const std::string& line : lines) {
        // First, as behind a full line it would erase the last character.
        text += kRestOfLine;
        text += line;
        text += "\r\n";
    }
    text += kRestOfScreen;
    // tidy:allow(print) frames that follow each other are no single output
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

std::optional<char> Terminal::wait_for_key(Duration time) {
    std::array<pollfd, 2> watched = {
        {{.fd = size_changes_, .events = POLLIN, .revents = 0},
         {.fd = has_keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}}};
    // Rounded up, or the last part of a millisecond would be waited for again and again.
    const auto time_ms = static_cast<int>(std::max<int64_t>((time.us() + 999) / 1'000, 0));
    if (::poll(watched.data(), watched.size(), time_ms) <= 0) {
        return std::nullopt;
    }
    signalfd_siginfo change = {};
    while (::read(size_changes_, &change, sizeof change) > 0) {
        is_clear_ = false;
    }
    if (watched[1].revents == 0) {
        return std::nullopt;
    }
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) == 1) {
        return key;
    }
    has_keys_ = false;  // The terminal has gone; the modes with it.
    return std::nullopt;
}

}  // namespace sluice::server
