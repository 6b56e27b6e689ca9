-- /// wmigrate
-- revision = "19e8d3705bca"
-- down_revision = "c27f94b86a13"
-- message = "create plugin events"
-- created = 2026-03-17T16:03:00Z
-- branch_labels = ["telemetry"]
-- ///

-- A branch: another team records what plugins do while the catalogue goes its own way. Until the two are merged,
-- `wmigrate upgrade telemetry@head` runs this line alone.

-- wmigrate:upgrade

-- Partitioned by month: a query about last week reads one or two partitions, and a year that nobody needs any more is
-- dropped in a moment instead of deleted row by row.
CREATE TABLE plugin_event (
    -- The key of a partitioned table holds the partition key: uniqueness is kept within each partition.
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    plugin_id   bigint NOT NULL REFERENCES plugin (id) ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('installed', 'started', 'failed', 'removed')),
    detail      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);

-- Bounds have a zone: without one they would be the session's, and differ between machines.
CREATE TABLE plugin_event_2026_03 PARTITION OF plugin_event
    FOR VALUES FROM ('2026-03-01 00:00:00+00') TO ('2026-04-01 00:00:00+00');
CREATE TABLE plugin_event_2026_04 PARTITION OF plugin_event
    FOR VALUES FROM ('2026-04-01 00:00:00+00') TO ('2026-05-01 00:00:00+00');

-- Takes what fits nowhere else, so that no event is refused because nobody made a partition in time.
CREATE TABLE plugin_event_default PARTITION OF plugin_event DEFAULT;

-- On the parent: each partition, also a later one, gets its own.
CREATE INDEX plugin_event_plugin_id_occurred_at_idx ON plugin_event (plugin_id, occurred_at DESC);

INSERT INTO plugin_event (occurred_at, plugin_id, kind, detail)
SELECT new.occurred_at, plugin.id, new.kind, new.detail
FROM (VALUES
    (timestamptz '2026-03-20 07:00:00+00', 'notes', 'installed', jsonb '{"by": "ci"}'),
    (timestamptz '2026-03-20 07:00:05+00', 'notes', 'started',   jsonb '{}'),
    (timestamptz '2026-04-02 22:10:00+00', 'pipes', 'installed', jsonb '{}'),
    (timestamptz '2026-04-02 22:11:00+00', 'pipes', 'failed',    jsonb '{"signal": 13}')
) AS new (occurred_at, plugin, kind, detail)
JOIN plugin ON plugin.slug = new.plugin;

-- wmigrate:downgrade

-- Takes the partitions and their indexes with it.
DROP TABLE plugin_event;
