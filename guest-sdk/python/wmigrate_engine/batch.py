"""Runs a transform on one batch: columns in, columns out, and for what fails the numbers of the rows. No host call is made here. This is
the part of the engine that a million rows pass through, so it leaves the loops to Python's own functions where it can."""

from .backfill import parse_handle, takes_columns, transform_called
from .errors import UsageError, misuse
from .failures import Failures
from .results import columns_from
from .text import kind_of
from .unfinished import refuse_unfinished
from .vectors import vector_from


def run_batch(batch):
    """The vectors of the output columns."""
    name, outputs = parse_handle(batch.transform)
    function = transform_called(name)
    inputs = columns_from(batch.columns, batch.vectors, batch.rows)
    failures = Failures()
    if takes_columns(function):
        columns = _by_column(function, name, inputs, batch.rows, outputs)
    else:
        columns = _by_row(function, name, inputs, batch.rows, outputs, failures)
    vectors = [vector_from(values, f"value {place} of what `{name}` returned", failures.add) for place, values in enumerate(columns, 1)]
    failures.check()
    return vectors


def _by_column(function, name, inputs, rows, outputs):
    answer = function(*inputs)
    if not isinstance(answer, (tuple, list)) or (outputs is not None and len(answer) != outputs):
        raise _mistake(function, name, answer, outputs, "column", "columns")
    columns = []
    for place, column in enumerate(answer, 1):
        if isinstance(column, (str, bytes, bytearray, dict, set)) or not hasattr(column, "__len__"):
            raise misuse(f"column {place} of what `{name}` returned is {kind_of(column)}, not a list", function)
        if len(column) != rows:
            raise misuse(f"column {place} of what `{name}` returned has {len(column)} values for {rows} rows", function)
        columns.append(list(column))
    return columns


def _by_row(function, name, inputs, rows, outputs, failures):
    answers = _answers(function, inputs, rows, failures)
    if outputs is None:
        # A host that gives a bare name does not say how many values a row has: as many as the first.
        outputs = next((len(answer) for answer in answers if isinstance(answer, (tuple, list))), 0)
    columns = _transposed(answers, outputs)
    if columns is None:
        filler = (None,) * outputs
        for row, answer in enumerate(answers):
            if answer is _FAILED:
                answers[row] = filler
            elif not isinstance(answer, (tuple, list)) or len(answer) != outputs:
                failures.add(row, _mistake(function, name, answer, outputs, "value", "values"))
                answers[row] = filler
        columns = _transposed(list(map(tuple, answers)), outputs)
    return columns


def _transposed(answers, outputs):
    """Columns of the rows, or None if one of them is no tuple or list of that length."""
    if not answers:
        return [()] * outputs
    if not set(map(type, answers)) <= {tuple, list}:
        return None
    try:
        columns = list(zip(*answers, strict=True))
    except ValueError:
        return None
    return columns if len(columns) == outputs else None


# Stands for the answer of a row that failed.
_FAILED = object()


def _answers(function, inputs, rows, failures):
    """What the transform returned for each row. One call goes over all of them; an exception leaves what came before it in the list,
    and the next call goes on behind the row that failed."""
    calls = map(function, *inputs) if inputs else map(lambda row: function(), range(rows))
    answers = []
    while len(answers) < rows and not failures.full:
        try:
            answers.extend(calls)
            if len(answers) < rows:
                # To `map` this exception of the author's is the end of the rows.
                raise RuntimeError("the transform raised StopIteration")
        except BaseException as error:
            failures.add(len(answers), error)
            answers.append(_FAILED)
    answers.extend([_FAILED] * (rows - len(answers)))
    return answers


def _mistake(function, name, answer, expected, thing, things):
    """What is wrong with an answer that is no tuple, or one of another length."""
    try:
        refuse_unfinished(answer, name)
    except UsageError as error:
        return misuse(str(error), function)
    found = f"{len(answer)} {things}" if isinstance(answer, (tuple, list)) else kind_of(answer)
    if expected is None:
        return misuse(f"`{name}` returned {found}, not a tuple of {things}", function)
    wanted = f"a tuple of {expected} {thing if expected == 1 else things}, one a column of `output`"
    advice = " (write `return value,`)" if expected == 1 and thing == "value" and not isinstance(answer, (tuple, list)) else ""
    return misuse(f"`{name}` returned {found}, not {wanted}{advice}", function)
