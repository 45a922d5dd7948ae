#!/usr/bin/env python3
"""Compiles each header of ours alone, so that it includes what it uses.

A header that is the first include of the source of its name needs no more: the build compiles it
alone. Flags come from the compile commands of a build folder that meson has set up.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import source_tree

COMPILER = 'clang++-19'
KEPT_FLAG = re.compile(r'-(?:I|isystem|D|std=|W|fno-exceptions|fno-rtti|pthread)')


def flags_of(build):
    """What src/ is compiled with: the union over its files, in order, paths made absolute."""
    commands = json.loads((build / 'compile_commands.json').read_text())
    flags = {}
    for command in commands:
        file = (pathlib.Path(command['directory']) / command['file']).resolve()
        if source_tree.ROOT / 'src' not in file.parents:
            continue
        words = shlex.split(command['command'])
        for word, following in zip(words, words[1:] + ['']):
            if word == '-isystem':
                word += following
            if KEPT_FLAG.match(word):
                match = re.match(r'(-I|-isystem)(.+)', word)
                if match:
                    word = match.group(1) + str((build / match.group(2)).resolve())
                flags[word] = None
    return list(flags)


def compile_alone(folder, header, flags):
    """What the compiler says about a file that includes nothing but this header, twice."""
    line = f'#include "{header}"\n'
    # Tests of a tool include its headers as the tool does.
    tools = [f'-I{folder.parent / "tools"}'] if folder.name == 'tests' else []
    run = subprocess.run(
        [COMPILER, '-x', 'c++', '-fsyntax-only', f'-I{folder}', *tools, *flags, '-'],
        input=line * 2, capture_output=True, text=True, check=False)
    return run.stderr if run.returncode else ''


def leads_its_source(root, header, files):
    """True if the source beside the header has it as its first include."""
    source = header.with_suffix('.cc')
    if source not in files:
        return False
    first = source_tree.includes(source_tree.read(root, source))[:1]
    return bool(first) and first[0][2] == '/'.join(header.parts[1:])


def check(root, flags, jobs):
    """The complaints of the compiler, one text per header that does not stand alone."""
    files = set(source_tree.cpp_files(root))
    headers = sorted(p for p in files
                     if p.suffix == '.h' and not leads_its_source(root, p, files))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        said = pool.map(lambda p: compile_alone(
            pathlib.Path(root) / p.parts[0], '/'.join(p.parts[1:]), flags), headers)
        return [f'{path} does not compile alone:\n{text}'
                for path, text in zip(headers, said) if text]


def self_test(jobs):
    """A header that leans on its includer must be refused, one that does not must pass."""
    with tempfile.TemporaryDirectory() as folder:
        room = pathlib.Path(folder, 'src', 'base')
        room.mkdir(parents=True)
        (room / 'good.h').write_text('#pragma once\n#include <string>\nstd::string good();\n')
        (room / 'bad.h').write_text('#pragma once\nstd::string bad();\n')
        (room / 'twice.h').write_text('struct Twice {};\n')
        (room / 'led.h').write_text('#pragma once\nstd::string led();\n')
        (room / 'led.cc').write_text('// A sample.\n#include "base/led.h"\n')
        (room / 'late.h').write_text('#pragma once\nstd::string late();\n')
        (room / 'late.cc').write_text('#include <string>\n#include "base/late.h"\n')
        said = check(folder, ['-std=c++23'], jobs)
    refused = sorted(text.split()[0] for text in said)
    wanted = ['src/base/bad.h', 'src/base/late.h', 'src/base/twice.h']
    return [] if refused == wanted else [f'refused {refused}, not {wanted}']


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('--build', type=pathlib.Path, default=source_tree.ROOT / 'build')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.self_test:
        complaints = self_test(options.jobs)
    else:
        complaints = check(source_tree.ROOT, flags_of(options.build.resolve()), options.jobs)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
