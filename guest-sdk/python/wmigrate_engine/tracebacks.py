"""Exceptions as an author reads them: a traceback of the author's own lines, as Python prints it, and the place of the innermost one.
Frames of the engine and of Python's library are left out."""

import inspect
import traceback

# What the revision's own module is called: tracebacks put it before the names of the author's exceptions.
MAIN_MODULE = "revision"


class Report:
    """`summary` (`ValueError: no such thing`), `text` (the traceback) and `place` (line and column in the revision, or None)."""

    def __init__(self, raised, source):
        # Lines are looked up later, of the author's frames only: those of the engine have no files any more.
        found = traceback.TracebackException.from_exception(raised, lookup_lines=False)
        self.place = _place_of_syntax(raised, source) or _innermost(found.stack, source)
        _keep_the_authors(found, source, set())
        self.summary = _summary(raised, found)
        self.text = _without_module("".join(found.format()).rstrip("\n"))


def place_of_usage(raised, source):
    """Where the author's code was when it raised; None if it did not."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(raised.__traceback__), lookup_lines=False)
    return _innermost(frames, source)


def place_of_function(function, source):
    """Where a function of the revision begins."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return (code.co_firstlineno, 1) if code is not None and code.co_filename == source.main else None


def _keep_the_authors(found, source, seen):
    if found is None or id(found) in seen:
        return
    seen.add(id(found))
    frames = [frame for frame in found.stack if frame.filename in source.files]
    # Without a frame there is no heading for frames either.
    found.stack = traceback.StackSummary.from_list(frames) if frames else None
    for inner in (found.__cause__, found.__context__, *(found.exceptions or ())):
        _keep_the_authors(inner, source, seen)


def _summary(raised, found):
    if isinstance(raised, SyntaxError):
        return f"{type(raised).__name__}: {raised.msg}"
    # The first of the lines; notes follow it.
    return _without_module(next(found.format_exception_only()).rstrip("\n"))


def _without_module(text):
    return "\n".join([line.removeprefix(f"{MAIN_MODULE}.") for line in text.split("\n")])


def _innermost(frames, source):
    for frame in reversed(frames):
        if frame.filename == source.main:
            lines = source.files[source.main]
            line = lines[frame.lineno - 1] if 0 < frame.lineno <= len(lines) else ""
            # Python counts bytes, from 0.
            return frame.lineno, len(line.encode()[: frame.colno or 0].decode(errors="ignore")) + 1
    return None


def _place_of_syntax(raised, source):
    """Where the revision's text cannot be read. A SyntaxError can be about another text, which has lines of its own."""
    if isinstance(raised, SyntaxError) and raised.filename == source.main and raised.lineno is not None:
        return raised.lineno, max(raised.offset or 1, 1)
    return None
