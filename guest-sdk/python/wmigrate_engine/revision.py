"""From the payload to a module: the revision's text, or a bundle of the texts of its folder, is compiled under the names the author
knows, so that tracebacks show places in those files."""

import io
import json
import linecache
import sys
from types import ModuleType

from .bundle import Finder
from .errors import UsageError
from .text import kind_of
from .tracebacks import MAIN_MODULE

_BUNDLE = '{"wmigrate-bundle":1,'


class Source:
    """The author's files, as lines by the names that tracebacks give them; `main` is the revision itself."""

    def __init__(self, revision):
        self.main = f"{revision}.py"
        self.files = {}
        self.finder = None

    def add(self, name, text):
        # A line ends where the compiler ends it, which is not where `splitlines` does.
        lines = io.StringIO(text, newline=None).readlines()
        self.files[name] = lines
        linecache.cache[name] = (len(text), None, lines, name)


def load(payload, source):
    """The revision's module. Fills `source`, so that errors in the text have a place."""
    text = _unpack(payload, source) if payload.startswith(_BUNDLE) else payload
    # An editor's mark, which is no character of the language.
    text = text.removeprefix("\ufeff")
    source.add(source.main, text)
    module = ModuleType(MAIN_MODULE)
    module.__file__ = source.main
    # Classes look up the module they were made in.
    sys.modules[MAIN_MODULE] = module
    exec(compile(text, source.main, "exec", dont_inherit=True), module.__dict__)
    return module


def _unpack(payload, source):
    """The text of the main file of a bundle; the other ones can be imported from then on."""
    try:
        bundle = json.loads(payload)
    except ValueError as error:
        raise UsageError(f"the revision's bundle cannot be read: {error}") from None
    main, files = bundle.get("main"), bundle.get("files")
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise UsageError(f"the revision's bundle has no table of texts `files`, but {kind_of(files)}")
    if not isinstance(main, str) or main not in files:
        raise UsageError(f"the revision's bundle has no main file {main!r} among its files")
    folder = source.main.removesuffix(".py")
    source.main = f"{folder}/{main}"
    source.finder = Finder(folder, {path: text for path, text in files.items() if path != main}, source)
    sys.meta_path.insert(0, source.finder)
    return files[main]
