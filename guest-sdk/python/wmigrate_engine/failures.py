"""The rows of a batch that failed, until all have been tried. The host runs those that are named alone, and so gets the message of
every one."""

from .errors import RowsError

# More rows than this in one batch point at the transform, not at the rows.
_MOST = 100


class Failures:
    def __init__(self):
        self._rows = {}

    def add(self, row, error):
        if not self.full:
            self._rows.setdefault(row, error)

    @property
    def full(self):
        return len(self._rows) >= _MOST

    def check(self):
        """Raises what has failed, if anything has."""
        if self._rows:
            rows = sorted(self._rows)
            raise RowsError(self._rows[rows[0]], rows)
