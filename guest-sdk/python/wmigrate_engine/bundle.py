"""The modules of a revision's folder: `import` finds them among the texts of the bundle, which is all there is of a file system."""

import sys
from importlib.machinery import ModuleSpec

from .errors import UsageError

# Modules of the engine's own that lie in the way of an author's modules of these names.
_OWN = ("componentize_py_async_support", "componentize_py_runtime", "componentize_py_types", "engine", "poll_loop", "wit_world", "wmigrate_engine")


class Finder:
    """A finder for `sys.meta_path`, and the loader of what it finds."""

    def __init__(self, folder, files, source):
        self._folder = folder
        self._files = files
        self._source = source
        # Path of the text, or None for a folder without `__init__.py`; by the module's name.
        self._modules = {}
        self._packages = set()
        for path in files:
            if path.endswith(".py"):
                self._add(path)
        for name in self._modules.keys() & set(_OWN):
            sys.modules.pop(name, None)

    def _add(self, path):
        *folders, last = path.removesuffix(".py").split("/")
        for depth in range(1, len(folders) + 1):
            package = ".".join(folders[:depth])
            self._packages.add(package)
            self._modules.setdefault(package, None)
        name = ".".join(folders if last == "__init__" else [*folders, last])
        top = name.partition(".")[0]
        if top == "wmigrate" or top in sys.stdlib_module_names:
            raise UsageError(f"`{path}` in the revision's folder has the name of a module that is there already, `{top}`: rename it")
        self._modules[name] = path

    def holds(self, name):
        return name in self._modules

    def find_spec(self, name, path=None, target=None):
        if name not in self._modules:
            return None
        return ModuleSpec(name, self, origin=self._name_of(name), is_package=name in self._packages)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        module.__file__ = self._name_of(name)
        text = self.get_source(name)
        self._source.add(module.__file__, text)
        exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        path = self._modules[name]
        return "" if path is None else self._files[path].removeprefix("\ufeff")

    def get_data(self, path):
        """For `pkgutil.get_data`: the bytes of a text that lies beside a module."""
        text = self._files.get(path.removeprefix(f"{self._folder}/"))
        if text is None:
            raise FileNotFoundError(f"there is no `{path}` in the revision's folder")
        return text.encode()

    def _name_of(self, name):
        path = self._modules[name] or f"{name.replace('.', '/')}/__init__.py"
        return f"{self._folder}/{path}"
