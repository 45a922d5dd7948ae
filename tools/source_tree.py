"""What the lints share: which files the tree has, and C++ text without comments and strings."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPP_SUFFIXES = ('.cc', '.h')
SKIPPED_FOLDERS = {'.git', '.ccache', 'node_modules', '__pycache__'}

# A comment, a raw string, a string or a character; in this order, so that the first one wins.
# An apostrophe between digits (1'000) is not a character.
_LITERAL = re.compile(
    r'//(?:[^\n\\]|\\.|\\\n)*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+'",
    re.DOTALL)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def tree_files(root=ROOT):
    """Paths of every file that is or would be committed, relative to root, sorted."""
    root = pathlib.Path(root)
    listed = subprocess.run(
        ['git', '-C', str(root), 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0 and (root / '.git').exists():
        paths = [pathlib.PurePath(p) for p in set(listed.stdout.split('\0')) if p]
    else:  # an unpacked archive
        paths = []
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders
                          if f not in SKIPPED_FOLDERS and not f.startswith('build')]
            paths += [pathlib.PurePath(folder, n).relative_to(root) for n in names]
    return sorted(p for p in paths if (root / p).is_file())


def cpp_files(root=ROOT):
    """The C++ files among them."""
    return [p for p in tree_files(root)
            if p.suffix in CPP_SUFFIXES and p.parts[0] in ('src', 'tests', 'tools', 'bench')]


def blank(text):
    """The text with comments and the insides of literals replaced by spaces, lines kept."""
    def spaces(match):
        found = match.group()
        kept = re.sub(r'[^\n]', ' ', found)
        if found.startswith('/'):
            return kept
        return found[0] + kept[1:-1] + found[-1]
    return _LITERAL.sub(spaces, text)


def includes(text):
    """(line number, is_system, path) of each include line that is not in a comment."""
    # Strings must survive here, as the quoted form looks like one; comments must not.
    def without_comment(match):
        found = match.group()
        return re.sub(r'[^\n]', ' ', found) if found.startswith('/') else found
    text = _LITERAL.sub(without_comment, text)
    return [(text.count('\n', 0, m.start()) + 1, m.group(1) == '<', m.group(2))
            for m in _INCLUDE.finditer(text)]


def read(root, path):
    """The text of a file; bytes that are not UTF-8 are replaced."""
    return (pathlib.Path(root) / path).read_text(encoding='utf-8', errors='replace')
