#!/usr/bin/env python3
"""Checks the house rules that no compiler knows, over every file of the tree.

Sizes (columns, lines of a file, lines of a function), the comment that opens a file, words and
calls that are not allowed, paths of one machine, and files that nothing builds or uses. A rule may
be broken where a comment says why: `tidy:allow(rule) reason`, on the line or the one above it.
"""
import argparse
import ast
import fnmatch
import pathlib
import posixpath
import re
import sys
import tempfile

import cpp_functions
import source_tree

COLUMNS_MAX = 100
FILE_LINES_MAX = 600
TEST_FILE_LINES_MAX = 900
FUNCTION_LINES_MAX = 70

# Data and documents are not code: their lines may be long and their words are others'.
DATA = ['tests/data/*', 'tests/fuzz/corpus/*', '*.md', '*.json', '*.jsonl', '*.csv', '*.svg',
        '*.dict', 'subprojects/*', 'LICENSE*', '*.pem', '*.html', '*.css', '*.lock']
# The dashboard's files are code all the same.
PAGE = ['ui/*.js', 'ui/*.css', 'ui/*.html']
PAGE_FILE_LINES_MAX = 400
SCRIPTS = ['*.py', '*.sh', 'tools/setup', 'tools/run', 'tools/test', '.ci/run', '*meson.build',
           'meson_options.txt', '*.js', '*.mjs', '*.ts']

# Unfinished work. In two halves, so that this file does not contain what it looks for.
# "Not Implemented" with capitals is what HTTP calls status 501.
WORDS = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK|not imple' r'mented)\b|'
                   r'(?i:\b(place' r'holders?|st' r'ubs?|st' r'ubbed|unimple' r'mented)\b)')
MACHINE_PATH = re.compile(r'(?:^|[^A-Za-z0-9_./-])/(?:work|root|home|tmp|farm)/')
REGISTRY = re.compile(r'\b(?:registry\.npmjs\.org|deb\.debian\.org|pypi\.org|pythonhosted\.org|'
                      r'crates\.io|proxy\.golang\.org)\b')
ALLOW = re.compile(r'tidy:allow\(([a-z-]+)\)\s+\S.{9,}')

# rule, what is refused (in C++ without comments and strings), where, except where, what to say.
# The process itself: it talks to its terminal before there is a log.
TERMINAL = ['src/server/main.cc', 'src/server/process.cc', 'src/server/cli.cc',
            'src/base/assert.cc']
# What every shard looks at and none owns: configurations, what TLS makes of them, keys and limits.
SHARED = ['src/config/snapshot.h', 'src/pipeline/snapshot.h', 'src/server/runtime_config.*',
          'src/server/process.cc', 'src/net/tls_*', 'src/access/*', 'src/balance/pool.*',
          'src/balance/target.h', 'src/upstream/key_ring.*', 'src/trace/content.h']
CALLS = [
    ('print', r'\b(?:printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|cout|cerr|clog)\b',
     ['src/*'], TERMINAL, 'output goes through base/log.h'),
    ('random', r'\b(?:rand|srand|random|drand48|rand_r)\s*\(|\bmt19937|\brandom_device\b',
     ['src/*'], ['src/base/prng.*'], 'randomness comes from base/prng.h, by argument'),
    ('clock', r'\b(?:system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday|'
     r'timespec_get)\b|\btime\s*\(\s*(?:nullptr|NULL|0|&)',
     ['src/*'], ['src/net/ring_uring.cc'],
     'time comes from net::Ring, by argument'),
    ('sleep', r'\b(?:sleep|usleep|nanosleep|sleep_for|sleep_until|clock_nanosleep)\s*\(',
     ['src/*', 'tests/*', 'tools/*', 'bench/*'], [], 'wait for the event, not for a while'),
    ('shared-ptr', r'\b(?:shared_ptr|make_shared|enable_shared_from_this)\b',
     ['src/*'], SHARED, 'name one owner'),
    ('thread-local', r'\bthread_local\b', ['src/*'], ['src/base/memory_pool.*'],
     'state belongs to a shard and is handed down'),
    ('assert', r'(?<![_\w])assert\s*\(', ['src/*'], [], 'use SLUICE_ASSERT, which stays on'),
    ('using-namespace', r'\busing\s+namespace\b', ['*.h'], [], 'a header opens no namespace'),
    ('unsafe-text', r'\b(?:strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof)\s*\(',
     ['src/*', 'tests/*', 'tools/*', 'bench/*'], [], 'no bound or no error: use base/text.h'),
]
# What g++ 12 makes wrong code of, in a coroutine; src/coro/README.md explains.
CONDITION = re.compile(r'\b(if|while|switch|for|SLUICE_ASSERT|SLUICE_DCHECK)\s*(?=\()')
DECLARATION = re.compile(r'\(\s*[\w:][\w:<>,\s*&]*[\s*&][\w\[\],\s]+(?:=(?!=)|\{)')
AWAIT = re.compile(r'\bco_(?:await|yield)\b')
# Braces around an await that begin no block: after an operator, or close behind a name.
AWAIT_IN_BRACES = re.compile(r'(?:[=(,?:]\s*|\breturn\s+|\w)\{[^;{}]*\bco_(?:await|yield)\b')
CALLS = [(rule, re.compile(what), where, unless, say) for rule, what, where, unless, say in CALLS]


def matches(path, patterns):
    return any(fnmatch.fnmatch(str(path), p) for p in patterns)


def is_data(path):
    return matches(path, DATA) and not matches(path, PAGE)


class Report:
    """Collects complaints and honours the written exceptions."""

    def __init__(self):
        self.lines = []

    def add(self, path, line, rule, text, raw_lines):
        near = raw_lines[max(0, line - 2):line]
        if any(m.group(1) == rule for m in map(ALLOW.search, near) if m):
            return
        self.lines.append(f'{path}:{line}: {text} [{rule}]')


def check_text(report, path, raw_lines):
    """What holds for every text file that is not data."""
    for number, line in enumerate(raw_lines, 1):
        if MACHINE_PATH.search(line) and 'mktemp' not in line and 'mkdtemp' not in line:
            report.add(path, number, 'machine-path', 'a path of one machine', raw_lines)
        if REGISTRY.search(line) and not path.parts[0] == 'subprojects':
            report.add(path, number, 'registry', 'the name of a package registry', raw_lines)
        if is_data(path):
            continue
        if len(line) > COLUMNS_MAX:
            report.add(path, number, 'columns', f'{len(line)} columns', raw_lines)
        word = WORDS.search(line)
        if word:
            report.add(path, number, 'word', f'the word "{word.group()}"', raw_lines)
        if line != line.rstrip():
            report.add(path, number, 'blank', 'blanks at the end', raw_lines)


def check_size(report, path, raw_lines):
    limit = TEST_FILE_LINES_MAX if path.parts[0] == 'tests' else FILE_LINES_MAX
    limit = PAGE_FILE_LINES_MAX if matches(path, PAGE) else limit
    if len(raw_lines) > limit:
        report.add(path, 1, 'file-lines', f'{len(raw_lines)} lines, over {limit}', raw_lines)


def closing(text, start):
    """Where the bracket that opens at `start` closes; else the end of the statement there."""
    depth = 0
    for i in range(start, len(text)):
        depth += {'(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1}.get(text[i], 0)
        if depth < 0 or depth == 0 and text[i] in ')]};':
            return i
    return len(text)


def end_of_statement(text, start):
    while start < len(text) and text[start] not in ';)]}':
        start = closing(text, start) + 1 if text[start] in '([{' else start + 1
    return start


def check_awaits(report, path, blanked, raw_lines):
    def add(at, rule, text):
        report.add(path, blanked.count('\n', 0, at) + 1, rule, text, raw_lines)
    for found in CONDITION.finditer(blanked):
        text = blanked[found.end():closing(blanked, found.end()) + 1]
        parts = text.split(';')
        tested = parts[1] if found.group(1) == 'for' and len(parts) == 3 else text
        if AWAIT.search(tested) and not DECLARATION.match(text):
            add(found.start(), 'await-condition', 'awaits in a condition: name the result first')
    for found in AWAIT.finditer(blanked):
        begin = max(blanked.rfind(c, 0, found.start()) for c in ';{}') + 1
        end = end_of_statement(blanked, found.end())
        if '?' in blanked[begin:end]:
            add(found.start(), 'await-temporary', 'a conditional operator beside an await')
        if '{' in blanked[found.end():end]:
            add(found.start(), 'await-temporary', 'braces make an argument: name it first')
    for found in AWAIT_IN_BRACES.finditer(blanked):
        add(found.end() - 1, 'await-temporary', 'awaits within braces: name the result first')


def check_cpp(report, path, raw, raw_lines):
    if not raw.startswith('//'):
        report.add(path, 1, 'header-comment', 'opens without a comment that says what it is',
                   raw_lines)
    blanked = source_tree.blank(raw)
    if path.suffix == '.h' and '\n#pragma once' not in blanked:
        report.add(path, 1, 'pragma-once', 'a header without #pragma once', raw_lines)
    for number, line in enumerate(blanked.split('\n'), 1):
        for rule, what, where, unless, say in CALLS:
            found = what.search(line)
            if found and matches(path, where) and not matches(path, unless):
                report.add(path, number, rule, f'"{found.group().strip()}": {say}', raw_lines)
    check_awaits(report, path, blanked, raw_lines)
    for first, lines in cpp_functions.functions(raw):
        if lines > FUNCTION_LINES_MAX:
            report.add(path, first, 'function-lines', f'a function of {lines} lines', raw_lines)


def check_page(report, path, raw, raw_lines):
    opening = {'.js': '// ', '.css': '/* ', '.html': '<!doctype html>\n<!-- '}[path.suffix]
    if not raw.startswith(opening):
        report.add(path, 1, 'header-comment', 'opens without a comment that says what it is',
                   raw_lines)


def check_python(report, path, raw, raw_lines):
    tree = ast.parse(raw)
    if ast.get_docstring(tree) is None:
        report.add(path, 1, 'header-comment', 'opens without a docstring', raw_lines)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                report.add(path, node.lineno, 'function-lines', f'a function of {lines} lines',
                           raw_lines)


def listed_by_meson(root, files):
    """Every path that a meson.build names: whole, or as a name to which it adds the ending."""
    listed = set()
    for path in files:
        if path.name != 'meson.build':
            continue
        for name in re.findall(r"'([^'\n]+)'", source_tree.read(root, path)):
            for ending in ('', '.cc', '.py', '_bench.cc', '_fuzz.cc'):
                listed.add(posixpath.normpath(f'{path.parent}/{name}{ending}'))
    return listed


def check_dead(report, root, files):
    """C++ files that no meson.build lists, headers that nobody includes, scripts nobody names."""
    listed = listed_by_meson(root, files)
    texts = {p: source_tree.read(root, p) for p in files
             if not matches(p, DATA) or p.suffix == '.md'}
    included = set()
    for path in files:
        if path.suffix in source_tree.CPP_SUFFIXES:
            for _, is_system, target in source_tree.includes(texts.get(path, '')):
                if not is_system:
                    included |= {target, str(path.parent / target)}
    for path in files:
        if matches(path, PAGE) and str(path) not in listed:
            report.add(path, 1, 'dead-file', 'nothing embeds it', [])
        if path.parts[0] not in ('src', 'tests', 'tools', 'bench') or matches(path, DATA):
            continue
        name = '/'.join(path.parts[1:])
        if path.suffix == '.cc':
            dead = str(path) not in listed
        elif path.suffix == '.h':
            dead = not {name, str(path)} & included
        elif path.suffix == '.py':
            dead = str(path) not in listed and not any(
                re.search(rf'\b{re.escape(path.stem)}\b', text)
                for other, text in texts.items() if other != path and other.suffix != '.md')
        else:
            continue
        if dead:
            report.add(path, 1, 'dead-file', 'nothing builds or uses it', [])


def check(root):
    """The complaints about the tree, as lines of text."""
    report = Report()
    files = source_tree.tree_files(root)
    for path in files:
        code = path.suffix in source_tree.CPP_SUFFIXES
        if matches(path, ['*.tar.*', 'subprojects/packagefiles/*']) or not (
                code or matches(path, SCRIPTS) or matches(path, DATA)):
            continue
        raw = source_tree.read(root, path)
        raw_lines = raw.split('\n')
        if raw_lines[-1] == '':
            raw_lines.pop()
        check_text(report, path, raw_lines)
        if is_data(path):
            continue
        check_size(report, path, raw_lines)
        if code:
            check_cpp(report, path, raw, raw_lines)
        elif path.suffix == '.py':
            check_python(report, path, raw, raw_lines)
        elif matches(path, PAGE):
            check_page(report, path, raw, raw_lines)
    check_dead(report, pathlib.Path(root), files)
    return report.lines


def samples():
    """path, text, and the rule that must speak (None: none)."""
    opening = '// A sample. It says what it is.\n'
    body = '    a();\n' * FUNCTION_LINES_MAX
    todo = 'TO' + 'DO'
    return [
        ('src/meson.build', "files('a/used.cc', 'a/bad.cc')\n" + ''.join(
            f"'a/{i}.cc'\n" for i in range(40)), None),
        ('src/a/used.cc', opening + '#include "a/used.h"\n// printf(rand()) in words\n'
         'const char* s = "sleep(1)";\n', None),
        ('src/a/used.h', opening + '#pragma once\nint assert_that(int);\n', None),
        ('src/a/0.cc', opening + 'void f() { printf("x"); }\n', 'print'),
        ('src/a/1.cc', opening + 'int i = rand();\n', 'random'),
        ('src/a/2.cc', opening + 'auto t = std::chrono::system_clock::now();\n', 'clock'),
        ('src/a/3.cc', opening + 'auto t = time(nullptr);\n', 'clock'),
        ('src/a/4.cc', opening + 'std::shared_ptr<int> p;\n', 'shared-ptr'),
        ('src/a/5.cc', opening + 'void f() { usleep(3); }\n', 'sleep'),
        ('src/a/6.cc', opening + f'int i;  // {todo}: more\n', 'word'),
        ('src/a/7.cc', 'int i;\n', 'header-comment'),
        ('src/a/8.cc', opening + 'int ' + 'i' * COLUMNS_MAX + ';\n', 'columns'),
        ('src/a/9.cc', opening + 'int i;\n' * FILE_LINES_MAX, 'file-lines'),
        ('src/a/10.cc', opening + 'void f() {\n' + body + '}\n', 'function-lines'),
        ('src/a/11.cc', opening + 'const char* p = "/wo' 'rk/main";\n', 'machine-path'),
        ('src/a/12.cc', opening + 'void f() { assert(true); }\n', 'assert'),
        ('src/a/13.cc', opening + 'thread_local int i;\n', 'thread-local'),
        ('src/a/14.cc', opening + 'int i; \n', 'blank'),
        ('src/a/15.cc', opening + '// tidy:allow(print) the sample shows the way out\nauto p = '
         'puts;\n', None),
        ('src/a/16.cc', opening + '// tidy:allow(print)\nauto p = puts;\n', 'print'),
        ('src/a/17.cc', opening + 'int i = atoi("1");\n', 'unsafe-text'),
        ('src/a/18.cc', opening + 'T f() {\n    if (!co_await g(h())) {\n    }\n}\n',
         'await-condition'),
        ('src/a/19.cc', opening + 'T f() {\n    while (a(b) &&\n           co_await g()) {\n    }\n'
         '}\n', 'await-condition'),
        ('src/a/20.cc', opening + 'T f() {\n    for (; co_await g();) {\n    }\n}\n',
         'await-condition'),
        ('src/a/21.cc', opening + 'T f() {\n    if (a == co_await g()) {\n    }\n}\n',
         'await-condition'),
        ('src/a/22.cc', opening + 'T f() {\n    if (const std::optional<E> e = co_await g()) {\n'
         '    }\n    if (auto& e = co_await g(); e.good()) {\n    }\n'
         '    for (a = co_await g(); a < 3; a += co_await g()) {\n    }\n'
         '    while (a) {\n        co_await g();\n    }\n}\n', None),
        ('src/a/23.cc', opening + 'T f() {\n    co_await g(a ? b() : c);\n}\n', 'await-temporary'),
        ('src/a/24.cc', opening + 'T f() {\n    const S s = a ? co_await g() : c;\n}\n',
         'await-temporary'),
        ('src/a/25.cc', opening + 'T f() {\n    co_await g({.a = 1, .b = s});\n}\n',
         'await-temporary'),
        ('src/a/26.cc', opening + 'T f() {\n    co_await g([s] { h(); });\n}\n',
         'await-temporary'),
        ('src/a/27.cc', opening + 'T f() {\n    const S s = {co_await g(), 2};\n}\n',
         'await-temporary'),
        ('src/a/28.cc', opening + 'T f() {\n    const S s{.a = co_await g()};\n}\n',
         'await-temporary'),
        ('src/a/29.cc', opening + 'T f() {\n    const S s = {.a = 1};\n    int b = a ? 1 : 2;\n'
         '    if (a) {\n        co_await g(s, b);\n    }\n    switch (a) {\n        case 1:\n'
         '            co_await g(s, b);\n    }\n    g([&] -> T { co_return co_await h(); });\n'
         '    const bool c = a || co_await h();\n}\n', None),
        ('src/a/dead.cc', opening, 'dead-file'),
        ('src/a/dead.h', opening + '#pragma once\n', 'dead-file'),
        ('src/a/bad.cc', opening + '#include "a/bad.h"\n', None),
        ('src/a/bad.h', opening + 'using namespace std;\n', 'pragma-once'),
        ('src/a/bad.h', None, 'using-namespace'),
        ('tests/meson.build', "names = ['part']\nname + '_fuzz.cc'\n", None),
        ('tests/part_fuzz.cc', opening + 'int i;\n' * FILE_LINES_MAX, None),
        ('tests/package-lock.json', '"https://registry.npm' 'js.org/x"\n', 'registry'),
        ('tools/setup', '# ' + todo + '\n', 'word'),
        ('tools/lost.py', '"""A sample."""\n', 'dead-file'),
    ] + page_samples(opening)


def page_samples(opening):
    return [
        ('ui/meson.build', "files('good.js', 'bare.js', 'bare.css')\n", None),
        ('ui/good.js', opening + 'a();\n', None),
        ('ui/lost.js', opening + 'a();\n', 'dead-file'),
        ('ui/bare.js', 'a();\n', 'header-comment'),
        ('ui/bare.css', 'a {}\n' * PAGE_FILE_LINES_MAX + 'a {}\n', 'header-comment'),
        ('ui/bare.css', None, 'file-lines'),
    ]


def self_test():
    """Each bad sample must be complained about by its rule, and each good one by none."""
    wrong = cpp_functions.self_test()
    with tempfile.TemporaryDirectory() as folder:
        for path, text, _ in samples():
            if text is not None:
                file = pathlib.Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        said = check(folder)
    expected = {(path, rule) for path, _, rule in samples() if rule}
    got = {(line.split(':')[0], line.rsplit('[', 1)[1].rstrip(']')) for line in said}
    wrong += [f'silent about {path} [{rule}]' for path, rule in sorted(expected - got)]
    wrong += [f'wrongly said: {path} [{rule}]' for path, rule in sorted(got - expected)]
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('--root', default=source_tree.ROOT)
    options = parser.parse_args()
    complaints = self_test() if options.self_test else check(options.root)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
