//! The embedded PostgreSQL: through `wmigrate::embedded`, as an embedding program has it, and through `wmigrate db`.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use wmigrate::embedded::{Binaries, Error, Options, Search, Server, find_psql, reset};

use crate::support::{
    Project, cluster, psql,
    server::{TestServer, binaries, seed},
    sql::try_psql,
};

fn start(options: &Options) -> Server {
    Server::start(options, binaries()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn data_survives_a_stop_and_not_a_reset() {
    let project = Project::without_database();
    let options = project.embedded();
    assert!(Server::running(&options).unwrap().is_none());

    let server = start(&options);
    psql(&server.url(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
    assert_eq!(psql(&server.url(), "SELECT pg_encoding_to_char(encoding) FROM pg_database LIMIT 1"), "UTF8");
    let url = server.url();
    server.stop().unwrap();
    assert!(Server::running(&options).unwrap().is_none());
    try_psql(&url, "SELECT 1").unwrap_err();

    let server = start(&options);
    assert_eq!(psql(&server.url(), "SELECT n FROM kept"), "7");
    reset(&options).unwrap();
    assert!(!server.data_folder().exists());

    let server = start(&options);
    assert_eq!(try_psql(&server.url(), "SELECT n FROM kept").unwrap_err(), "42P01: relation \"kept\" does not exist");
}

#[test]
fn a_second_start_finds_the_first() {
    let project = Project::without_database();
    let servers: Vec<i32> = thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| start(&project.embedded()).pid())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(servers.windows(2).all(|pair| pair[0] == pair[1]), "{servers:?}");
    assert_eq!(Server::running(&project.embedded()).unwrap().map(|server| server.pid()), Some(servers[0]));
}

#[test]
fn an_initialised_server_starts_in_half_a_second() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    start(&project.embedded()).stop().unwrap();
    // The best of five: the other tests use the same processors.
    let best = (0..5).map(|_| {
        let begin = Instant::now();
        let server = start(&project.embedded());
        let took = begin.elapsed();
        server.stop().unwrap();
        took
    });
    let best = best.min().expect("there were five");
    assert!(best < Duration::from_millis(500), "{best:?}");
}

#[test]
fn nobody_else_can_reach_it() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    let server = start(&project.embedded());
    assert_eq!(psql(&server.url(), "SHOW listen_addresses"), "");
    let folder = fs::metadata(server.socket_folder()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    if let Some((uid, gid)) = server.runs_as() {
        assert_ne!(uid, 0);
        assert_eq!((folder.uid(), folder.gid()), (uid, gid));
    }
}

/// Ctrl-C reaches the terminal's process group, so the server must be in one of its own.
#[test]
fn the_server_is_in_a_process_group_of_its_own() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    let server = start(&project.embedded());
    let output = Command::new("ps").args(["-o", "pgid=", "-p", &server.pid().to_string()]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), server.pid().to_string());
}

#[test]
fn a_killed_server_is_started_again() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    let server = start(&project.embedded());
    psql(&server.url(), "CREATE TABLE kept (n int)");
    // A session that is busy when the server dies holds its memory a little longer.
    let url = server.url();
    let busy = thread::spawn(move || try_psql(&url, "SELECT pg_sleep(30)"));
    while psql(
        &server.url(),
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND state = 'active'",
    ) == "0"
    {
        thread::sleep(Duration::from_millis(5));
    }
    let killed = server.pid();
    Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap();
    // The signal is sent; when it arrives is the system's business.
    while Server::running(&project.embedded()).unwrap().is_some() {
        thread::sleep(Duration::from_millis(1));
    }

    let server = start(&project.embedded());
    assert_ne!(server.pid(), killed);
    assert_eq!(psql(&server.url(), "SELECT count(*) FROM kept"), "0");
    busy.join().unwrap().unwrap_err();
}

#[test]
fn an_interrupted_initdb_leaves_nothing_in_the_way() {
    let project = Project::without_database();
    let half = project.folder.join(".wmigrate/postgres.new-1");
    fs::create_dir_all(half.join("base")).unwrap();
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();
    fs::create_dir_all(project.folder.join(".wmigrate/postgres/base")).unwrap();
    let server = start(&project.embedded());
    assert_eq!(psql(&server.url(), "SELECT 1"), "1");
    assert!(!half.exists());
}

#[test]
fn a_long_or_odd_folder_name_moves_the_socket() {
    for name in ["x".repeat(120), "a,b c".to_owned()] {
        let project = Project::without_database();
        let folder = project.folder.join(name).join(".wmigrate");
        let options = Options::new(folder);
        let server = start(&options);
        assert!(!server.socket_folder().starts_with(&project.folder), "{}", server.socket_folder().display());
        assert_eq!(psql(&server.url(), "SELECT 1"), "1");
        let socket = server.socket_folder().to_owned();
        server.stop().unwrap();
        // Somebody else's folder of that name is not used.
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o755)).unwrap();
        let error = Server::start(&options, binaries()).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}` is not a private folder of the server's user", socket.display()));
        fs::remove_dir_all(&socket).unwrap();
    }
}

/// Only root has this: a folder that root can enter and the server's user can not.
#[test]
fn a_project_the_servers_user_cannot_reach_keeps_its_data_elsewhere() {
    let project = Project::without_database();
    let own = project.folder.join("own");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
    let options = Options::new(own.join(".wmigrate"));
    let server = start(&options);
    assert_eq!(psql(&server.url(), "SELECT 1"), "1");
    let (data, note) = (server.data_folder().to_owned(), own.join(".wmigrate/postgres.location"));
    assert_eq!(data.starts_with(&own), server.runs_as().is_none());
    if server.runs_as().is_some() {
        assert_eq!(fs::read_to_string(&note).unwrap(), format!("{}\n", data.display()));
    }
    reset(&options).unwrap();
    assert!(!data.exists() && !note.exists());
    if let Some(place) = data.parent().filter(|place| !place.starts_with(&own)) {
        fs::remove_dir(place).unwrap();
    }
}

#[test]
fn data_of_another_version_is_refused_by_name() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    let server = start(&project.embedded());
    let version = server.data_folder().join("PG_VERSION");
    server.stop().unwrap();
    fs::write(version, "9.6\n").unwrap();
    let error = Server::start(&project.embedded(), binaries()).unwrap_err();
    let Binaries { folder, major } = binaries();
    let expected = format!(
        "the embedded database was made by PostgreSQL 9, but the programs in `{}` are PostgreSQL {major}",
        folder.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some_and(|hint| hint.contains("`wmigrate db reset`")));
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    let mut options = project.embedded();
    options.settings = vec![("shared_buffers".into(), "much".into())];
    let error = Server::start(&options, binaries()).unwrap_err();
    assert!(matches!(error, Error::Start { .. }));
    assert!(error.to_string().contains("ended at once (exit status: 1)"), "{error}");
    assert!(error.to_string().contains("invalid value for parameter \"shared_buffers\": \"much\""), "{error}");
}

/// The process that `postmaster.pid` names may be anybody by now.
#[test]
fn stop_signals_nobody_but_the_server() {
    let project = Project::without_database();
    seed(&project.embedded().folder);
    let server = start(&project.embedded());
    let data = server.data_folder().to_owned();
    server.clone().stop().unwrap();
    let mut bystander = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    fs::write(data.join("postmaster.pid"), format!("{}\n{}\n", bystander.id(), data.display())).unwrap();
    server.stop().unwrap();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(bystander.try_wait().unwrap(), None);
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn without_programs_the_error_says_where_it_looked() {
    let cache = cluster::new_folder("nothing");
    let search =
        Search { explicit: Some(&cache), path: None, cache: &cache, major: None, download: false, say: &|_| {} };
    let error = Binaries::find(&search).unwrap_err();
    let expected = format!("`{}` holds no PostgreSQL server: there is no `postgres` in it", cache.display());
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some());
}

#[test]
fn a_server_of_its_own_takes_settings() {
    let server = TestServer::start_extra(&[("default_transaction_read_only", "on")]);
    let refused = try_psql(&server.url(), "CREATE TABLE t ()").unwrap_err();
    assert_eq!(refused, "25006: cannot execute CREATE TABLE in a read-only transaction");
}

#[test]
fn db_starts_stops_and_resets() {
    let project = Project::without_database();
    project.ok(["db", "start"]);
    project.ok(["db", "start"]);
    let url = project.ok(["db", "url"]).trim().to_owned();
    assert_eq!(Server::running(&project.embedded()).unwrap().map(|server| server.url()), Some(url.clone()));
    psql(&url, "CREATE TABLE kept ()");

    project.ok(["db", "stop"]);
    try_psql(&url, "SELECT 1").unwrap_err();
    assert_eq!(project.ok(["db", "stop", "--json"]), "{\n  \"stopped\": false\n}\n");

    project.ok(["db", "start"]);
    assert_eq!(psql(&url, "SELECT count(*) FROM kept"), "0");
    // Without a terminal nobody can be asked, and the data stays.
    assert_eq!(project.wmigrate(["db", "reset"]).code, Some(2));
    assert_eq!(psql(&url, "SELECT count(*) FROM kept"), "0");
    project.ok(["db", "reset", "--yes"]);
    let url = project.ok(["db", "url"]).trim().to_owned();
    try_psql(&url, "SELECT count(*) FROM kept").unwrap_err();
}

#[test]
fn db_psql_is_psql() {
    let path = std::env::var_os("PATH");
    let cache = cluster::root().join("cache");
    let search =
        Search { explicit: None, path: path.as_deref(), cache: &cache, major: None, download: false, say: &|_| {} };
    if find_psql(&search).is_none() {
        eprintln!("skipped: `psql` is not installed");
        return;
    }
    let project = Project::without_database();
    assert_eq!(project.ok(["db", "psql", "--", "-Atc", "SELECT 6 * 7"]), "42\n");
}
