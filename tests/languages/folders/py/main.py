# /// wmigrate
# revision = "b0d1"
# message = "initials"
# ///
from initials import of

from wmigrate import sql


def upgrade():
    for row in sql.query("SELECT id, name FROM people"):
        sql.execute("UPDATE people SET initials = $1 WHERE id = $2", [of(row["name"]), row["id"]])


def downgrade():
    sql.execute("UPDATE people SET initials = NULL")
