"""PostgreSQL's array literals as nested lists."""

import re

# A brace, a comma, a quoted element, or a bare one.
_TOKEN = re.compile(r'([{},])|"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def array_from(text, read):
    """The lists of a literal; `read` makes an element of its text. Lower bounds (`[0:2]={…}`) are dropped: Python counts from 0."""
    whole = []
    open_lists = [whole]
    for found in _TOKEN.finditer(text, text.index("{")):
        sign, quoted, bare = found.groups()
        if sign == "{":
            inner = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif sign == "}":
            open_lists.pop()
        elif quoted is not None:
            open_lists[-1].append(read(_ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted))
        elif bare is not None:
            open_lists[-1].append(None if bare == "NULL" else read(bare))
    if len(open_lists) != 1 or len(whole) != 1:
        raise ValueError("an array has no end")
    return whole[0]
