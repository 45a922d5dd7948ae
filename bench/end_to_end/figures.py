"""Reading /proc and running the tools that count: CPU time, memory, system calls."""
import contextlib
import os
import pathlib
import shutil
import signal
import statistics
import subprocess

TICKS = os.sysconf('SC_CLK_TCK')


def cpu_seconds(pids):
    """User and system time of the processes, all threads."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_bytes(pids):
    """Resident and proportional memory of the processes."""
    sums = {'rss': 0, 'pss': 0}
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
                key = line.split(':')[0].lower()
                if key in sums:
                    sums[key] += int(line.split()[1]) * 1024
    return sums


class SystemCallCount:
    """Counts the system calls of processes by perf; value is None where perf cannot."""

    def __init__(self, pids):
        self.value = None
        self.perf = None
        if shutil.which('perf') and pids:
            self.perf = subprocess.Popen(
                ['perf', 'stat', '-x', ',', '-e', 'raw_syscalls:sys_enter', '-p',
                 ','.join(map(str, pids))],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def stop(self):
        if self.perf is None:
            return None
        self.perf.send_signal(signal.SIGINT)
        _, said = self.perf.communicate(timeout=20)
        for line in said.decode(errors='replace').splitlines():
            fields = line.split(',')
            if len(fields) > 2 and fields[2].startswith('raw_syscalls') and fields[0].isdigit():
                self.value = int(fields[0])
        return self.value


def median(values):
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def spread(values):
    """Half of the range over the median: how far apart the rounds are."""
    known = [v for v in values if v is not None]
    middle = median(known)
    return (max(known) - min(known)) / 2 / middle if len(known) > 1 and middle else None
