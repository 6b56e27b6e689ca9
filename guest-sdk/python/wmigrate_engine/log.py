"""`log` of the module `wmigrate`, and what `print` writes: lines for whoever watches the run."""

import contextlib
import io
import sys

from wit_world.imports import log as host

from .text import well_formed

__all__ = ["debug", "info", "notice", "warning"]

_Level = host.Level


def debug(*values):
    """Shown with `-v`."""
    _message(_Level.DEBUG, values)


def info(*values):
    _message(_Level.INFO, values)


def notice(*values):
    _message(_Level.NOTICE, values)


def warning(*values):
    _message(_Level.WARNING, values)


def _message(level, values):
    # A message must not fail: what is no character is replaced.
    host.message(level, " ".join([well_formed(value) for value in values]))


@contextlib.contextmanager
def print_to_log():
    """Within it, what is printed goes to the log: stdout as `info`, stderr as `warning`."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Lines(info), _Lines(warning)
    try:
        yield
    finally:
        for lines in (sys.stdout, sys.stderr):
            # An author can put something else there.
            if isinstance(lines, _Lines):
                lines.finish()
        sys.stdout, sys.stderr = kept


class _Lines(io.TextIOBase):
    """A stream of which each line becomes a message."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, write):
        self._write = write
        self._line = []

    def writable(self):
        return True

    def write(self, text):
        *lines, rest = text.split("\n")
        for line in lines:
            self._write("".join([*self._line, line]))
            self._line.clear()
        if rest:
            self._line.append(rest)
        return len(text)

    def finish(self):
        """Tells a last line that has no end."""
        if self._line:
            self.write("\n")
