-- /// wmigrate
-- revision = "4b1d0c6e92f7"
-- message = "create publishers and plugins"
-- created = 2026-03-02T09:12:00Z
-- ///

-- wmigrate:upgrade

-- Identity columns are the standard's way to number rows. GENERATED ALWAYS refuses a number given by hand, so the sequence
-- and the table cannot drift apart.
CREATE TABLE publisher (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    -- As people typed it: 'Ada Lovelace <ada@example.org>'. A later revision makes two columns of it.
    contact    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE plugin (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    publisher_id bigint NOT NULL REFERENCES publisher (id),
    -- What users type to install it. The check is a rule of the data, so it lives with the data.
    slug         text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]*$'),
    title        text NOT NULL,
    -- text has no length to choose and nothing to gain from one: large values are compressed and stored out of line.
    description  text NOT NULL DEFAULT '',
    -- timestamptz is a point in time; timestamp without a zone is only the look of a clock somewhere.
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE release (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plugin_id    bigint NOT NULL REFERENCES plugin (id) ON DELETE CASCADE,
    version      text NOT NULL,
    -- The plugin's configuration schema and its notes: large strings, read one at a time.
    manifest     text NOT NULL DEFAULT '',
    notes        text NOT NULL DEFAULT '',
    published_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (plugin_id, version)
);

COMMENT ON TABLE release IS 'A published version of a plugin; rows are added, never changed.';

-- wmigrate:downgrade

-- Last thing first: what refers to a table goes before the table.
DROP TABLE release;
DROP TABLE plugin;
DROP TABLE publisher;
