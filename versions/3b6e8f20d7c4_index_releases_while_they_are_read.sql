-- /// wmigrate
-- revision = "3b6e8f20d7c4"
-- down_revision = "f1638a92ce54"
-- message = "index releases while they are read"
-- created = 2026-04-20T16:20:00Z
-- transaction = "none"
-- ///

-- An index that is built beside the readers and writers of its table. No transaction can hold that, so this revision is
-- durable: each statement is committed by itself, and a run that was killed goes on where it stopped. A build that was
-- interrupted leaves an INVALID index behind; wmigrate drops it and builds it again.

-- wmigrate:upgrade
CREATE INDEX CONCURRENTLY release_published_at_idx ON release (published_at DESC);

-- wmigrate:downgrade
-- IF EXISTS: this also takes back an upgrade that did not get so far.
DROP INDEX CONCURRENTLY IF EXISTS release_published_at_idx;
