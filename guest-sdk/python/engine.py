"""The engine component for revisions in Python: its exports take the revision's text from `context.payload`, run it as a module, call
the function that is asked for and turn whatever is raised into the contract's `error` record. One instance runs one revision, or one
batch, once: nothing is kept between calls."""

import gc
import warnings

from wmigrate_engine import library

library.gather()

import wit_world
import wmigrate  # what a revision imports has to be there
from componentize_py_types import Err
from wit_world.imports import context as host_context
from wmigrate_engine import backfill, log
from wmigrate_engine.batch import run_batch
from wmigrate_engine.calls import close_host
from wmigrate_engine.errors import UsageError, record_from
from wmigrate_engine.revision import Source, load
from wmigrate_engine.unfinished import refuse_unfinished
from wmigrate_engine.warm import warm


class WitWorld(wit_world.WitWorld):
    """The exports, by the name that the component's maker looks for."""

    def upgrade(self):
        _in_revision(lambda module: _run(module, "upgrade"))

    def downgrade(self):
        _in_revision(lambda module: _run(module, "downgrade"))

    def transform(self, input):
        close_host()
        # The text is compiled again for each batch, and would warn of the same each time.
        warnings.simplefilter("ignore")
        # A row is a tuple or two, and looking through them for cycles would take longer than all the rest.
        gc.set_threshold(100_000)
        return _in_revision(lambda module: run_batch(input))


def _in_revision(work):
    """Hands `work` the revision's module."""
    source = Source("revision")
    record = None
    with log.print_to_log():
        try:
            source = Source(host_context.revision())
            payload = host_context.payload()
            if payload is None:
                raise UsageError("this component is the Python engine and was started without a revision's text")
            module = load(payload, source)
            backfill.set_table(lambda: getattr(module, "transforms", None))
            return work(module)
        except BaseException as error:
            record = record_from(error, source)
    # What leaves an export crosses as its `error`; anything but that record would end the run.
    raise Err(record)


def _run(module, way):
    function = getattr(module, way, None)
    if function is None:
        raise UsageError(f"the revision defines no `{way}`: `def {way}(): …`")
    if not callable(function):
        raise UsageError(f"`{way}` is no function")
    refuse_unfinished(function(), way)


warm()
library.settle()
