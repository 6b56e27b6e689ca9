//! The frame scanner of the tap: finds messages in the server's bytes, notes them in `Seen`, and says which bytes the
//! driver gets. It knows no stream and no driver; `Tap` fills it and empties it.

use super::{MAX_PARAMETERS, MAX_QUEUED_COLUMNS, Seen, WireColumn};
use std::io;
use tokio::io::ReadBuf;
use tokio_postgres::types::Type;

/// Read at once: few system calls on large results, little memory otherwise.
const BUFFER: usize = 64 << 10;

/// The largest message read as a whole, that is any that is not a row. The largest honest one is a description of 1,664
/// columns, well under 200 KiB; an error may be larger, since a revision chooses its text, and is shortened.
const MAX_WHOLE: usize = 1 << 20;

/// The largest message before the login is over. What is larger comes from no PostgreSQL.
const MAX_STARTUP: usize = 64 << 10;

/// Severity and SQLSTATE stand at the start of an error; this much of a huge one is looked at.
const ERROR_HEAD: usize = 256;

/// A message is 1 byte of tag, 4 of length (which counts itself), and its body.
const HEADER: usize = 5;

/// `buffer[given..cleared]` may go to the driver, `buffer[cleared..end]` is not scanned yet.
pub(super) struct Scanner {
    buffer: Vec<u8>,
    given: usize,
    cleared: usize,
    end: usize,
    body: Body,
    logged_in: bool,
}

/// What becomes of the rest of the message at `cleared`. `Drop` waits until all before it is given, so that dropping
/// is moving an index and never moving bytes.
enum Body {
    None,
    Pass(usize),
    Drop(usize),
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BUFFER], given: 0, cleared: 0, end: 0, body: Body::None, logged_in: false }
    }

    /// Moves cleared bytes to the driver; false if there were none.
    pub(super) fn give(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let count = out.remaining().min(self.cleared - self.given);
        out.put_slice(&self.buffer[self.given..self.given + count]);
        self.given += count;
        count > 0
    }

    /// Where the next bytes of the server go. Never empty; call it when everything cleared has been given.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.given..self.end, 0);
        self.cleared -= self.given;
        self.end -= self.given;
        self.given = 0;
        if self.end == self.buffer.len() {
            // A message that is read whole fills the buffer. `scan` has refused those above MAX_WHOLE.
            self.buffer.resize(self.end * 2, 0);
        } else if self.end == 0 && self.buffer.len() > BUFFER {
            self.buffer.truncate(BUFFER);
            self.buffer.shrink_to_fit();
        }
        &mut self.buffer[self.end..]
    }

    /// `count` bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// The server has closed the stream.
    pub(super) fn end(&self) -> io::Result<()> {
        if self.end > self.cleared || !matches!(self.body, Body::None) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection inside a message",
            ));
        }
        Ok(())
    }

    /// Looks at all bytes that can be looked at.
    pub(super) fn scan(&mut self, seen: &mut Seen) -> io::Result<()> {
        loop {
            let here = self.end - self.cleared;
            match self.body {
                Body::Pass(rest) => {
                    let count = rest.min(here);
                    self.cleared += count;
                    self.body = if count == rest { Body::None } else { Body::Pass(rest - count) };
                    if count < rest {
                        return Ok(());
                    }
                }
                Body::Drop(rest) => {
                    if self.given < self.cleared {
                        return Ok(());
                    }
                    let count = rest.min(here);
                    self.cleared += count;
                    self.given = self.cleared;
                    self.body = if count == rest { Body::None } else { Body::Drop(rest - count) };
                    if count < rest {
                        return Ok(());
                    }
                }
                Body::None => {
                    if !self.message(seen)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Decides about the message that starts at `cleared`; false if more of it must come first.
    fn message(&mut self, seen: &mut Seen) -> io::Result<bool> {
        let rest = &mut self.buffer[self.cleared..self.end];
        let Some((&mut [tag, a, b, c, d], _)) = rest.split_first_chunk_mut::<HEADER>() else {
            // One byte is enough to know a stranger, who may wait for us to speak.
            return match rest.first() {
                Some(tag) if !self.logged_in && !is_startup(*tag) => Err(not_postgres()),
                Some(_) | None => Ok(false),
            };
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(|_| broken("length"))?;
        if length < 4 {
            return Err(broken("length"));
        }
        let size = length + 1;
        if !self.logged_in && (!is_startup(tag) || size > MAX_STARTUP) {
            return Err(not_postgres());
        }
        let bytes = u64::try_from(size).map_err(|_| broken("length"))?;
        match tag {
            // A row, or data of a COPY.
            b'D' | b'd' => {
                seen.received = seen.received.saturating_add(bytes);
                if bytes > seen.message_limit || seen.received > seen.answer_limit {
                    seen.overflowed = true;
                    seen.dropping = true;
                }
                self.body = if seen.dropping { Body::Drop(size) } else { Body::Pass(size) };
            }
            // Asynchronous messages are nobody's answer and can be left out.
            b'N' | b'A' if size > MAX_WHOLE => {
                seen.received = seen.received.saturating_add(bytes);
                self.body = Body::Drop(size);
            }
            b'E' if size > MAX_WHOLE => {
                if rest.len() < ERROR_HEAD || self.given < self.cleared {
                    return Ok(false);
                }
                seen.received = seen.received.saturating_add(bytes);
                self.shorten_error(size)?;
            }
            _ if size > MAX_WHOLE => return Err(broken("length")),
            b'T' | b'C' | b'Z' | b'K' | b'S' => {
                if rest.len() < size {
                    return Ok(false);
                }
                seen.received = seen.received.saturating_add(bytes);
                note(seen, tag, &mut rest[HEADER..size])?;
                self.logged_in |= tag == b'Z';
                self.cleared += size;
            }
            _ => {
                seen.received = seen.received.saturating_add(bytes);
                self.body = Body::Pass(size);
            }
        }
        Ok(true)
    }

    /// Puts a short error in the place of the head of a huge one at `cleared`, and drops the rest of it.
    fn shorten_error(&mut self, size: usize) -> io::Result<()> {
        let head = &self.buffer[self.cleared + HEADER..self.cleared + ERROR_HEAD];
        let mut body = Vec::new();
        for field in head.split(|byte| *byte == 0).take_while(|field| matches!(field.first(), Some(b'S' | b'V' | b'C')))
        {
            body.extend_from_slice(field);
            body.push(0);
        }
        body.extend_from_slice(
            format!("Man error message of {} bytes, too long to be shown\0\0", size - HEADER).as_bytes(),
        );
        body.truncate(ERROR_HEAD - HEADER);
        let length = u32::try_from(body.len() + 4).map_err(|_| broken("length"))?;
        // Only the head is overwritten: what follows of the old message is dropped when this one has been given.
        let replacement = [&[b'E'][..], &length.to_be_bytes(), &body].concat();
        let place = self.cleared..self.cleared + replacement.len();
        self.buffer[place.clone()].copy_from_slice(&replacement);
        self.cleared = place.end;
        self.body = Body::Drop(size - replacement.len());
        Ok(())
    }
}

/// Notes a whole message, and hides types that the driver does not know.
fn note(seen: &mut Seen, tag: u8, body: &mut [u8]) -> io::Result<()> {
    match tag {
        b'T' => {
            let columns = describe(body)?;
            if seen.queued_columns + columns.len() <= MAX_QUEUED_COLUMNS && seen.columns.len() < MAX_QUEUED_COLUMNS {
                seen.queued_columns += columns.len();
                seen.columns.push_back(columns);
            }
        }
        b'C' => {
            let (tag, _) = text(body).ok_or_else(|| broken("CommandComplete"))?;
            seen.commits += u64::from(tag == b"COMMIT");
        }
        b'Z' => {
            seen.status = *body.first().ok_or_else(|| broken("ReadyForQuery"))?;
            seen.ready_count += 1;
            seen.received = 0;
            seen.dropping = false;
        }
        b'K' => {
            let (pid, _) = body.split_first_chunk().ok_or_else(|| broken("BackendKeyData"))?;
            seen.backend_pid = i32::from_be_bytes(*pid);
        }
        b'S' => {
            let (name, rest) = text(body).ok_or_else(|| broken("ParameterStatus"))?;
            let (value, _) = text(rest).ok_or_else(|| broken("ParameterStatus"))?;
            let name = String::from_utf8_lossy(name).into_owned();
            seen.foreign_encoding |= name == "client_encoding" && value != b"UTF8";
            if seen.parameters.len() < MAX_PARAMETERS || seen.parameters.contains_key(&name) {
                seen.parameters.insert(name, String::from_utf8_lossy(value).into_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

/// Reads a `RowDescription` and writes `bytea` over the types that are not built in.
fn describe(body: &mut [u8]) -> io::Result<Vec<WireColumn>> {
    let short = || broken("RowDescription");
    let (count, mut rest) = body.split_first_chunk_mut::<2>().ok_or_else(short)?;
    let count = usize::from(u16::from_be_bytes(*count));
    // The count is the server's claim; a column takes 19 bytes, so this much is honest.
    let mut columns = Vec::with_capacity(count.min(rest.len() / 19));
    for _ in 0..count {
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(short)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // After the name: table oid (4), column number (2), type oid (4), type length (2), modifier (4), format (2).
        let (fixed, next) = rest[end + 1..].split_first_chunk_mut::<18>().ok_or_else(short)?;
        let oid = u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]);
        let typmod = i32::from_be_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]);
        if Type::from_oid(oid).is_none() {
            fixed[6..10].copy_from_slice(&Type::BYTEA.oid().to_be_bytes());
        }
        columns.push(WireColumn { name, oid, typmod });
        rest = next;
    }
    Ok(columns)
}

/// A text that ends with a zero byte, and what follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Messages a server sends before the first `ReadyForQuery`: authentication, error, notice, parameter, key, protocol version.
fn is_startup(tag: u8) -> bool {
    matches!(tag, b'R' | b'E' | b'N' | b'S' | b'K' | b'Z' | b'v')
}

fn not_postgres() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what answers there is not a PostgreSQL server")
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent a broken message ({what})"))
}
