"""Finds the functions of a C++ file by their braces, to measure them."""
import re

import source_tree

_DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n\\]|\\.)*', re.MULTILINE | re.DOTALL)
_SCOPE = re.compile(r'^(?:export\s+)?(?:template\s*<.*>\s*)?(?:requires\b.*\s)?(?:inline\s+)?'
                    r'(?:namespace|class|struct|union|enum)\b', re.DOTALL)
_EXTERN = re.compile(r'^extern\s+"\s*"$')
# What may stand between a parameter list and the body.
_BODY = re.compile(r'\)\s*(?:(?:const|noexcept(?:\s*\(.*\))?|override|final|&{1,2})\s*)*'
                   r'(?:->[^;{}]*|requires\b[^;{}]*)?$', re.DOTALL)
_INITIALIZERS = re.compile(r'\)\s*(?:noexcept\s*(?:\([^()]*\))?\s*)?:(?!:)')
_ACCESS = re.compile(r'^(?:public|private|protected)\s*:(?!:)\s*')


def _closing(text, opening):
    """The index of the brace that closes the one at `opening`, or the end of the text."""
    depth = 0
    for match in re.finditer(r'[{}]', text[opening:]):
        depth += 1 if match.group() == '{' else -1
        if depth == 0:
            return opening + match.start()
    return len(text) - 1


def _kind(header):
    """What an opening brace after this text begins: 'scope', 'function' or 'value'."""
    if _SCOPE.match(header) and not re.search(r'\)\s*(?:const|noexcept)?\s*$', header):
        return 'scope'
    if _EXTERN.match(header):
        return 'scope'
    if _INITIALIZERS.search(header):
        # In a constructor's list a member's braces follow its name; the body's follow ) or }.
        return 'function' if re.search(r'[)}]$', header) else 'value'
    if _BODY.search(header) and '(' in header:
        return 'function'
    return 'value'


def functions(text):
    """(first line, lines) of each function body that is not inside another one."""
    text = _DIRECTIVE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), source_tree.blank(text))
    found = []
    header_start, i = 0, 0
    while i < len(text):
        c = text[i]
        if c in ';}':
            header_start = i + 1
        elif c == '{':
            header = _ACCESS.sub('', text[header_start:i].strip())
            kind = _kind(header)
            if kind == 'scope':
                header_start = i + 1
            else:
                end = _closing(text, i)
                if kind == 'function':
                    first = text.count('\n', 0, i) + 1
                    found.append((first, text.count('\n', i, end) + 1))
                    header_start = end + 1
                i = end
        i += 1
    return found


# text, and the lengths of its functions.
SAMPLES = [
    ('int f() {\n    return 1;\n}\n', [3]),
    ('namespace a {\nint f(int b) { return b; }\n}\n', [1]),
    ('class A : public B {\n  public:\n    A() : b_{1}, c_(2) {\n    }\n    int b_{3};\n};\n',
     [2]),
    ('struct A {\n    bool operator==(const A&) const noexcept {\n        return true;\n    }\n'
     '};\n', [3]),
    ('template <typename T>\n    requires C<T>\nauto f(T t) -> int {\n    if (t) {\n    }\n}\n',
     [4]),
    ('const char* s = "{";\nint f() {\n    // }\n    return \'{\';\n}\n', [4]),
    ('constexpr int kTable[] = {\n    1,\n    2,\n};\n', []),
    ('enum class E : int {\n    a,\n};\n', []),
    ('extern "C" {\nint f() {\n}\n}\n', [2]),
    ('#define M(x) {\\\n    x\nint f() {\n}\n', [2]),
    ('TEST(A, b) {\n    auto l = [&] {\n    };\n}\n', [4]),
    ('constexpr int kBig = 1\'000;\nint f() {\n}\n', [2]),
    ('A::A(int b)\n    : b_(b),\n      c_{b} {\n    go();\n}\n', [3]),
]


def self_test():
    return [f'functions of {text!r}: {[n for _, n in functions(text)]}, not {lengths}'
            for text, lengths in SAMPLES if [n for _, n in functions(text)] != lengths]
