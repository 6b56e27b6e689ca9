//! The backfill of `bench/backfill.py` as somebody would write it for this one table: the pipeline of wmigrate's backfills
//! without a sandbox, a journal or checks. Not a tool: table, columns and transform are fixed.
//!
//! A worker is a thread with two connections, its lanes. Each lane takes the next range of the key, reads and transforms
//! it, waits for the worker's one permit to write, writes and commits. So one lane reads while the other one writes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use futures_util::future::try_join;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Row, Statement};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "usage: native-backfill URL [--rows-per-batch 10000] [--lanes 2] [--workers 1]";

const SESSION: &str = "SET synchronous_commit = off;
    CREATE TEMP TABLE w (id bigint, first_name text, last_name text, phone_e164 text) ON COMMIT DELETE ROWS";
// NO KEY: what refers to the row may go on.
const READ: &str = "SELECT id, full_name, phone FROM contacts WHERE id > $1 AND id <= $2 ORDER BY id FOR NO KEY UPDATE";
const COPY: &str = "COPY w FROM STDIN (FORMAT binary)";
// The range says what the planner cannot know of a temporary table that was never analysed: how much of `contacts` it is.
const WRITE: &str = "UPDATE contacts t
    SET first_name = w.first_name, last_name = w.last_name, phone_e164 = w.phone_e164
    FROM w WHERE t.id = w.id AND t.id > $1 AND t.id <= $2";

#[derive(Clone)]
struct Options {
    url: String,
    rows_per_batch: i64,
    lanes: usize,
    workers: usize,
}

fn main() -> Result<()> {
    let options = options().ok_or(USAGE)?;
    let begun = Instant::now();
    let last = runtime()?.block_on(last_key(&options.url))?;
    let next = Arc::new(AtomicI64::new(0));
    let workers: Vec<_> = (0..options.workers)
        .map(|_| {
            let (options, next) = (options.clone(), Arc::clone(&next));
            thread::spawn(move || worker(&options, &next, last))
        })
        .collect();
    let mut rows = 0;
    for worker in workers {
        rows += worker.join().map_err(|_| "a worker panicked")??;
    }
    println!("{{\"rows\":{rows},\"seconds\":{:.3}}}", begun.elapsed().as_secs_f64());
    Ok(())
}

fn options() -> Option<Options> {
    let mut options = Options { url: String::new(), rows_per_batch: 10_000, lanes: 2, workers: 1 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rows-per-batch" => options.rows_per_batch = arguments.next()?.parse().ok().filter(|rows| *rows > 0)?,
            "--lanes" => options.lanes = arguments.next()?.parse().ok().filter(|lanes| *lanes > 0)?,
            "--workers" => options.workers = arguments.next()?.parse().ok().filter(|workers| *workers > 0)?,
            _ if argument.starts_with("--") || !options.url.is_empty() => return None,
            _ => options.url = argument,
        }
    }
    (!options.url.is_empty()).then_some(options)
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // What ends the connection fails the client's next call too.
    tokio::spawn(connection);
    Ok(client)
}

async fn last_key(url: &str) -> Result<i64> {
    Ok(connect(url).await?.query_one("SELECT coalesce(max(id), 0) FROM contacts", &[]).await?.get(0))
}

fn worker(options: &Options, next: &Arc<AtomicI64>, last: i64) -> Result<u64> {
    runtime()?.block_on(async {
        let write = Arc::new(Semaphore::new(1));
        let lanes: Vec<_> = (0..options.lanes)
            .map(|_| {
                let (options, next, write) = (options.clone(), Arc::clone(next), Arc::clone(&write));
                tokio::spawn(async move { Lane::open(&options.url).await?.run(&options, &next, last, &write).await })
            })
            .collect();
        let mut rows = 0;
        for lane in lanes {
            rows += lane.await??;
        }
        Ok(rows)
    })
}

/// A connection and its statements.
struct Lane {
    client: Client,
    read: Statement,
    copy: Statement,
    write: Statement,
}

impl Lane {
    async fn open(url: &str) -> Result<Self> {
        let client = connect(url).await?;
        client.batch_execute(SESSION).await?;
        let read = client.prepare(READ).await?;
        let copy = client.prepare(COPY).await?;
        let write = client.prepare(WRITE).await?;
        Ok(Self { client, read, copy, write })
    }

    async fn run(self, options: &Options, next: &AtomicI64, last: i64, write: &Semaphore) -> Result<u64> {
        let mut written = 0;
        loop {
            let low = next.fetch_add(options.rows_per_batch, Ordering::Relaxed);
            if low >= last {
                return Ok(written);
            }
            let high = low + options.rows_per_batch;
            let begin = self.client.batch_execute("BEGIN");
            let ((), rows) = try_join(begin, self.client.query(&self.read, &[&low, &high])).await?;
            let count = rows.len() as u64;
            let encoded = transform(&rows)?;
            drop(rows);

            let permit = write.acquire().await?;
            let mut sink = Box::pin(self.client.copy_in(&self.copy).await?);
            sink.send(encoded).await?;
            sink.as_mut().finish().await?;
            let commit = self.client.batch_execute("COMMIT");
            let (updated, ()) = try_join(self.client.execute(&self.write, &[&low, &high]), commit).await?;
            drop(permit);
            if updated != count {
                return Err(format!("{count} rows were read and {updated} written").into());
            }
            written += updated;
        }
    }
}

/// Splits the name at its first space and brings the phone number into its international form; the result is what COPY
/// takes in its binary format.
fn transform(rows: &[Row]) -> Result<Bytes> {
    // A guess, the buffer grows: 30 bytes are lengths and key.
    let mut out = BytesMut::with_capacity(64 + rows.len() * 72);
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    out.put_i64(0);
    let mut phone = String::new();
    for row in rows {
        let name: &str = row.try_get(1)?;
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let digits: &str = row.try_get(2)?;
        phone.clear();
        phone.push('+');
        phone.extend(digits.chars().filter(char::is_ascii_digit));
        if phone.len() == 1 + 10 {
            phone.insert(1, '1');
        }
        out.put_i16(4);
        out.put_i32(8);
        out.put_i64(row.try_get(0)?);
        for text in [first, last, &phone] {
            out.put_i32(i32::try_from(text.len())?);
            out.put_slice(text.as_bytes());
        }
    }
    out.put_i16(-1);
    Ok(out.freeze())
}
