"""What of Python's library a revision can import. The component has no files at run time, so all of it is imported while the component is
built, and is part of its memory from the start."""

import encodings
import gc
import importlib
import pkgutil
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, SourceFileLoader

from . import holes

MODULES = """
    abc annotationlib argparse array ast atexit base64 binascii bisect calendar cmath codecs collections collections.abc colorsys
    concurrent.futures configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis email.header
    email.headerregistry email.message email.mime.multipart email.mime.text email.parser email.policy email.utils enum errno filecmp fileinput
    fnmatch fractions functools gc getopt getpass gettext glob graphlib gzip hashlib heapq hmac html html.entities html.parser http http.client
    http.cookies importlib.abc importlib.machinery importlib.metadata importlib.resources importlib.util inspect io ipaddress itertools json
    keyword linecache locale logging marshal math mimetypes numbers opcode operator optparse os os.path pathlib pickle pkgutil platform plistlib
    posixpath pprint queue quopri random re reprlib runpy sched secrets select selectors shelve shlex shutil signal socket stat statistics string
    string.templatelib stringprep struct subprocess sys sysconfig tarfile tempfile textwrap threading time timeit token tokenize tomllib
    traceback types typing unicodedata urllib.error urllib.parse urllib.request uuid warnings weakref xml.dom.minidom xml.dom.pulldom
    xml.etree.ElementTree xml.parsers.expat xml.sax.expatreader xml.sax.saxutils zipfile zlib zoneinfo
""".split()


def gather():
    """The first step of building: imports the library, so that what the engine itself is made of comes to lie close together."""
    SourceFileLoader.source_to_code = _without_docs
    for name in MODULES:
        importlib.import_module(name)
    for found in sorted(pkgutil.iter_modules(encodings.__path__), key=lambda found: found.name):
        try:
            importlib.import_module(f"encodings.{found.name}")
        except ImportError:
            # Those of other systems.
            continue
    holes.fill()


def _without_docs(self, data, path, *, _optimize=-1):
    """Compiles without docstrings, which nobody reads in there."""
    return compile(data, path, "exec", dont_inherit=True, optimize=2)


def settle():
    """The last step: lets go of the folders that all of it came from."""
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.path_hooks.clear()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter]
    sys.dont_write_bytecode = True
    # Numbers of 131,072 digits are ordinary to PostgreSQL; the time that they take is limited by the host.
    sys.set_int_max_str_digits(0)
    holes.fill()
    # What is there now is there to stay, and need not be looked at in each collection.
    gc.freeze()
