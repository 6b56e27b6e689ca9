-- /// wmigrate
-- revision = "a90c5d27e3b4"
-- down_revision = "c27f94b86a13"
-- message = "keep updated_at current"
-- created = 2026-03-16T13:22:00Z
-- ///

-- wmigrate:upgrade

-- The semicolons between the dollar quotes belong to the function: scripts are split where psql splits them.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

-- WHEN leaves out updates that change nothing.
CREATE TRIGGER plugin_updated_at
    BEFORE UPDATE ON plugin
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION set_updated_at();

-- wmigrate:downgrade

DROP TRIGGER plugin_updated_at ON plugin;
DROP FUNCTION set_updated_at();
