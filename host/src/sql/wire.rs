//! A tap on the byte stream between the driver and the server: it notes what tokio-postgres throws away (transaction
//! status, commits, real column types) and bounds what a result may bring. It never decides anything and never
//! writes to the server. It sits under `connect`, above TLS; [`Wire`] is how the rest of `sql` asks it.
//!
//! One trick: a column whose type is not built in is announced to the driver as `bytea`. tokio-postgres would otherwise
//! prepare named statements (`s0` …) to look the type up: round trips, and statements a revision could swap or
//! deallocate. The real type is in [`Wire::take_columns`]; values pass untouched.

mod scan;

use scan::Scanner;
use std::collections::{HashMap, VecDeque};
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// The largest row the driver is given unless told otherwise: the default limit of a result, and slack for its framing.
const DEFAULT_MESSAGE_LIMIT: u64 = (64 << 20) + (64 << 10);

/// Columns kept for [`Wire::take_columns`]; later descriptions are forgotten. A result has at most 1,664 columns, so
/// this is room for hundreds of pipelined statements, and a bound where nobody takes them.
const MAX_QUEUED_COLUMNS: usize = 1 << 20;

/// Server parameters remembered. PostgreSQL reports about fifteen.
const MAX_PARAMETERS: usize = 256;

/// A column as the server announced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireColumn {
    /// Its name.
    pub name: String,
    /// `pg_type.oid`, the real one.
    pub oid: u32,
    /// Type modifier, -1 for none.
    pub typmod: i32,
}

/// What has been seen on one connection. Clones share it.
///
/// What it says may be ahead of the driver while statements are pipelined; after the end of a statement it is exact.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    backend_pid: i32,
    status: u8,
    ready_count: u64,
    commits: u64,
    columns: VecDeque<Vec<WireColumn>>,
    queued_columns: usize,
    parameters: HashMap<String, String>,
    /// Bytes of the answer that is coming in.
    received: u64,
    answer_limit: u64,
    message_limit: u64,
    overflowed: bool,
    /// `client_encoding` was something else than UTF-8 for a while.
    foreign_encoding: bool,
    /// Rows are dropped until the next `ReadyForQuery`.
    dropping: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            backend_pid: 0,
            status: b'I',
            ready_count: 0,
            commits: 0,
            columns: VecDeque::new(),
            queued_columns: 0,
            parameters: HashMap::new(),
            received: 0,
            answer_limit: u64::MAX,
            message_limit: DEFAULT_MESSAGE_LIMIT,
            overflowed: false,
            foreign_encoding: false,
            dropping: false,
        }
    }
}

impl Wire {
    /// The process id in the server's `BackendKeyData`; a pooler sends one that is not the server's. 0 before it came.
    #[must_use]
    pub fn backend_pid(&self) -> i32 {
        self.seen().backend_pid
    }

    /// Transaction status in the last `ReadyForQuery`: `b'I'` idle, `b'T'` in a transaction, `b'E'` in a failed one.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.seen().status
    }

    /// How many `ReadyForQuery` messages there were.
    #[must_use]
    pub fn ready_count(&self) -> u64 {
        self.seen().ready_count
    }

    /// How many commands ended with the tag `COMMIT`. A COMMIT that the server makes a ROLLBACK is not among them.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.seen().commits
    }

    /// The columns of the oldest result not taken yet.
    #[must_use]
    pub fn take_columns(&self) -> Option<Vec<WireColumn>> {
        let mut seen = self.seen();
        let columns = seen.columns.pop_front()?;
        seen.queued_columns -= columns.len();
        Some(columns)
    }

    /// The last value the server reported of one of its parameters, for example `server_version`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.seen().parameters.get(name).cloned()
    }

    /// For a guest's statements: from how many bytes of one answer on rows are dropped, and above how many a single row is.
    /// Forgets an overflow.
    pub fn set_limits(&self, answer: u64, row: u64) {
        let mut seen = self.seen();
        seen.overflowed = false;
        seen.answer_limit = answer;
        seen.message_limit = row;
    }

    /// Takes back what was set for a guest's statements: the rows of the host's own are never dropped.
    pub fn lift_limits(&self) {
        self.set_limits(u64::MAX, DEFAULT_MESSAGE_LIMIT);
    }

    /// Whether rows were dropped since limits were set: a result the driver gave is not complete.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.seen().overflowed
    }

    /// Whether texts may have been taken for others since the last [`expect_utf8`](Self::expect_utf8).
    #[must_use]
    pub fn saw_foreign_encoding(&self) -> bool {
        self.seen().foreign_encoding
    }

    /// Forgets what encodings there were.
    pub fn expect_utf8(&self) {
        self.seen().foreign_encoding = false;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing under this lock leaves it half changed, so a panic elsewhere does not matter.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The stream handed to the driver.
pub(super) struct Tap<S> {
    inner: S,
    scanner: Scanner,
    wire: Wire,
    binding: Option<Vec<u8>>,
}

impl<S> Tap<S> {
    /// Taps `inner`. `binding` is what SCRAM binds the login to, where TLS lies below.
    pub(super) fn new(inner: S, binding: Option<Vec<u8>>) -> (Self, Wire) {
        let wire = Wire::default();
        (Self { inner, scanner: Scanner::new(), wire: wire.clone(), binding }, wire)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            this.scanner.scan(&mut this.wire.seen())?;
            if this.scanner.give(out) || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut room = ReadBuf::new(this.scanner.room());
            match Pin::new(&mut this.inner).poll_read(context, &mut room) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {
                    let count = room.filled().len();
                    if count == 0 {
                        return Poll::Ready(this.scanner.end());
                    }
                    this.scanner.filled(count);
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, data)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.binding.clone().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// Tells the driver that TLS, where wanted, is done already; it still learns what to bind the login to.
pub(super) struct TlsDone;

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<Tap<S>> for TlsDone {
    type Stream = Tap<S>;
    type Error = io::Error;
    type Future = Ready<io::Result<Tap<S>>>;

    fn connect(self, stream: Tap<S>) -> Self::Future {
        ready(Ok(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    fn description(columns: &[(&str, u32)]) -> Vec<u8> {
        let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for (name, oid) in columns {
            body.extend(
                [name.as_bytes(), &[0; 7], &oid.to_be_bytes(), &[0, 4], &(-1_i32).to_be_bytes(), &[0, 1]].concat(),
            );
        }
        message(b'T', &body)
    }

    fn start() -> Vec<u8> {
        [message(b'R', &[0; 4]), message(b'K', &[0, 0, 1, 2, 9, 9, 9, 9]), message(b'Z', b"I")].concat()
    }

    /// Sends `input` through a tap, `step` bytes at a time, and gives what the driver would see.
    fn check(input: &[u8], step: usize, set: impl Fn(&Wire)) -> (io::Result<Vec<u8>>, Wire) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let (mut server, client) = tokio::io::duplex(step);
            let (mut tap, wire) = Tap::new(client, None);
            set(&wire);
            let mut output = Vec::new();
            let send = async {
                // The tap may have hung up on us.
                let _ = server.write_all(input).await;
                drop(server);
            };
            let receive = async {
                let result = tap.read_to_end(&mut output).await;
                drop(tap);
                result
            };
            let ((), result) = tokio::join!(send, receive);
            (result.map(|_| output), wire)
        })
    }

    #[test]
    fn notes_and_rewrites_at_every_split() {
        let input = [
            start(),
            message(b'S', b"server_version\x0015.14\0"),
            description(&[("id", 23), ("mood", 16_400), ("odd", 12_345)]),
            message(b'D', &[7; 40]),
            message(b'C', b"COMMIT\0"),
            message(b'Z', b"T"),
            description(&[("x", 25)]),
            message(b'Z', b"E"),
        ];
        let mut expected = input.clone();
        expected[2] = description(&[("id", 23), ("mood", 17), ("odd", 17)]);
        for step in [1, 2, 3, 5, 7, 11, 64, 100_000] {
            let (output, wire) = check(&input.concat(), step, |_| ());
            assert_eq!(output.unwrap(), expected.concat(), "step {step}");
            assert_eq!(wire.backend_pid(), 0x102);
            assert_eq!((wire.status(), wire.ready_count(), wire.commits()), (b'E', 3, 1));
            assert_eq!(wire.parameter("server_version").as_deref(), Some("15.14"));
            let first: Vec<_> = wire.take_columns().unwrap().into_iter().map(|c| (c.name, c.oid, c.typmod)).collect();
            assert_eq!(first, [("id".into(), 23, -1), ("mood".into(), 16_400, -1), ("odd".into(), 12_345, -1)]);
            assert_eq!(wire.take_columns().unwrap()[0].name, "x");
            assert_eq!(wire.take_columns(), None);
            assert!(!wire.overflowed());
        }
    }

    #[test]
    fn drops_rows_over_the_total_until_ready() {
        let row = message(b'D', &[1; 95]);
        let end = [message(b'C', b"SELECT 3\0"), message(b'Z', b"I")].concat();
        let input = [start(), row.clone(), row.clone(), row.clone(), end.clone()].concat();
        // The limit is one of each answer: the login before and the answer behind do not count.
        let input = [&input[..], &row, &row, &end].concat();
        for step in [1, 13, 100_000] {
            let (output, wire) = check(&input, step, |wire| wire.set_limits(200, 1000));
            let kept = [row.clone(), row.clone(), end.clone()].concat();
            assert_eq!(output.unwrap(), [start(), kept.clone(), kept].concat());
            assert!(wire.overflowed());
            wire.lift_limits();
            assert!(!wire.overflowed());
        }
    }

    #[test]
    fn drops_a_large_row_and_all_after_it() {
        let small = message(b'D', &[1; 10]);
        let end = message(b'Z', b"I");
        let large = message(b'D', &vec![2; 300_000]);
        let input = [start(), small.clone(), large, small.clone(), end.clone(), small.clone(), end.clone()].concat();
        for step in [1, 1000, 1_000_000] {
            let (output, wire) = check(&input, step, |wire| wire.set_limits(u64::MAX, 1000));
            assert_eq!(output.unwrap(), [start(), small.clone(), end.clone(), small.clone(), end.clone()].concat());
            assert!(wire.overflowed());
        }
    }

    #[test]
    fn a_huge_error_becomes_a_small_one() {
        let body = [&b"SERROR\0VERROR\0CP0001\0M"[..], &vec![b'x'; 3_000_000], b"\0\0"].concat();
        for step in [4099, 100_000] {
            let input = [start(), message(b'E', &body), message(b'Z', b"E")].concat();
            let output = check(&input, step, |_| ()).0.unwrap();
            let text = String::from_utf8_lossy(&output[start().len()..]).into_owned();
            assert!(text.contains("SERROR\0VERROR\0CP0001\0Man error message of 3000024 bytes"), "{text}");
            assert!(output.ends_with(&message(b'Z', b"E")));
            assert_eq!(output[start().len()..].len(), 5 + usize::from(output[start().len() + 4]) - 4 + 6);
        }
    }

    #[test]
    fn refuses_what_is_no_server_or_lies() {
        let lies = [
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(),
            [start(), vec![b'Z', 0, 0, 0, 3, 0, 0]].concat(),
            [start(), vec![b'T', 0x7f, 0, 0, 0, 0, 0]].concat(),
            [start(), message(b'T', &[0, 9, b'a', 0])].concat(),
            [start(), message(b'T', &[0, 1, b'a', b'b'])].concat(),
            [start(), message(b'K', &[1])].concat(),
            [start(), message(b'Z', b"")].concat(),
        ];
        for input in lies {
            for step in [1, 1000] {
                let error = check(&input, step, |_| ()).0.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
            }
        }
        let cut = check(&[start(), vec![b'T', 0, 0]].concat(), 4, |_| ()).0.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }
}
