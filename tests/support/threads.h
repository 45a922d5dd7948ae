// on_all_threads: the same work on several threads, begun together so that they meet.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace sluice::test {

inline constexpr int kThreads = 8;

// Calls `work` with the number of the thread, and returns when all are done.
inline void on_all_threads(const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    std::atomic<int> ready = 0;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
            ready.fetch_add(1);
            while (ready.load() < kThreads) {
                std::this_thread::yield();
            }
            work(i);
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace sluice::test
