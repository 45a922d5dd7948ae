#!/usr/bin/env python3
"""Writes a C++ source with the contents of several files: embed_files.py HEADER FUNCTION OUTPUT
FILE...

FUNCTION is declared by HEADER, in the namespace sluice::server, and returns a span of EmbeddedFile
(a name without folders, and a text), in the order given.
"""
import pathlib
import sys

from embed_file import literal


def entry(path):
    lines = path.read_bytes().splitlines(keepends=True)
    return f'    {{"{path.name}",\n' + '\n'.join(map(literal, lines)) + '},'


def main():
    header, function, output, *files = sys.argv[1:]
    entries = '\n'.join(entry(pathlib.Path(name)) for name in files)
    pathlib.Path(output).write_text(f"""// Made by tools/embed_files.py.
#include <span>

#include "{header}"

namespace sluice::server {{

std::span<const EmbeddedFile> {function}() {{
    static constexpr EmbeddedFile kFiles[] = {{
{entries}
    }};
    return kFiles;
}}

}}  // namespace sluice::server
""", encoding='ascii')


if __name__ == '__main__':
    main()
