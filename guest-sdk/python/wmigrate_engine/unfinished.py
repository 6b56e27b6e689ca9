"""What a function of the author's may not return: work that would go on later. A revision is synchronous, and nothing runs later."""

import inspect

from .errors import UsageError


def refuse_unfinished(answer, name):
    """An exception if what `name` returned is a coroutine or a generator."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            # It would warn on stderr that nobody awaited it.
            answer.close()
        raise UsageError(f"`{name}` returned a coroutine; revisions are synchronous, so leave out `async` and `await`")
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer):
        raise UsageError(f"`{name}` is a generator, of which nothing has run; leave out `yield`")
