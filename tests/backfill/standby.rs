//! A job gives way to a standby that falls behind: a real one, made by `pg_basebackup`, whose replay is paused.

use std::{path::PathBuf, thread, time::Duration};

use super::{SPLIT, assert_split, module, table_of};
use crate::support::{
    Project, TestServer, cluster, psql,
    running::{assert_says, finish, wait_for},
    server::binaries,
};

/// `pg_basebackup`, which not every set of binaries has: those of the server, or the machine's.
fn basebackup() -> Option<PathBuf> {
    let beside = binaries().folder.join("pg_basebackup");
    let path = std::env::var_os("PATH").unwrap_or_default();
    [beside]
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("pg_basebackup")))
        .find(|file| file.is_file())
}

#[test]
fn a_standby_whose_replay_is_paused() {
    let Some(basebackup) = basebackup() else {
        eprintln!("skipped: there is no pg_basebackup beside the server's programs or in PATH");
        return;
    };
    let primary = TestServer::start_extra(&[("wal_level", "replica"), ("max_wal_senders", "4"), ("hot_standby", "on")]);
    let folder = cluster::new_folder("standby").join(".wmigrate");
    let standby = TestServer::standby_of(&primary, &basebackup, &folder);
    let mut project = Project::new();
    project.database = Some(primary.fresh_database());
    project.write("wmigrate.toml", "versions = [\"versions\"]\n[backfill]\nlag_size = \"1 MiB\"\n");
    project.psql(&table_of(40_000));
    project.durable_js("a1", "", "split", &module("[\"first\", \"last\", \"v\"]", "batchMax: 200", SPLIT));
    wait_for(&project, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1");
    psql(&standby.url(), "SELECT pg_wal_replay_pause()");
    let child = project.spawn(["upgrade", "head"]);
    // It goes on until the standby is behind, and then no further.
    let behind = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 1048576 FROM pg_stat_replication";
    wait_for(&project, behind, "t");
    thread::sleep(Duration::from_secs(4));
    let done = project.psql("SELECT count(*) FROM wmigrate.backfill_batch WHERE state = 'done'");
    thread::sleep(Duration::from_secs(6));
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.backfill_batch WHERE state = 'done'"), done);
    assert_ne!(project.psql("SELECT count(*) FROM people WHERE v = 0"), "0", "it was too fast for the test");
    psql(&standby.url(), "SELECT pg_wal_replay_resume()");
    let said = finish(child);
    assert_says(&said, 0, &["waiting: a standby is ", " MiB behind", "% of the time waiting"]);
    assert_split(&project, 40_000);
    // One that goes away is no reason to hurry.
    drop(standby);
}
