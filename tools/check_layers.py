#!/usr/bin/env python3
"""Reads the include lines of src/ and refuses every edge that the layers do not allow.

The rule is docs/ARCHITECTURE.md's: a room may include the rooms named for it below, and nothing
else of ours. It also refuses cycles between headers, and libraries outside the files that own them.
"""
import argparse
import fnmatch
import pathlib
import sys
import tempfile

import source_tree

# A new room is one line here and one in src/meson.build.
MAY_INCLUDE = {
    'base': [],
    'coro': ['base'],
    'crypto': ['base'],
    'json': ['base'],
    'access': ['base', 'crypto', 'json'],
    'balance': ['base', 'access'],
    'ledger': ['base', 'crypto'],
    'net': ['base', 'coro'],
    'trace': ['base', 'json', 'net'],
    'cache': ['base', 'coro', 'crypto', 'json', 'net'],
    'http': ['base', 'coro', 'net'],
    'upstream': ['base', 'coro', 'net', 'http'],
    'providers': ['base', 'crypto', 'json', 'http'],
    'pipeline': ['base', 'coro', 'crypto', 'json', 'access', 'balance', 'net', 'trace', 'cache',
                 'http', 'upstream', 'providers'],
    'config': ['base', 'coro', 'crypto', 'json', 'access', 'balance', 'ledger', 'net', 'trace',
               'cache', 'http', 'upstream', 'providers', 'pipeline', 'server'],
    'server': ['base', 'coro', 'crypto', 'json', 'access', 'balance', 'ledger', 'net', 'trace',
               'cache', 'http', 'upstream', 'providers', 'pipeline', 'config'],
}

# Where only some headers of a room may be used: (from room, to room) -> patterns.
ONLY_HEADERS = {
    # Providers map bytes to bytes: the words of HTTP, none of its connections.
    ('providers', 'http'): ['http/types.h', 'http/header_map.h', 'http/header_names.h',
                            'http/sse_*.h', 'http/url.h'],
    # A configuration is made of the options of every room, the server's included.
    ('config', 'server'): ['server/options.h'],
    ('config', 'ledger'): ['ledger/options.h'],
    ('config', 'trace'): ['trace/options.h'],
    ('trace', 'net'): ['net/options.h'],
}
NOT_HEADERS = {
    # HTTP is written against a byte stream, not against the machine below it.
    ('http', 'net'): ['net/ring.h', 'net/op.h', 'net/socket.h', 'net/uring_features.h',
                      'net/tls_*.h', 'net/listener.h', 'net/mailbox.h', 'net/shard.h'],
}

# System and library headers that belong to a few files: pattern -> who may include it.
OWNED_HEADERS = {
    'liburing*': ['net/ring_uring.cc', 'net/uring_features.cc'],
    'linux/io_uring*': ['net/ring_uring.cc', 'net/uring_features.cc'],
    'openssl/*': ['net/tls_*.cc', 'crypto/*.cc'],
    'ares*.h': ['net/*resolver.cc'],
    're2/*': ['pipeline/text_rules.cc'],
    'simdjson*': ['json/*'],
    'toml++/*': ['config/*.cc'],
    'mimalloc*': ['server/*'],
    'sqlite3.h': ['ledger/*.cc'],
    'libpq-fe.h': ['ledger/*.cc'],
    'zlib.h': ['trace/gzip.cc'],
    'pthread.h': ['base/log_writer.cc', 'ledger/ledger.cc', 'net/*.cc', 'server/*.cc'],
    'thread': ['base/log_writer.*', 'ledger/ledger.*', 'net/*', 'server/*'],
}

# Rooms that never wait, never do I/O and never look at a clock.
PURE_ROOMS = ['access', 'balance', 'crypto', 'json', 'providers', 'trace']
# But for the files that read and write what a pure room keeps, on the control thread.
IMPURE_FILES = ['access/key_file.cc']
IMPURE_HEADERS = ['sys/*', 'unistd.h', 'netinet/*', 'arpa/*', 'coroutine', 'chrono', 'ctime',
                  'time.h', 'fstream', 'iostream', 'filesystem', 'random']


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, p) for p in patterns)


def own_include(path, target, known):
    """Why a file of src/ may not include this file of ours, or None."""
    room, target_room = path.split('/')[0], target.split('/')[0]
    if '/' not in target:
        return f'"{target}" must be written from src/, as "room/file.h"'
    if target_room not in MAY_INCLUDE:
        return f'"{target}" is in no room of src/'
    if target not in known:
        return f'"{target}" does not exist'
    if not target.endswith('.h'):
        return f'"{target}" is not a header'
    if target_room == room:
        return None
    if target_room not in MAY_INCLUDE[room]:
        return f'{room} may not include {target_room} ("{target}")'
    only = ONLY_HEADERS.get((room, target_room))
    if only is not None and not matches(target, only):
        return f'{room} may use only {", ".join(only)}, not "{target}"'
    if matches(target, NOT_HEADERS.get((room, target_room), [])):
        return f'{room} may not know "{target}"'
    return None


def system_include(path, target):
    """Why a file of src/ may not include this header from outside, or None."""
    for pattern, owners in OWNED_HEADERS.items():
        if fnmatch.fnmatch(target, pattern) and not matches(path, owners):
            return f'<{target}> belongs to {", ".join(owners)}'
    is_pure = path.split('/')[0] in PURE_ROOMS and not matches(path, IMPURE_FILES)
    if is_pure and matches(target, IMPURE_HEADERS):
        return f'{path.split("/")[0]} is pure and may not include <{target}>'
    return None


def find_cycle(graph):
    """One cycle of the include graph as a list of files, or None."""
    done, stack = set(), []

    def visit(node):
        if node in stack:
            return stack[stack.index(node):] + [node]
        if node in done:
            return None
        stack.append(node)
        for following in graph.get(node, []):
            cycle = visit(following)
            if cycle:
                return cycle
        stack.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        cycle = visit(node)
        if cycle:
            return cycle
    return None


def check(root):
    """The complaints about the tree, as lines of text."""
    files = [p for p in source_tree.cpp_files(root) if p.parts[0] == 'src']
    known = {'/'.join(p.parts[1:]) for p in files}
    complaints, graph = [], {}
    for path in files:
        inside = '/'.join(path.parts[1:])
        if path.parts[1] not in MAY_INCLUDE:
            complaints.append(f'{path}:1: {path.parts[1]} is not a room')
            continue
        for line, is_system, target in source_tree.includes(source_tree.read(root, path)):
            if is_system:
                why = system_include(inside, target)
            else:
                why = own_include(inside, target, known)
                graph.setdefault(inside, []).append(target)
            if why:
                complaints.append(f'{path}:{line}: {why}')
    cycle = find_cycle(graph)
    if cycle:
        complaints.append(f'src/{cycle[0]}:1: headers in a circle: {" -> ".join(cycle)}')
    return complaints


# path, text, and what must be said about it (None: nothing).
SAMPLES = [
    ('src/base/good.h', '// #include "net/ring.h"\n#include <vector>\n', None),
    ('src/net/ring.h', '#include "base/good.h"\n', None),
    ('src/net/ring_uring.cc', '#include <liburing.h>\n#include "net/ring.h"\n', None),
    ('src/net/tls_stream.cc', '#include <openssl/ssl.h>\n', None),
    ('src/http/types.h', '', None),
    ('src/http/body.h', '', None),
    ('src/server/gateway.h', '', None),
    ('src/server/options.h', '', None),
    ('src/config/load.h', '#include "server/options.h"\n', None),
    ('src/providers/fine.cc', '#include "http/types.h"\n', None),
    ('src/access/key_file.cc', '#include <unistd.h>\n', None),
    ('src/access/other.cc', '#include <unistd.h>\n', 'is pure'),
    ('src/access/limit.cc', '#include "net/ring.h"\n', 'access may not include net'),
    ('src/balance/pool.cc', '#include "net/ring.h"\n', 'balance may not include'),
    ('src/base/up.h', '#include "net/ring.h"\n', 'base may not include net'),
    ('src/net/tcp.cc', '#include <liburing.h>\n', 'belongs to net/ring_uring.cc'),
    ('src/net/shard.cc', '#include <openssl/ssl.h>\n', 'belongs to net/tls_*.cc'),
    ('src/pipeline/hash.cc', '#include <openssl/sha.h>\n', 'belongs to net/tls_*.cc'),
    ('src/http/h1.cc', '#include "net/ring.h"\n', 'http may not know'),
    ('src/providers/a.cc', '#include "http/body.h"\n', 'providers may use only'),
    ('src/providers/b.cc', '#include <chrono>\n', 'is pure'),
    ('src/pipeline/c.cc', '#include "config/load.h"\n', 'pipeline may not include config'),
    ('src/ledger/fine.cc', '#include <sqlite3.h>\n#include "base/good.h"\n', None),
    ('src/ledger/i.cc', '#include "net/ring.h"\n', 'ledger may not include net'),
    ('src/server/j.cc', '#include <sqlite3.h>\n', 'belongs to ledger/*.cc'),
    ('src/server/k.cc', '#include <libpq-fe.h>\n', 'belongs to ledger/*.cc'),
    ('src/config/d.cc', '#include "server/gateway.h"\n', 'config may use only'),
    ('src/base/e.cc', '#include "good.h"\n', 'must be written from src/'),
    ('src/base/f.cc', '#include "base/gone.h"\n', 'does not exist'),
    ('src/net/g.cc', '#include "net/tcp.cc"\n', 'is not a header'),
    ('src/utils/h.cc', '', 'is not a room'),
    ('src/coro/loop_a.h', '#include "coro/loop_b.h"\n', 'in a circle'),
    ('src/coro/loop_b.h', '#include "coro/loop_a.h"\n', None),
]


def self_test():
    """Each bad sample must be complained about, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text, _ in SAMPLES:
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        complaints = check(folder)
    wrong = []
    for path, _, expected in SAMPLES:
        said = [c for c in complaints if c.startswith(path + ':')]
        if expected is None and said or expected and not any(expected in c for c in said):
            wrong.append(f'{path}: expected {expected!r}, got {said}')
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
