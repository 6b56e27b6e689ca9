// /// wmigrate
// revision = "07bc4fe6d981"
// down_revision = "d5093e7ab2c8"
// message = "order releases by version"
// created = 2026-04-13T11:30:00Z
// ///
//! As text 1.10.0 comes before 1.2: versions are parsed (<https://semver.org>) into columns that sort. The text stays
//! as it was published, so that the way down has nothing to restore.

use wmigrate_guest::prelude::*;

export!(upgrade, downgrade);

fn upgrade() -> Result<()> {
    sql::script(
        "ALTER TABLE release
             ADD COLUMN major      integer,
             ADD COLUMN minor      integer,
             ADD COLUMN patch      integer,
             ADD COLUMN prerelease text;
         ALTER TABLE release ADD CONSTRAINT release_version_whole CHECK (num_nulls(major, minor, patch) IN (0, 3));",
    )?;
    let mut parsed = Vec::new();
    let releases = sql::query(
        "SELECT release.id, plugin.slug, release.version
         FROM release JOIN plugin ON plugin.id = release.plugin_id
         ORDER BY plugin.slug, release.version",
        &[],
    )?;
    for row in releases {
        let (id, plugin, text): (i64, String, String) = row.read()?;
        match Version::parse(&text) {
            Some(v) => parsed.push(params![id, v.major, v.minor, v.patch, v.prerelease]),
            // Not an error: somebody did publish it under that name. Such releases sort last.
            None => warning!("{plugin}: `{text}` is no version number"),
        }
    }
    let updated = sql::execute_many(
        "UPDATE release SET major = $2, minor = $3, patch = $4, prerelease = $5 WHERE id = $1",
        parsed,
    )?;
    info!("{updated} versions parsed");
    // After the rows: filling an index once is cheaper than keeping it up to date.
    sql::execute(
        "CREATE INDEX release_plugin_id_version_idx ON release (plugin_id, major DESC, minor DESC, patch DESC)",
        &[],
    )?;
    Ok(())
}

fn downgrade() -> Result<()> {
    sql::script(
        "DROP INDEX release_plugin_id_version_idx;
         ALTER TABLE release DROP CONSTRAINT release_version_whole;
         ALTER TABLE release
             DROP COLUMN prerelease,
             DROP COLUMN patch,
             DROP COLUMN minor,
             DROP COLUMN major;",
    )?;
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Version {
    major: i32,
    minor: i32,
    patch: i32,
    prerelease: Option<String>,
}

impl Version {
    /// Takes what people write: a `v` before it, blanks around it, a part left out.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', 'V']);
        let text = text.split_once('+').map_or(text, |(version, _build)| version);
        let (numbers, prerelease) = match text.split_once('-') {
            Some((_, "")) => return None,
            Some((numbers, prerelease)) => (numbers, Some(prerelease.to_owned())),
            None => (text, None),
        };
        let mut parts = numbers.split('.');
        // `parse` alone would take a sign.
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        let major = number(parts.next()?)?;
        let minor = parts.next().map_or(Some(0), number)?;
        let patch = parts.next().map_or(Some(0), number)?;
        parts.next().is_none().then_some(Self { major, minor, patch, prerelease })
    }
}
