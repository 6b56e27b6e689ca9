-- /// wmigrate
-- revision = "6af20b8c51e9"
-- down_revision = "19e8d3705bca"
-- message = "count plugin events by day"
-- created = 2026-03-24T09:58:00Z
-- ///

-- wmigrate:upgrade

CREATE VIEW plugin_activity AS
SELECT
    plugin_id,
    -- A day begins somewhere: said here, it is the same for every reader.
    (occurred_at AT TIME ZONE 'UTC')::date AS day,
    count(*) FILTER (WHERE kind = 'installed') AS installed,
    count(*) FILTER (WHERE kind = 'started') AS started,
    count(*) FILTER (WHERE kind = 'failed') AS failed
FROM plugin_event
GROUP BY plugin_id, day;

-- wmigrate:downgrade

DROP VIEW plugin_activity;
