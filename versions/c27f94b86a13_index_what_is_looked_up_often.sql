-- /// wmigrate
-- revision = "c27f94b86a13"
-- down_revision = "8e35a7f1c04d"
-- message = "index what is looked up often"
-- created = 2026-03-09T10:05:00Z
-- ///

-- wmigrate:upgrade

-- PostgreSQL indexes what is referred to, not what refers: a foreign key needs an index of its own for "the plugins of
-- this publisher", and for every deletion of a publisher.
CREATE INDEX plugin_publisher_id_idx ON plugin (publisher_id);

-- "The newest releases of this plugin": equality first, then the order that is asked for. The index answers with the first
-- rows it meets and nothing is sorted.
CREATE INDEX release_plugin_id_published_at_idx ON release (plugin_id, published_at DESC);

-- wmigrate:downgrade

DROP INDEX release_plugin_id_published_at_idx;
DROP INDEX plugin_publisher_id_idx;
