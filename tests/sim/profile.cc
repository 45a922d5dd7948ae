// Drawing a profile. Small numbers are as likely as large ones, so that both extremes are met.
#include "sim/profile.h"

#include <array>
#include <cstdint>
#include <string>

#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"

namespace sluice::sim {

namespace {

constexpr double kKnobIsOn = 0.3;

double drawn_probability(Prng& prng) {
    constexpr std::array kStrengths = {0.01, 0.05, 0.2, 0.5};
    return prng.chance(kKnobIsOn) ? kStrengths[prng.below(kStrengths.size())] : 0;
}

Duration drawn_delay(Prng& prng) {
    constexpr std::array<int64_t, 5> kMicroseconds = {0, 20, 300, 5'000, 80'000};
    return Duration::microseconds(kMicroseconds[prng.below(kMicroseconds.size())]);
}

uint32_t drawn_queue_bytes(Prng& prng) {
    constexpr std::array<uint32_t, 4> kBytes = {64, 4096, 65536, 262144};
    return kBytes[prng.below(kBytes.size())];
}

void add(std::string& to, const char* name, double value) {
    if (value > 0) {
        to += to.empty() ? "" : " ";
        to += name;
        to += '=';
        append_decimal(to, static_cast<uint64_t>(value * 100));
        to += '%';
    }
}

void add(std::string& to, const char* name, Duration value) {
    to += to.empty() ? "" : " ";
    to += name;
    to += '=';
    append_decimal(to, static_cast<uint64_t>(value.us()));
    to += "us";
}

}  // namespace

Profile Profile::drawn(Prng& prng, bool with_network_faults) {
    Profile profile;
    profile.delay_min = Duration::microseconds(10);
    profile.delay_max = profile.delay_min + drawn_delay(prng);
    profile.segments_random = prng.chance(0.5);
    if (prng.chance(kKnobIsOn)) {
        profile.segment_bytes_max = prng.chance(0.3) ? 1 : drawn_queue_bytes(prng);
    }
    if (prng.chance(kKnobIsOn)) {
        profile.completion_delay_max = drawn_delay(prng);
    }
    if (prng.chance(kKnobIsOn)) {
        profile.turn_time_max = drawn_delay(prng);
    }
    if (prng.chance(kKnobIsOn)) {
        profile.receive_queue_bytes = drawn_queue_bytes(prng);
    }
    if (prng.chance(kKnobIsOn)) {
        profile.send_queue_bytes = drawn_queue_bytes(prng);
    }
    profile.incremental_buffers = prng.chance(0.6);
    profile.minimum_wait = prng.chance(0.6);
    profile.own_descriptors = prng.chance(0.6);
    for (double* knob :
         {&profile.empty_turn, &profile.receive_short, &profile.multishot_ends, &profile.no_buffers,
          &profile.cancel_late, &profile.accept_fails, &profile.wall_clock_jumps}) {
        *knob = drawn_probability(prng);
    }
    if (with_network_faults) {
        for (double* knob : {&profile.connect_refused, &profile.connect_silent,
                             &profile.connection_resets, &profile.connection_silent}) {
            *knob = drawn_probability(prng);
        }
    }
    return profile;
}

std::string Profile::to_string() const {
    std::string text;
    add(text, "delay", delay_max);
    add(text, "completion_delay", completion_delay_max);
    add(text, "turn_time", turn_time_max);
    add(text, "empty_turn", empty_turn);
    add(text, "receive_short", receive_short);
    add(text, "multishot_ends", multishot_ends);
    add(text, "no_buffers", no_buffers);
    add(text, "cancel_late", cancel_late);
    add(text, "accept_fails", accept_fails);
    add(text, "wall_clock_jumps", wall_clock_jumps);
    add(text, "connect_refused", connect_refused);
    add(text, "connect_silent", connect_silent);
    add(text, "connection_resets", connection_resets);
    add(text, "connection_silent", connection_silent);
    text += " segment_bytes=";
    append_decimal(text, segment_bytes_max);
    text += segments_random ? "(random)" : "";
    text += " queues=";
    append_decimal(text, receive_queue_bytes);
    text += '/';
    append_decimal(text, send_queue_bytes);
    text += incremental_buffers ? " incremental" : "";
    text += minimum_wait ? " minimum_wait" : "";
    text += own_descriptors ? " own_descriptors" : "";
    return text;
}

}  // namespace sluice::sim
