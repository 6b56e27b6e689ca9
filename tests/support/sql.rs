//! SQL from a test's side, by a connection of its own: what psql would print, without needing psql.

use std::fmt::Write as _;

use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Runs statements and returns what `psql -At` would print: a line a row, `|` between columns, NULL as nothing.
pub fn psql(url: &str, sql: &str) -> String {
    try_psql(url, sql).unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

/// The same, with the server's message when it refuses.
pub fn try_psql(url: &str, sql: &str) -> Result<String, String> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    // On a thread of its own, since the test may run inside a runtime already.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&url, &sql)).map_err(|error| match error.as_db_error() {
            Some(refused) => format!("{}: {}", refused.code().code(), refused.message()),
            None => error.to_string(),
        })
    })
    .join()
    .unwrap()
}

async fn run(url: &str, sql: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(connection);
    let result = client.simple_query(sql).await;
    drop(client);
    // An error of the connection was an error of the query too.
    drop(driver.await);
    let mut text = String::new();
    for message in result? {
        if let SimpleQueryMessage::Row(row) = message {
            let cells: Vec<&str> = (0..row.len()).map(|index| row.get(index).unwrap_or_default()).collect();
            writeln!(text, "{}", cells.join("|")).unwrap();
        }
    }
    Ok(text.trim_end_matches('\n').to_owned())
}
