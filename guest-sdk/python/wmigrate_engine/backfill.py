"""`backfill` of the module `wmigrate`: what an author writes about a backfill, checked and in the shape of the contract's `spec` and
`update-spec`. `batch.py` is the other half: what runs the transforms."""

import re

from wit_world.imports import backfill as host

from .calls import called
from .errors import UsageError, must_be_callable
from .text import checked_text, kind_of

__all__ = ["columns", "run", "transform", "update"]

# Functions that were decorated, by their names, and those among all transforms that take whole columns.
_decorated = {}
_by_column = []


def _read_table():
    """Reads the revision's own table of transforms, None where it has none; `engine.py` says how."""


def run(
    *, name, table, input, output, transform=None, key=None, where=None, source=None, rows_per_second=None, batch_min=None, batch_max=None
):
    columns = _texts(output, "output")
    spec = host.Spec(
        name=checked_text(name, "`name`"),
        table=checked_text(table, "`table`"),
        key=_key(key),
        source=_optional(source, "source"),
        input=_texts(input, "input"),
        output=columns,
        condition=_optional(where, "where"),
        transform=_handle(_name_of(transform), len(columns)),
        settings=_settings(rows_per_second, batch_min, batch_max),
    )
    return called(host.run, spec)


def update(*, name, table, set, key=None, where=None, rows_per_second=None, batch_min=None, batch_max=None):
    spec = host.UpdateSpec(
        name=checked_text(name, "`name`"),
        table=checked_text(table, "`table`"),
        key=_key(key),
        set=checked_text(set, "`set`"),
        condition=_optional(where, "where"),
        settings=_settings(rows_per_second, batch_min, batch_max),
    )
    return called(host.update, spec)


def transform(function):
    """Decorates a transform of rows."""
    _decorated[must_be_callable(function, "what `backfill.transform` decorates").__name__] = function
    return function


def columns(function):
    """Decorates, or marks, a transform that takes whole columns."""
    must_be_callable(function, "what `backfill.columns` is given")
    _by_column.append(function)
    _decorated[getattr(function, "__name__", repr(function))] = function
    return function


def takes_columns(function):
    return any(function is marked for marked in _by_column)


def set_table(read):
    global _read_table
    _read_table = read


def forget():
    """As if nothing had been decorated."""
    _decorated.clear()
    _by_column.clear()


def transform_called(name):
    """The function, or an error that says which there are."""
    transforms = _transforms()
    if name not in transforms:
        raise UsageError(f"there is no transform `{name}`; {_listed(transforms)}")
    if not callable(transforms[name]):
        raise UsageError(f"the transform `{name}` is no function, but {kind_of(transforms[name])}")
    return transforms[name]


def parse_handle(handle):
    """Name and number of outputs of a handle; of a bare name, which is no handle of ours, the name and None."""
    found = re.fullmatch(r"(.*)/(\d+)", handle, re.DOTALL)
    return (found[1], int(found[2])) if found else (handle, None)


def _handle(name, outputs):
    """What the host is told the transform is called. A batch does not say how many columns are to come back, so that goes with the
    name: without it a row with a value too few could not be told from the others."""
    return f"{name}/{outputs}"


def _transforms():
    """The revision's table, or what it decorated if it has none. Not both: what stands in the table may be marked as well."""
    table = _read_table()
    transforms = _decorated if table is None else table
    if not isinstance(transforms, dict):
        raise UsageError(f"`transforms` must be a dict of functions by their names, not {kind_of(transforms)}")
    if not transforms:
        raise UsageError("the revision has no transforms: decorate a function with `@backfill.transform`, or name it in `transforms = {…}`")
    return transforms


def _name_of(transform):
    """The name of what `transform` says: a name, one of the functions, or nothing where there is only one."""
    transforms = _transforms()
    name = transform
    if transform is None:
        if len(transforms) != 1:
            raise UsageError(f"say with `transform` which one is meant; {_listed(transforms)}")
        (name,) = transforms
    elif callable(transform):
        name = next((known for known, function in transforms.items() if function is transform), None)
        if name is None:
            raise UsageError(f"the function given as `transform` is none of the transforms, where each batch looks for it; {_listed(transforms)}")
    transform_called(checked_text(name, "`transform`"))
    return name


def _listed(transforms):
    return f"the revision has {', '.join(f'`{name}`' for name in transforms)}"


def _key(key):
    return [] if key is None else _texts(key, "key")


def _optional(text, name):
    return None if text is None else checked_text(text, f"`{name}`")


def _texts(values, name):
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"`{name}` must be a list of str, not {kind_of(values)}")
    return [checked_text(value, f"`{name}[{place}]`") for place, value in enumerate(values)]


def _settings(rows_per_second, batch_min, batch_max):
    given = {"rows-per-second": rows_per_second, "batch-min": batch_min, "batch-max": batch_max}
    return [(name, _whole(value, name.replace("-", "_"))) for name, value in given.items() if value is not None]


def _whole(value, name):
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a whole number from 1 on, not {value!r}")
    return str(int(value))
