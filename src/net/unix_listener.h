// UnixListener: a listening unix socket and the file that names it.
//
// The file is for its owner alone (mode 0600) from the moment it is there. One that a dead process
// left behind is replaced; one behind which somebody listens is not. The destructor removes the
// file, unless another process has put its own in its place. Opened once, when a process starts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

#include "base/result.h"

namespace sluice::net {

class UnixListener {
public:
    static Result<std::unique_ptr<UnixListener>> open(const std::string& path, uint32_t backlog);
    ~UnixListener();
    UnixListener(const UnixListener&) = delete;
    UnixListener& operator=(const UnixListener&) = delete;

    const std::string& path() const { return path_; }
    // The listening descriptor, for Listener::adopt(). Closed here if nobody takes it.
    int take_descriptor();

private:
    UnixListener(std::string path, int fd);

    const std::string path_;
    int fd_;
    dev_t device_ = 0;  // Of the file, by which it is known again.
    ino_t inode_ = 0;
};

}  // namespace sluice::net
