r"""Java's regular expressions, as AWS's models have them, in Python's dialect.

Java's \w, \d and \s are ASCII, its \p{…} are Unicode categories, and a class may hold \w-_ for \w, - and _.
"""

import re

_ASCII = {"w": "a-zA-Z0-9_", "d": "0-9", "s": " \\t\\n\\x0b\\f\\r"}
# Inside a class. Python's own \w is letters, numbers and "_": the models never have \p{L} without \p{N} and "_" but
# once, beside all other categories.
_CATEGORIES = {
    "L": r"\w",
    "N": r"\w",
    "M": "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0903\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f",
    "P": "!-#%-\\*,-/:;?@\\[\\]_{}\\\\\u00a1\u00a7\u00ab\u00b6\u00b7\u00bb\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003"
    "\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20",
    "S": "$+<=>\\^`|~\u00a2-\u00a6\u00a8\u00a9\u00ac\u00ae-\u00b1\u00b4\u00b8\u00d7\u00f7\u2044\u2052\u20a0-\u20c0"
    "\u2100-\u2bff\u3004\U0001f000-\U0001faff",
    "Z": "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    "Zs": "\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000",
    "Print": "\\x20-\\x7e",
    "Alpha": "a-zA-Z",
    "Alnum": "a-zA-Z0-9",
    "Digit": "0-9",
}
# Characters beyond 16 bits, as Java writes them.
_SURROGATES = re.compile(r"\\u[dD]800\\u[dD][cC]00-\\u[dD][bB][fF]{2}\\u[dD][fF]{3}")
_TOKEN = re.compile(r"\\p\{(\w+)\}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.|.", re.DOTALL)


def to_python(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled; to be used with `fullmatch`, as Java's `matches`."""
    pattern = _SURROGATES.sub(lambda _: "\U00010000-\U0010ffff", pattern)
    out: list[str] = []
    in_class = class_start = after_set = False
    for found in _TOKEN.finditer(pattern):
        token, category = found[0], found[1]
        is_set = category is not None or (token[0] == "\\" and token[1] in _ASCII)
        if is_set:
            inner = _CATEGORIES[category] if category is not None else _ASCII[token[1]]
            out.append(inner if in_class else f"[{inner}]")
        elif in_class and token == "[" and not class_start:
            out.append("\\[")
        elif token == "-" and in_class and after_set:
            out.append("\\-")
        else:
            out.append(token)
        if not in_class and token == "[":
            in_class = class_start = True
        elif in_class:
            class_start = class_start and token == "^"
            if token == "]" and not class_start:
                in_class = False
        after_set = is_set
    return re.compile("".join(out))


def is_one_class(pattern: str) -> bool:
    """One character class, repeated: matched in one pass whatever the text."""
    return re.fullmatch(r"\^?\(?\[(?:[^\]\\]|\\.)+\](?:[*+]|\{[\d,]+\})\)?\$?", pattern) is not None
