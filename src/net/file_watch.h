// FileWatch: says when a file has changed, whichever way it was changed.
//
// It is the folder that is watched: editors rename a new file over the old one, and Kubernetes
// swaps a symbolic link beside it, so that the watched file itself would never say a word. Some
// time after the last event the file is looked at, and only one that differs is reported. Reads
// its events through the ring of one shard; its owner keeps it until it is idle.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "net/op.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

class FileWatch {
public:
    // A change is told so long after the last event: a writer may still be at it.
    static constexpr Duration kQuiet = Duration::milliseconds(200);

    // `on_change` runs between two completions of the shard.
    FileWatch(Proactor& proactor, void (*on_change)(void* owner), void* owner);
    // stop() must have been called and is_idle() be true.
    ~FileWatch();
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    // From now on; what it holds now is no change.
    Status start(const std::string& path);
    void stop();
    bool is_running() const { return fd_ >= 0 && !stopping_; }
    // Whether no operation is pending any more.
    bool is_idle() const { return read_op_.pending == 0; }

private:
    // By what a change of the file is told.
    struct Look {
        uint64_t device = 0;
        uint64_t inode = 0;
        int64_t size_bytes = 0;
        int64_t modified_ns = 0;

        bool operator==(const Look&) const = default;
    };

    static void on_events(Op& op, int32_t result, uint32_t flags);
    static void on_quiet(Timer& timer);
    void read_events();
    void close_descriptor();
    void saw_event();
    void look_again();
    bool watch_folders() const;
    Look look() const;

    Proactor& proactor_;
    void (*const on_change_)(void* owner);
    void* const owner_;
    Op read_op_;
    Timer quiet_timer_;
    std::string path_;
    Look seen_;
    Instant first_event_;  // That was not looked after; unset when there is none.
    int fd_ = -1;
    bool stopping_ = false;
    alignas(8) char events_[4096];
};

}  // namespace sluice::net
