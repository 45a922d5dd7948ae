// Reading trusts nothing: each length is held against what is left, and each record against its
// checksum, before anything is made of it.
#include "cache/snapshot_records.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/snapshot_file.h"
#include "crypto/crc32.h"

namespace sluice::cache {

namespace {

constexpr std::string_view kForm = "sluice-cache-01\n";
constexpr size_t kHeadBytes = kForm.size() + 2 * sizeof(uint64_t) + sizeof(uint32_t);
constexpr size_t kRecordHeadBytes = 2 * sizeof(uint32_t);
constexpr uint64_t kAgeMsMax = uint64_t{1} << 40;  // 34 years: larger ones are no ages.

// x86-64 is little-endian, as is the file.
template <class Number>
void put(std::string& to, Number number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    to.append(bytes, sizeof number);
}

// Takes numbers and texts from the front; remembers when there was too little.
class Cursor {
public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    std::string_view take(uint64_t count) {
        if (count > rest_.size()) {
            is_short_ = true;
            rest_ = {};
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    template <class Number>
    Number number() {
        Number value = 0;
        if (const std::string_view bytes = take(sizeof value); !bytes.empty()) {
            std::memcpy(&value, bytes.data(), sizeof value);
        }
        return value;
    }
    bool is_at_end() const { return rest_.empty() && !is_short_; }

private:
    std::string_view rest_;
    bool is_short_ = false;
};

// What was old when it was read may be older still by now, and must be readable again.
uint64_t age_ms(Instant from, Instant to) {
    return from < to ? std::min(static_cast<uint64_t>((to - from).ms()), kAgeMsMax) : 0;
}

Duration milliseconds(uint64_t count) {
    return Duration::milliseconds(static_cast<int64_t>(count));
}

// Whether marks rise up to the body's end, as whoever replays them relies on.
bool are_in_order(std::span<const PieceMark> marks, size_t body_bytes) {
    uint32_t end_bytes = 0;
    uint32_t at_ms = 0;
    for (const PieceMark& mark : marks) {
        if (mark.end_bytes < end_bytes || mark.at_ms < at_ms || mark.end_bytes > body_bytes) {
            return false;
        }
        end_bytes = mark.end_bytes;
        at_ms = mark.at_ms;
    }
    return true;
}

// The entry of a record whose checksum is right; an error that names what is not.
std::expected<StoredEntry, const char*> entry_of(std::string_view content,
                                                 const KeyMaker& maker,
                                                 Instant now) {
    Cursor cursor(content);
    const auto age = cursor.number<uint64_t>();
    const auto left = cursor.number<uint64_t>();
    const auto unused = cursor.number<uint64_t>();
    const auto status = cursor.number<uint16_t>();
    const auto form = cursor.number<uint16_t>();
    const auto key_bytes = cursor.number<uint32_t>();
    const auto content_type_bytes = cursor.number<uint32_t>();
    const auto note_bytes = cursor.number<uint32_t>();
    const auto mark_count = cursor.number<uint32_t>();
    const auto body_bytes = cursor.number<uint32_t>();
    const std::string_view key_text = cursor.take(key_bytes);
    const std::string_view content_type = cursor.take(content_type_bytes);
    const std::string_view note = cursor.take(note_bytes);
    const std::string_view mark_text = cursor.take(uint64_t{mark_count} * sizeof(PieceMark));
    const std::string_view body = cursor.take(body_bytes);
    if (!cursor.is_at_end()) {
        return std::unexpected("its lengths do not add up");
    }
    if (std::max({age, left, unused}) > kAgeMsMax || form > 1) {
        return std::unexpected("a number is out of range");
    }
    std::vector<PieceMark> marks(mark_count);
    if (mark_count > 0) {
        std::memcpy(marks.data(), mark_text.data(), mark_text.size());
    }
    if (!are_in_order(marks, body.size())) {
        return std::unexpected("its pieces are not in order");
    }
    KeyRef key = maker.restore(key_text);
    if (!key) {
        return std::unexpected("its key is not one of this version");
    }
    return StoredEntry{.key = std::move(key),
                       .reply = Reply::make({.status = status,
                                             .form = static_cast<ReplyForm>(form),
                                             .content_type = content_type,
                                             .note = note},
                                            {&body, 1}, marks),
                       .stored_at = now - milliseconds(age),
                       .expires_at = now + milliseconds(left),
                       .used_at = now - milliseconds(unused)};
}

class TextSource final : public SnapshotSource {
public:
    explicit TextSource(std::string_view text) : rest_(text) {}
    bool read(std::span<char> to) override {
        if (to.size() > rest_.size()) {
            return false;
        }
        rest_.copy(to.data(), to.size());
        rest_.remove_prefix(to.size());
        return true;
    }
    uint64_t left_bytes() const override { return rest_.size(); }

private:
    std::string_view rest_;
};

using Entries = std::expected<std::vector<StoredEntry>, std::string>;

std::unexpected<std::string> damaged_record(uint64_t number, uint64_t at, const char* reason) {
    return std::unexpected("is damaged: record " + std::to_string(number + 1) + " at byte " +
                           std::to_string(at) + ": " + reason);
}

Entries read_records(SnapshotSource& source, uint64_t count, const KeyMaker& maker, Instant now) {
    std::vector<StoredEntry> entries;
    std::string content;
    uint64_t at = kHeadBytes;
    for (uint64_t number = 0; number < count; ++number) {
        char head[kRecordHeadBytes] = {};
        if (!source.read(head)) {
            return damaged_record(number, at, "the file ends before it");
        }
        Cursor cursor({head, sizeof head});
        const auto length = cursor.number<uint32_t>();
        const auto checksum = cursor.number<uint32_t>();
        if (length > source.left_bytes()) {
            return damaged_record(number, at, "the file ends inside of it");
        }
        content.resize(length);
        if (!source.read(content)) {
            return damaged_record(number, at, "it cannot be read");
        }
        if (crypto::crc32(content) != checksum) {
            return damaged_record(number, at, "its checksum is wrong");
        }
        auto entry = entry_of(content, maker, now);
        if (!entry) {
            return damaged_record(number, at, entry.error());
        }
        entries.push_back(std::move(*entry));
        at += kRecordHeadBytes + length;
    }
    if (source.left_bytes() > 0) {
        return std::unexpected("is damaged: there is more after the last record, at byte " +
                               std::to_string(at));
    }
    return entries;
}

}  // namespace

std::string snapshot_head(uint64_t entries, const SnapshotTime& time) {
    std::string head(kForm);
    put(head, entries);
    put(head, static_cast<uint64_t>(time.wall_clock_ns));
    put(head, crypto::crc32(head));
    return head;
}

void append_record(std::string& to, const StoredEntry& entry, Instant now) {
    const size_t begin = to.size();
    to.append(kRecordHeadBytes, '\0');
    const ReplyHead head = entry.reply->head();
    const std::span<const PieceMark> marks = entry.reply->marks();
    put(to, age_ms(entry.stored_at, now));
    put(to, age_ms(now, entry.expires_at));
    put(to, age_ms(entry.used_at, now));
    put(to, head.status);
    put(to, static_cast<uint16_t>(head.form));
    put(to, static_cast<uint32_t>(entry.key->text().size()));
    put(to, static_cast<uint32_t>(head.content_type.size()));
    put(to, static_cast<uint32_t>(head.note.size()));
    put(to, static_cast<uint32_t>(marks.size()));
    put(to, static_cast<uint32_t>(entry.reply->body().size()));
    to.append(entry.key->text()).append(head.content_type).append(head.note);
    to.append(reinterpret_cast<const char*>(marks.data()), marks.size_bytes());
    to.append(entry.reply->body());
    const std::string_view content = std::string_view(to).substr(begin + kRecordHeadBytes);
    const auto length = static_cast<uint32_t>(content.size());
    const uint32_t checksum = crypto::crc32(content);
    std::memcpy(to.data() + begin, &length, sizeof length);
    std::memcpy(to.data() + begin + sizeof length, &checksum, sizeof checksum);
}

Entries read_snapshot(SnapshotSource& source, const KeyMaker& maker, const SnapshotTime& time) {
    char head[kHeadBytes] = {};
    if (!source.read(head)) {
        return std::unexpected("is damaged: it is too short for a head");
    }
    const std::string_view text(head, sizeof head);
    if (!text.starts_with(kForm)) {
        return std::unexpected("is not a snapshot of this version");
    }
    Cursor cursor(text.substr(kForm.size()));
    const auto count = cursor.number<uint64_t>();
    const auto saved_ns = static_cast<int64_t>(cursor.number<uint64_t>());
    if (crypto::crc32(text.substr(0, kHeadBytes - sizeof(uint32_t))) != cursor.number<uint32_t>()) {
        return std::unexpected("is damaged: the checksum of its head is wrong");
    }
    // A clock that was set back makes nothing younger.
    const bool is_later = time.wall_clock_ns > saved_ns && saved_ns >= 0;
    const Duration passed = Duration::nanoseconds(is_later ? time.wall_clock_ns - saved_ns : 0);
    Entries entries = read_records(source, count, maker, time.now - passed);
    if (entries) {
        std::erase_if(*entries,
                      [&](const StoredEntry& entry) { return entry.expires_at <= time.now; });
    }
    return entries;
}

std::string snapshot_text(std::span<const StoredEntry> entries, const SnapshotTime& time) {
    std::string text = snapshot_head(entries.size(), time);
    for (const StoredEntry& entry : entries) {
        append_record(text, entry, time.now);
    }
    return text;
}

Entries parse_snapshot(std::string_view text, const KeyMaker& maker, const SnapshotTime& time) {
    TextSource source(text);
    return read_snapshot(source, maker, time);
}

}  // namespace sluice::cache
