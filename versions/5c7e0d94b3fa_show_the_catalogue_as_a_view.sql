-- /// wmigrate
-- revision = "5c7e0d94b3fa"
-- down_revision = "9d71c5e2a0b8"
-- message = "show the catalogue as a view"
-- created = 2026-04-21T10:15:00Z
-- ///

-- wmigrate:upgrade

-- What applications read. Behind it tables can be split, renamed or moved; as long as the view answers the same, nobody
-- outside needs to know.
CREATE VIEW plugin_catalogue AS
SELECT
    plugin.slug,
    plugin.title,
    publisher.name AS publisher,
    publisher.contact_email,
    newest.version AS newest_version,
    newest.published_at AS newest_published_at,
    coalesce(activity.installed, 0) AS installed,
    coalesce(activity.failed, 0) AS failed
FROM plugin
JOIN publisher ON publisher.id = plugin.publisher_id
-- LATERAL may look at the plugin's row: the newest version that is no pre-release, else one that is, else one without a number.
LEFT JOIN LATERAL (
    SELECT btrim(release.version) AS version, release.published_at
    FROM release
    WHERE release.plugin_id = plugin.id
    ORDER BY
        release.major IS NULL,
        release.prerelease IS NOT NULL,
        release.major DESC,
        release.minor DESC,
        release.patch DESC,
        release.published_at DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN (
    SELECT plugin_id, sum(installed) AS installed, sum(failed) AS failed
    FROM plugin_activity
    GROUP BY plugin_id
) AS activity ON activity.plugin_id = plugin.id;

COMMENT ON VIEW plugin_catalogue IS 'One row a plugin, with its newest release. The public face of the tables behind it.';

-- wmigrate:downgrade

DROP VIEW plugin_catalogue;
