-- /// wmigrate
-- revision = "f1638a92ce54"
-- down_revision = ["07bc4fe6d981", "6af20b8c51e9"]
-- message = "merge telemetry into the catalogue"
-- created = 2026-04-20T14:00:00Z
-- ///

-- Two lines become one again: from here on there is a single head, and what follows may rely on both.

-- wmigrate:upgrade
-- Nothing to do: the branches touch different tables.

-- wmigrate:downgrade
-- Nothing to do.
