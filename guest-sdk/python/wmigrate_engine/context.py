"""`context` of the module `wmigrate`: what this run is about."""

from wit_world.imports import context as host

from .calls import called
from .dates import timestamptz_from
from .text import checked_text


class _Context:
    __slots__ = ()

    @property
    def revision(self):
        return host.revision()

    @property
    def direction(self):
        return "upgrade" if called(host.direction) == host.Way.UPGRADE else "downgrade"

    @property
    def now(self):
        return timestamptz_from(called(host.now))

    @property
    def server_version(self):
        return called(host.server_version)

    def x(self, name):
        return called(host.x_argument, checked_text(name, "the name"))

    def __repr__(self):
        return "<context of the module wmigrate>"


context = _Context()
