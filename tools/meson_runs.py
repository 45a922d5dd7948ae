"""Makes meson build folders, builds the tests of a suite and counts what they report."""
import json
import os
import pathlib
import shutil
import subprocess
import xml.etree.ElementTree

import source_tree

ROOT = source_tree.ROOT
BUILD = ROOT / 'build'
JOBS = int(os.environ.get('JOBS') or os.cpu_count() or 1)

CLANG = {'CC': 'clang-19', 'CXX': 'clang++-19', 'CC_LD': 'lld-19', 'CXX_LD': 'lld-19'}
NATIVE = '--native-file=tools/clang.ini'
GCC = {'CC': 'gcc', 'CXX': 'g++'}
# Sanitizers and small machines are slow: the limits of the tests are for a stuck one.
TIMEOUT_MULTIPLIER = 4

# Folder -> compilers, options. The release folder is made by tools/setup.
FOLDERS = {
    'dev-clang': (CLANG, [NATIVE, '--buildtype=debug']),
    # g++ warns about less without any optimization.
    'dev-gcc': (GCC, ['--buildtype=debug', '-Doptimization=1', '-Ddebug=false']),
    'asan': (CLANG, [NATIVE, '--buildtype=debug', '-Doptimization=1', '-Ddebug=false',
                     '-Dfuzz=true', '-Db_sanitize=address,undefined', '-Db_lundef=false']),
    'tsan': (CLANG, [NATIVE, '--buildtype=debug', '-Doptimization=1', '-Ddebug=false',
                     '-Db_sanitize=thread', '-Db_lundef=false']),
}


class Counts:
    """Passed, failed and skipped tests, with what the failed ones said."""

    def __init__(self, passed=0, failed=0, skipped=0, details=''):
        self.passed, self.failed, self.skipped, self.details = passed, failed, skipped, details

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.details += other.details
        return self

    def __str__(self):
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        return f'{self.passed} passed, {self.failed} failed{skipped}'


def run(command, env=None, limit_s=None):
    """(exit code, output of both streams) of a command started at the top of the tree."""
    try:
        done = subprocess.run(
            [str(c) for c in command], cwd=ROOT, env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors='replace', timeout=limit_s, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        said = expired.stdout or b''
        said = said.decode(errors='replace') if isinstance(said, bytes) else said
        return 124, said + f'\nstopped after {limit_s} s\n'


def single(command, env=None, limit_s=None):
    """A command as one test."""
    code, said = run(command, env, limit_s)
    return Counts(passed=1) if code == 0 else Counts(failed=1, details=said)


def folder(name):
    """The build folder of this name, set up if it is not yet. Raises RuntimeError."""
    if name == 'release':
        code, said = run([ROOT / 'tools/setup'])
        if code:
            raise RuntimeError(said)
        return BUILD
    path = BUILD / name
    if not (path / 'build.ninja').exists():
        compilers, options = FOLDERS[name]
        env = dict(compilers)
        if shutil.which('ccache'):
            env.update(CC='ccache ' + env['CC'], CXX='ccache ' + env['CXX'])
        sources = (BUILD / '.sources').read_text().strip()
        code, said = run(['meson', 'setup', path, f'-Dsources={sources}', *options], env)
        if code:
            raise RuntimeError(said)
    return path


def ninja(path, targets, politely=False):
    """Builds the targets; raises RuntimeError with what the compilers said."""
    # More than one error at a time helps, all of them would take long.
    command = ['ninja', '-C', path, '-j', JOBS, '-k', '10', *targets]
    code, said = run(['nice', '-n', '19', *command] if politely else command)
    if code:
        kept = [line for line in said.split('\n') if not line.startswith('[')]
        raise RuntimeError('\n'.join(kept))


def introspect(path, what):
    code, said = run(['meson', 'introspect', path, what])
    if code:
        raise RuntimeError(said)
    return json.loads(said)


def in_suites(test, suites):
    return any(f'sluice:{s}' in test['suite'] for s in suites)


def tests_of(path, suites, benchmarks=False):
    """The tests (or benchmarks) of the suites, as meson describes them."""
    # build.ninja may be older than the meson.build files; introspection would then miss tests.
    ninja(path, ['build.ninja'])
    tests = introspect(path, '--benchmarks' if benchmarks else '--tests')
    return tests if benchmarks else [t for t in tests if in_suites(t, suites)]


def targets_of(path, tests):
    """The files to build before these tests can run."""
    files = {t['id']: t['filename'] for t in introspect(path, '--targets')}
    wanted = {f for t in tests for d in t['depends'] for f in files.get(d, [])}
    known = {f for names in files.values() for f in names}
    wanted |= {t['cmd'][0] for t in tests if t['cmd'][0] in known}
    return sorted(os.path.relpath(f, path) for f in wanted)


def count_gtest(file):
    """Counts over GoogleTest's report."""
    counts = Counts()
    for case in xml.etree.ElementTree.parse(file).iter('testcase'):
        if case.find('failure') is not None:
            counts.failed += 1
        elif case.get('result') in ('skipped', 'suppressed') or case.get('status') == 'notrun':
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def count_one(path, entry):
    """Counts of one line of meson's test log."""
    name = entry['name'].split(' / ')[-1]
    report = path / f'{name}.xml'
    counts = Counts()
    try:
        counts = count_gtest(report)
        if counts.passed + counts.failed + counts.skipped == 0:
            return Counts(failed=1, details=f'{name}: has no test\n')
    except (FileNotFoundError, xml.etree.ElementTree.ParseError):
        pass  # not GoogleTest's, or it crashed before it could write
    if entry['result'] in ('OK', 'EXPECTEDFAIL'):
        return counts if report.exists() else Counts(passed=1)
    if entry['result'] == 'SKIP':
        return Counts(skipped=1)
    # A program that fails without a failed case (a crash, a leak at its end) counts as one more.
    counts.failed = max(counts.failed, 1)
    said = (entry.get('stdout', '') + entry.get('stderr', ''))[-20000:]
    counts.details = f'--- {name}: {entry["result"]}, exit code {entry["returncode"]}\n{said}\n'
    return counts


def suites(name, wanted, env=None):
    """Builds and runs the suites in the build folder of this name."""
    try:
        path = folder(name)
        tests = tests_of(path, wanted)
        if not tests:
            raise RuntimeError(f'no test is in {", ".join(wanted)}')
        ninja(path, targets_of(path, tests))
    except RuntimeError as error:
        return Counts(failed=1, details=f'{error}\n')
    for test in tests:
        (path / f'{test["name"]}.xml').unlink(missing_ok=True)
    log = path / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    code, said = run(['meson', 'test', '-C', path, '--no-rebuild', '--num-processes', JOBS,
                      '--timeout-multiplier', TIMEOUT_MULTIPLIER,
                      *[f"sluice:{t['name']}" for t in tests]], env)
    counts, seen = Counts(), 0
    if log.exists():
        for line in log.read_text().split('\n'):
            if line.strip():
                counts.add(count_one(path, json.loads(line)))
                seen += 1
    if seen != len(tests) or (code and not counts.failed):
        counts.add(Counts(failed=1, details=f'{seen} of {len(tests)} tests ran\n{said}'))
    return counts


def build_politely(name, wanted):
    """Builds what the suites need while others want the machine; who needs it will see errors."""
    try:
        path = folder(name)
        ninja(path, targets_of(path, tests_of(path, wanted)), politely=True)
    except (RuntimeError, OSError, ValueError):
        pass


def fuzz_programs(path):
    """The libFuzzer programs of a folder, as (target name, path)."""
    found = []
    for target in introspect(path, '--targets'):
        if target['type'] == 'executable' and target['name'].startswith('fuzz_'):
            found.append((target['name'][len('fuzz_'):], pathlib.Path(target['filename'][0])))
    if not found:
        raise RuntimeError('there is no fuzz target')
    return sorted(found)
