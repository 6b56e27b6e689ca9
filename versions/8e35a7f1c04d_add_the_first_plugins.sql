-- /// wmigrate
-- revision = "8e35a7f1c04d"
-- down_revision = "4b1d0c6e92f7"
-- message = "add the first plugins"
-- created = 2026-03-03T15:40:00Z
-- ///

-- wmigrate:upgrade

-- The catalogue as it came from the old spreadsheet, uneven spelling and all.
INSERT INTO publisher (name, contact) VALUES
    ('lovelace',  'Ada Lovelace <Ada@Example.ORG>'),
    ('hopper',    '  Grace   Hopper  < grace.hopper@example.com >'),
    ('unix-room', 'ken@example.net'),
    ('archive',   'ask at the front desk');

-- Rows refer to each other by name here, never by number: which ids a database gives is its own business.
INSERT INTO plugin (publisher_id, slug, title, description)
SELECT publisher.id, new.slug, new.title, new.description
FROM (VALUES
    ('lovelace',  'notes',     'Notes on the engine', 'Annotations, longer than the text they annotate.'),
    ('lovelace',  'bernoulli', 'Bernoulli numbers',   'The first program, still correct.'),
    ('hopper',    'flow',      'Flow-Matic',          'Reads like English, compiles like nothing before it.'),
    ('unix-room', 'pipes',     'Pipes',               'Each does one thing; together they do the rest.'),
    ('archive',   'tapes',     'Tapes',               'What was on the tapes, as far as it can be read.')
) AS new (publisher, slug, title, description)
JOIN publisher ON publisher.name = new.publisher;

INSERT INTO release (plugin_id, version, notes, published_at)
SELECT plugin.id, new.version, new.notes, new.published_at
FROM (VALUES
    ('notes',     'v1.0.0',      'Notes A to G.',        timestamptz '2025-12-10 00:00:00+00'),
    ('notes',     '1.2',         'An index of names.',   timestamptz '2026-01-20 12:30:00+01'),
    ('notes',     '1.10.0',      'Note H.',              timestamptz '2026-02-11 08:00:00+00'),
    ('bernoulli', '1.0.0-rc.1',  'Sign error in row 4.', timestamptz '2026-01-05 00:00:00+00'),
    ('bernoulli', ' V1.0.0 ',    'Corrected.',           timestamptz '2026-01-06 00:00:00+00'),
    ('flow',      '0.9.3+b7',    'Build 7.',             timestamptz '2026-02-01 18:15:00-05'),
    ('pipes',     '7',           'Seventh edition.',     timestamptz '2025-11-30 00:00:00+00'),
    ('tapes',     'spring 1973', 'Only one reel left.',  timestamptz '2026-02-20 00:00:00+00')
) AS new (plugin, version, notes, published_at)
JOIN plugin ON plugin.slug = new.plugin;

-- wmigrate:downgrade

-- Takes away what this revision brought and leaves what others have added since. A publisher who has other plugins by
-- then makes the second statement fail, and with it the whole downgrade: nothing is lost silently.
DELETE FROM plugin WHERE slug IN ('notes', 'bernoulli', 'flow', 'pipes', 'tapes');
DELETE FROM publisher WHERE name IN ('lovelace', 'hopper', 'unix-room', 'archive');
