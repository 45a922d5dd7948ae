#!/usr/bin/env python3
"""Writes a C++ source that holds a text file as a constant: embed_text.py FILE HEADER NAME OUT.

NAME is the qualified name of a function without parameters that returns the text. The literal is
cut into lines, as compilers bound the length of one piece.
"""
import pathlib
import sys

DELIMITER = 'text'


def main():
    source, header, name, out = sys.argv[1:]
    text = pathlib.Path(source).read_text(encoding='utf-8')
    if f'){DELIMITER}"' in text:
        sys.exit(f'{source} contains the end of its own literal')
    pieces = '\n'.join(f'    R"{DELIMITER}({line}){DELIMITER}"'
                       for line in text.splitlines(keepends=True))
    namespace, function = name.rsplit('::', 1)
    pathlib.Path(out).write_text(
        f'// Made by tools/embed_text.py from {pathlib.Path(source).name}.\n'
        f'#include <string_view>\n\n#include "{header}"\n\nnamespace {namespace} {{\n\n'
        f'std::string_view {function}() {{\n    return\n{pieces};\n}}\n\n'
        f'}}  // namespace {namespace}\n', encoding='utf-8')


if __name__ == '__main__':
    main()
