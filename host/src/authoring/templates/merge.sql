{{ front_matter }}

-- wmigrate:upgrade
-- Joins branches; nothing needs to be done here.

-- wmigrate:downgrade
-- Parts them again; nothing needs to be done here.
