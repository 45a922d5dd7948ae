// Counting spans before they are made.
#include "trace/record.h"

#include <cstddef>
#include <span>

#include "trace/notes.h"

namespace sluice::trace {

namespace {

template <class Attempt>
size_t count(std::span<const Attempt> attempts, size_t steps) {
    size_t spans = 1 + steps;
    for (const Attempt& attempt : attempts) {
        spans += 1 + phases_of(attempt).count();
    }
    return spans;
}

}  // namespace

size_t span_count(const Record& record) {
    return count(std::span<const AttemptRecord>(record.attempts).first(record.attempt_count),
                 record.step_count);
}

size_t span_count(const Notes& notes) {
    return count(notes.attempts(), notes.steps().size());
}

}  // namespace sluice::trace
