"""What an author may do about an exception that comes of where a revision runs: a sandbox with Python's own modules and nothing else."""

import sys
from zoneinfo import ZoneInfoNotFoundError

_NO_ZONES = "a revision has no table of time zones but UTC: let the server convert, by `AT TIME ZONE`"
_NOTHING_OUTSIDE = "a revision has no files, no network, no processes and no threads: it reaches the database, by `sql`, and nothing else"


def hint_of(raised, source):
    """A hint, or None where the exception has nothing to do with the sandbox."""
    if isinstance(raised, ModuleNotFoundError) and isinstance(raised.name, str):
        return _of_missing(raised.name, source.finder)
    if isinstance(raised, ZoneInfoNotFoundError):
        return _NO_ZONES
    if isinstance(raised, OSError) and raised.errno is not None:
        return _NOTHING_OUTSIDE
    if isinstance(raised, RuntimeError) and str(raised) == "can't start new thread":
        return _NOTHING_OUTSIDE
    return None


def _of_missing(name, finder):
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"`{top}` is part of Python's library but not of this engine, which has {', '.join(available())}"
    if finder is not None and finder.holds(top):
        return f"the package `{top}` is in the revision's folder, but this part of it is not; what is compiled cannot be used, only Python"
    place = "the revision's folder"
    if finder is None:
        place = f"a folder that takes this file's place: the file becomes its `main.py`, and `{top}` lies beside it"
    return (
        "a revision imports `wmigrate`, modules of Python's own, and what lies in its folder; "
        f"if `{top}` is pure Python, put the package into {place}"
    )


def available():
    """The modules of Python's own that can be imported, without those that are somebody's insides."""
    names = {name.partition(".")[0] for name in sys.modules} | set(sys.builtin_module_names)
    return sorted(name for name in names & sys.stdlib_module_names if not name.startswith("_"))
