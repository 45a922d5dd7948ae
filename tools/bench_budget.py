#!/usr/bin/env python3
"""Holds benchmarks to their budgets: counts (allocations, copied bytes ...), never time.

bench/budgets.json maps program -> benchmark -> counter -> the most it may be. A budget whose
benchmark or counter does not exist fails as well, so that a budget cannot be lost by renaming, and
so does a program without any budget. A budget of a hundredth lets the first iteration allocate
what the others use again.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import source_tree

BUDGETS = source_tree.ROOT / 'bench' / 'budgets.json'
# Counts do not depend on how long a benchmark runs.
MIN_TIME_S = '0.02'


def judge(budgets, benchmarks):
    """Complaints about one program's results (Google Benchmark's list of dictionaries)."""
    results = {b['name']: b for b in benchmarks}
    complaints = []
    for name, counters in budgets.items():
        if name not in results:
            complaints.append(f'{name}: there is no such benchmark')
            continue
        if results[name].get('error_occurred'):
            complaints.append(f'{name}: {results[name].get("error_message")}')
            continue
        for counter, most in counters.items():
            value = results[name].get(counter)
            if value is None:
                complaints.append(f'{name}: does not count {counter}')
            elif value > most:
                complaints.append(f'{name}: {counter} is {value:g}, over {most:g}')
    return complaints


def run(program):
    """The results of one program, without the time they took. Raises RuntimeError."""
    done = subprocess.run(
        [program, '--benchmark_format=json', f'--benchmark_min_time={MIN_TIME_S}'],
        capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{program}: exit code {done.returncode}\n{done.stderr}')
    return json.loads(done.stdout)['benchmarks']


def check(programs):
    """Runs the programs; prints and returns the complaints."""
    budgets = json.loads(BUDGETS.read_text())
    complaints = []
    for name in sorted(set(budgets) - {pathlib.Path(p).name for p in programs}):
        complaints.append(f'{name}: has a budget, but was not built')
    for program in programs:
        name = pathlib.Path(program).name
        if name not in budgets:
            complaints.append(f'{name}: has no budget')
            continue
        try:
            said = judge(budgets[name], run(program))
        except RuntimeError as error:
            said = [str(error)]
        complaints += [f'{name}: {text}' for text in said]
    return complaints


def self_test():
    results = [{'name': 'a', 'allocations': 1.0}, {'name': 'b', 'allocations': 0.0}]
    cases = [
        ({'b': {'allocations': 0}}, []),
        ({'a': {'allocations': 0}}, ['a: allocations is 1, over 0']),
        ({'c': {'allocations': 0}}, ['c: there is no such benchmark']),
        ({'b': {'copies': 0}}, ['b: does not count copies']),
    ]
    return [f'{budgets}: {judge(budgets, results)}' for budgets, expected in cases
            if judge(budgets, results) != expected]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('programs', nargs='*')
    options = parser.parse_args()
    complaints = self_test() if options.self_test else check(options.programs)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
