#!/usr/bin/env python3
"""Writes a C++ source with the content of a file: embed_file.py FILE HEADER FUNCTION OUTPUT.

FUNCTION is declared by HEADER, in the namespace sluice::server, and returns the content as a
std::string_view. For small texts that a program carries with it.
"""
import pathlib
import sys


def literal(line):
    """One line as a C++ string; what is not plain ASCII in octal, which ends by itself."""
    inside = ''.join(
        {0x22: '\\"', 0x5C: '\\\\', 0x0A: '\\n'}.get(
            byte, chr(byte) if 0x20 <= byte < 0x7F else f'\\{byte:03o}')
        for byte in line)
    return f'    "{inside}"'


def main():
    source, header, function, output = sys.argv[1:]
    lines = pathlib.Path(source).read_bytes().splitlines(keepends=True)
    text = '\n'.join(map(literal, lines))
    pathlib.Path(output).write_text(f"""// Made by tools/embed_file.py.
#include "{header}"

namespace sluice::server {{

std::string_view {function}() {{
    static constexpr std::string_view kText =
{text};
    return kText;
}}

}}  // namespace sluice::server
""", encoding='ascii')


if __name__ == '__main__':
    main()
