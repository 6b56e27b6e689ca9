{{ front_matter }}
from wmigrate import sql


def upgrade():
    """Brings the change."""


def downgrade():
    """Takes it back, last thing first."""
