#!/usr/bin/env python3
"""Runs clang-tidy over the sources, remembering the files that were clean.

A file is looked at again when it, a header of ours that it reaches, its compile command or
.clang-tidy has changed. Files that git says differ from the given base come first and get every
check; the others do without the analyzer, which takes two thirds of the time, unless --full asks
for it. With a limit in seconds, what was not reached is counted and left for another run.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import source_tree

PROGRAM = 'clang-tidy-19'
WITHOUT_ANALYZER = '--checks=-clang-analyzer-*'

DIAGNOSTIC = re.compile(r'^\S+:\d+:\d+: (?:error|warning): (?P<text>.*)')
NOISE = re.compile(r'^\d+ (?:warnings?|errors?)\b.*generated|^Suppressed|^Use -header-filter')
# A source may rely on what its own header brings along; that headers bring their own is seen to by
# headers_alone.py. Only for the standard library does it matter elsewhere.
FORGIVEN = re.compile(r'no header providing "(?!std::)')


class Tree:
    """The include graph of our files, for the keys of the cache."""

    def __init__(self, root):
        self.root = root
        self.known = {}

    def direct(self, path):
        """The text of a file and the files of ours that it includes."""
        if path not in self.known:
            text = source_tree.read(self.root, path)
            targets = []
            for _, is_system, target in source_tree.includes(text):
                if is_system:
                    continue
                for folder in ('src', 'tests', str(path.parent)):
                    found = pathlib.PurePath(folder, target)
                    if (self.root / found).is_file():
                        targets.append(found)
                        break
            self.known[path] = (text, targets)
        return self.known[path]

    def digest(self, path, extra):
        """A hash over the file, everything of ours that it reaches, and `extra`."""
        reached, waiting = {path}, [path]
        while waiting:
            for target in self.direct(waiting.pop())[1]:
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        total = hashlib.sha256(extra.encode())
        for file in sorted(reached):
            total.update(f'{file}\n{self.direct(file)[0]}'.encode())
        return total.hexdigest()


def commands_of(build, root):
    """Path below root -> compile command, for our own sources."""
    found = {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        file = (pathlib.Path(entry['directory']) / entry['file']).resolve()
        if root in file.parents:
            path = file.relative_to(root)
            if path.parts[0] in ('src', 'tests', 'tools', 'bench'):
                found[pathlib.PurePath(path)] = entry['command']
    return found


def changed_since(root, base):
    """Paths that differ from the commit `base`, untracked ones included."""
    changed = set()
    for command in (['diff', '--name-only', base], ['ls-files', '--others', '--exclude-standard']):
        run = subprocess.run(['git', '-C', str(root), *command],
                             capture_output=True, text=True, check=False)
        changed |= {pathlib.PurePath(line) for line in run.stdout.split('\n') if line}
    return changed


def significant(said):
    """The diagnostics of clang-tidy's output that count, each with its lines."""
    blocks = []
    for line in said.split('\n'):
        if NOISE.match(line):
            continue
        if DIAGNOSTIC.match(line) or not blocks:
            blocks.append([])
        blocks[-1].append(line)
    kept = [b for b in blocks if not (
        (found := DIAGNOSTIC.match(b[0])) and FORGIVEN.match(found['text']))]
    return '\n'.join(line for block in kept for line in block).strip()


def look_at(root, build, path, fully):
    """What clang-tidy says about one file; empty if it is clean."""
    run = subprocess.run(
        [PROGRAM, '--quiet', '-p', str(build), *([] if fully else [WITHOUT_ANALYZER]),
         str(root / path)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return significant(run.stdout) if run.returncode else ''


class Cache:
    """Empty files named after what was clean, with or without the analyzer."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def has(self, key, fully):
        return (self.folder / f'{key}-full').exists() or (
            not fully and (self.folder / key).exists())

    def add(self, key, fully):
        (self.folder / (f'{key}-full' if fully else key)).touch()


def run_all(options, cache, work):
    """Looks at the files in order; returns (path -> complaint, how many were not reached)."""
    deadline = time.monotonic() + options.seconds if options.seconds else float('inf')
    complaints, left = {}, []

    def one(item):
        path, key, fully = item
        if time.monotonic() > deadline:
            left.append(path)
            return
        said = look_at(source_tree.ROOT, options.build, path, fully)
        if said:
            complaints[path] = said
        else:
            cache.add(key, fully)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, work))
    return complaints, len(left)


def plan(options, cache, commands):
    """(path, key, whether with the analyzer) of the files to look at, the most urgent first."""
    root = source_tree.ROOT
    settings = ''.join(source_tree.read(root, p) for p in source_tree.tree_files(root)
                       if p.name == '.clang-tidy')
    settings += subprocess.run([PROGRAM, '--version'], capture_output=True, text=True,
                               check=True).stdout
    head = subprocess.run(['git', '-C', str(root), 'rev-parse', 'HEAD'],
                          capture_output=True, text=True, check=False).stdout
    tree = Tree(root)
    changed = changed_since(root, options.base)
    work = []
    for path, command in commands.items():
        if options.files and str(path) not in options.files:
            continue
        key = tree.digest(path, settings + command)
        fully = options.full or path in changed
        if not cache.has(key, fully):
            # Among the unchanged ones the order differs from commit to commit, so that a limit in
            # seconds does not always leave out the same ones.
            turn = hashlib.sha256(f'{head}{path}'.encode()).hexdigest()
            near = any(t in changed for t in tree.direct(path)[1])
            work.append((path not in changed, not near, turn, (path, key, fully)))
    return [item for *_, item in sorted(work)]


def check(options):
    """Prints complaints and a summary; returns the exit code."""
    commands = commands_of(options.build, source_tree.ROOT)
    cache = Cache(options.build / 'clang-tidy-clean')
    work = plan(options, cache, commands)
    complaints, left = run_all(options, cache, work)
    for path in sorted(complaints):
        print(complaints[path])
    print(f'clang-tidy: {len(commands)} files, {len(work) - left - len(complaints)} found clean, '
          f'{len(complaints)} not clean, {left} not reached in '
          f'{options.seconds or "unlimited"} s')
    return 1 if complaints else 0


def self_test():
    """The settings must refuse what they are there for, and accept a clean file."""
    samples = {
        'clean.cc': ('namespace {\nint answer() {\n    return 42;\n}\n}  // namespace\n\n'
                     'int main() {\n    return answer();\n}\n', None),
        'name.cc': ('int TheAnswer();\nint TheAnswer() {\n    return 42;\n}\n',
                    'readability-identifier-naming'),
        'braces.cc': ('int a(int b);\nint a(int b) {\n    if (b > 1) return 2;\n    return 1;\n}\n',
                      'readability-braces-around-statements'),
        'null.cc': ('int* a();\nint* a() {\n    return 0;\n}\n', 'modernize-use-nullptr'),
    }
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        settings = source_tree.ROOT / '.clang-tidy'
        for name, (text, expected) in samples.items():
            file = pathlib.Path(folder, name)
            file.write_text(text)
            run = subprocess.run(
                [PROGRAM, '--quiet', f'--config-file={settings}', str(file), '--', '-std=c++23'],
                capture_output=True, text=True, check=False)
            refused = run.returncode != 0
            if refused != (expected is not None) or expected and expected not in run.stdout:
                wrong.append(f'{name}: expected {expected}, got {run.stdout}')
    forgiven = 'a.cc:1:2: error: no header providing "sluice::A" is directly included [x]\n    A a;'
    counted = 'a.cc:2:2: error: no header providing "std::sort" is directly included [x]\n    sort'
    if significant(f'7 warnings generated.\n{forgiven}\n{counted}\n') != counted:
        wrong.append('does not tell what is forgiven from what counts')
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('--build', type=pathlib.Path, default=source_tree.ROOT / 'build')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--seconds', type=int, default=0, help='stop starting files after this')
    parser.add_argument('--base', default='HEAD~1', help='files that differ from it come first')
    parser.add_argument('--full', action='store_true', help='the analyzer for every file')
    parser.add_argument('files', nargs='*', help='only these, as paths from the top of the tree')
    options = parser.parse_args()
    options.build = options.build.resolve()
    if options.self_test:
        complaints = self_test()
        print('\n'.join(complaints))
        return 1 if complaints else 0
    return check(options)


if __name__ == '__main__':
    sys.exit(main())
