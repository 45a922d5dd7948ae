#!/usr/bin/env python3
"""Runs the checks of tools/test, the cheapest first, and ends with the sum of all of them."""
import argparse
import concurrent.futures
import os
import pathlib
import secrets
import sys
import time

import meson_runs
import source_tree
from meson_runs import BUILD, Counts, JOBS, ROOT, single, suites

FUZZ_SECONDS = int(os.environ.get('FUZZ_SECONDS') or 10)
# What clang-tidy may take in one run; the files that it does not reach wait for the next one.
TIDY_SECONDS = int(os.environ.get('TIDY_SECONDS') or 150)
# Seeds that no run has seen before, beside the fixed ones; decimal numbers of up to 15 digits.
SIM_SEEDS = 500
SIM_GATEWAY_SEEDS = 500
SIM_SEED_BITS = 48
SIM_SECONDS_MAX = 300
SANITIZER_OPTIONS = {
    'ASAN_OPTIONS': 'halt_on_error=1:abort_on_error=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


def tool(name, *arguments):
    """One of the lints, as one test."""
    return single([sys.executable, ROOT / 'tools' / name, *arguments])


def format_check():
    files = [str(p) for p in source_tree.cpp_files()]
    counts = single(['clang-format-19', '--dry-run', '--Werror', *files])
    if counts.failed:
        wrong = sorted({line.split(':')[0] for line in counts.details.split('\n')
                        if 'clang-format-violations' in line})
        counts.details = '\n'.join(['clang-format-19 -i would change:', *wrong])
    return counts


def self_tests():
    """Each lint must refuse its bad samples: one that never fires is worth nothing."""
    counts = Counts()
    for name in ('check_layers', 'tidy', 'headers_alone', 'clang_tidy', 'bench_budget'):
        counts.add(tool(f'{name}.py', '--self-test'))
    return counts


def with_folder(name, action):
    try:
        return action(meson_runs.folder(name))
    except RuntimeError as error:
        return Counts(failed=1, details=f'{error}\n')


def headers():
    return with_folder('dev-clang', lambda path: tool(
        'headers_alone.py', '--build', path, '--jobs', str(JOBS)))


def clang_tidy():
    """Every source of the tree; what the time did not reach is said even where nothing is wrong."""
    def look(path):
        meson_runs.ninja(path, ['build.ninja'])  # or new files would not be known
        code, said = meson_runs.run(
            [sys.executable, ROOT / 'tools/clang_tidy.py', '--build', path, '--jobs', JOBS,
             '--seconds', TIDY_SECONDS])
        return Counts(passed=int(code == 0), failed=int(code != 0), details=said)
    return with_folder('dev-clang', look)


def simulation():
    """The fixed seeds are tests; then come seeds that are new each time."""
    counts = suites('dev-clang', ['sim'])
    first = int(os.environ.get('SIM_FIRST') or secrets.randbits(SIM_SEED_BITS))
    print(f'   fresh seeds: SIM_FIRST={first}', flush=True)

    def look(path):
        meson_runs.ninja(path, ['tests/sim/sim'])
        program = path / 'tests/sim/sim'
        echo = single([program, '--first', first, '--seeds', SIM_SEEDS], limit_s=SIM_SECONDS_MAX)
        return echo.add(single([program, '--gateway', '--first', first, '--seeds',
                                SIM_GATEWAY_SEEDS], limit_s=SIM_SECONDS_MAX))
    return counts.add(with_folder('dev-clang', look))


class BuildsAhead:
    """Integration tests wait for sockets and clocks most of the time; meanwhile the machine builds
    what the steps behind them need, one folder after the other."""

    def __init__(self):
        self.worker = concurrent.futures.ThreadPoolExecutor(1)
        self.builds = {}

    def begin(self, steps):
        for name, wanted in SANITIZED.items():
            if name in steps and name not in self.builds:
                self.builds[name] = self.worker.submit(meson_runs.build_politely, name, wanted)

    def end(self):
        """Nothing more is begun; or an interrupted run would go on building."""
        self.worker.shutdown(wait=False, cancel_futures=True)

    def wait_for(self, name):
        if name in self.builds:
            self.builds[name].result()


AHEAD = BuildsAhead()
# Step, which is its folder as well -> its suites.
SANITIZED = {'asan': ['unit', 'sim'], 'tsan': ['threads']}


def sanitized(name):
    AHEAD.wait_for(name)
    return suites(name, SANITIZED[name], SANITIZER_OPTIONS)


def fuzz_one(path, name, program):
    """A short run from the seeds in the tree; what it finds of interest stays in the build."""
    grown = path / 'fuzz' / name
    grown.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / 'tests/fuzz/corpus' / name
    command = [program, f'-max_total_time={FUZZ_SECONDS}', '-timeout=5', '-rss_limit_mb=1024',
               f'-artifact_prefix={grown}/crash-', '-print_final_stats=1', grown, seeds]
    dictionary = ROOT / 'tests/fuzz' / f'{name}.dict'
    if dictionary.exists():
        command.insert(1, f'-dict={dictionary}')
    counts = single(command, SANITIZER_OPTIONS, limit_s=FUZZ_SECONDS + 120)
    if counts.failed:
        counts.details = f'--- fuzz target {name}\n{counts.details[-8000:]}\n'
    return counts


def fuzz():
    def look(path):
        meson_runs.ninja(path, ['build.ninja'])
        programs = meson_runs.fuzz_programs(path)
        meson_runs.ninja(path, [str(p.relative_to(path)) for _, p in programs])
        counts = Counts()
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            for one in pool.map(lambda target: fuzz_one(path, *target), programs):
                counts.add(one)
        return counts
    return with_folder('asan', look)


def bench():
    def look(path):
        tests = meson_runs.tests_of(path, [], benchmarks=True)
        if not tests:
            raise RuntimeError('there is no benchmark')
        meson_runs.ninja(path, meson_runs.targets_of(path, tests))
        programs = [pathlib.Path(t['cmd'][0]) for t in tests]
        return tool('bench_budget.py', *map(str, programs))
    return with_folder('release', look)


# Name, whether --quick has it, what to do. The order is the order of running.
STEPS = [
    ('self-tests', True, self_tests),
    ('format', True, format_check),
    ('layers', True, lambda: tool('check_layers.py')),
    ('tidy', True, lambda: tool('tidy.py')),
    ('headers', False, headers),
    ('unit-clang', True, lambda: suites('dev-clang', ['unit'])),
    ('unit-gcc', False, lambda: suites('dev-gcc', ['unit'])),
    ('sim', True, simulation),
    ('kernel-clang', False, lambda: suites('dev-clang', ['kernel'])),
    ('kernel-gcc', False, lambda: suites('dev-gcc', ['kernel'])),
    ('integration-clang', False, lambda: suites('release', ['integration'])),
    ('integration-quick', True, lambda: suites('dev-clang', ['integration'])),
    ('integration-gcc', False, lambda: suites('dev-gcc', ['integration'])),
    ('asan', False, lambda: sanitized('asan')),
    ('tsan', False, lambda: sanitized('tsan')),
    ('clang-tidy', False, clang_tidy),
    ('fuzz', False, fuzz),
    ('bench', False, bench),
]
# The first one that waits more than it works.
FIRST_IDLE = 'kernel-clang'
# --quick tests the program of the debug build; a full run tests the released one instead.
ONLY_QUICK = 'integration-quick'


def chosen(options):
    if options.only:
        steps = [s for s in STEPS
                 if any(s[0] == o or s[0].startswith(o + '-') for o in options.only)]
        unknown = [o for o in options.only
                   if not any(s[0] == o or s[0].startswith(o + '-') for s in STEPS)]
        if unknown:
            sys.exit(f'no step is called {", ".join(unknown)}; see tools/test --list')
        return [s for s in steps if s[0] != ONLY_QUICK or ONLY_QUICK in options.only]
    if options.quick:
        return [s for s in STEPS if s[1]]
    return [s for s in STEPS if s[0] != ONLY_QUICK]


def run_steps(steps):
    total, start = Counts(), time.monotonic()
    failed_steps = []
    for name, _, action in steps:
        print(f'== {name}', flush=True)
        if name == FIRST_IDLE:
            AHEAD.begin([step[0] for step in steps])
        began = time.monotonic()
        counts = action()
        if counts.details:
            print(counts.details.rstrip())
        if counts.failed:
            failed_steps.append(name)
        print(f'   {name}: {counts} in {time.monotonic() - began:.0f} s', flush=True)
        total.add(counts)
    if failed_steps:
        print(f'failed steps: {" ".join(failed_steps)}')
    print(f'{time.monotonic() - start:.0f} s in all')
    print(total)
    return 1 if total.failed else 0


def main():
    parser = argparse.ArgumentParser(prog='tools/test', description=__doc__)
    parser.add_argument('--quick', action='store_true',
                        help='lints, unit, simulation and integration tests with clang only')
    parser.add_argument('--only', action='append', metavar='NAME',
                        help='only this step, or all whose name begins with it (repeatable)')
    parser.add_argument('--list', action='store_true', help='print the names of the steps')
    options = parser.parse_args()
    if options.list:
        print('\n'.join(name for name, _, _ in STEPS))
        return 0
    BUILD.mkdir(exist_ok=True)
    try:
        return run_steps(chosen(options))
    finally:
        AHEAD.end()


if __name__ == '__main__':
    sys.exit(main())
