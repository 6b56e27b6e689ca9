{{ front_matter }}

-- wmigrate:upgrade
-- What brings the change: statements, each ended by a semicolon.

-- wmigrate:downgrade
-- What takes it back, last thing first.
