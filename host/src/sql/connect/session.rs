//! The task that owns a connection: it moves bytes for the driver, passes notices on, and says how the connection ended.

use std::future::poll_fn;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Connection};

/// Notices that wait for a reader. A revision can raise millions of them while nobody reads; the rest is counted.
const MAX_WAITING: usize = 256;

/// Characters kept of a notice's text, for the same reason.
const MAX_TEXT: usize = 16 << 10;

/// A notice of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE`, `WARNING` and so on.
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    /// Text.
    pub message: String,
    /// More text.
    pub detail: Option<String>,
    /// Advice.
    pub hint: Option<String>,
}

/// How a connection ended.
#[derive(Debug, Clone)]
pub struct Closed(watch::Receiver<End>);

#[derive(Debug, Clone, Default)]
enum End {
    #[default]
    NotYet,
    Quietly,
    With(Arc<tokio_postgres::Error>),
}

impl Closed {
    /// Waits for the end. `None`: we closed it ourselves.
    pub async fn wait(&mut self) -> Option<Arc<tokio_postgres::Error>> {
        // An error here means the task is gone without a word, which is when the runtime ends.
        let _ = self.0.wait_for(|end| !matches!(end, End::NotYet)).await;
        self.error()
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !matches!(*self.0.borrow(), End::NotYet)
    }

    /// The error it ended with, if it has ended and there was one.
    #[must_use]
    pub fn error(&self) -> Option<Arc<tokio_postgres::Error>> {
        match &*self.0.borrow() {
            End::NotYet | End::Quietly => None,
            End::With(error) => Some(Arc::clone(error)),
        }
    }
}

/// Starts the task.
pub(super) fn drive<S, T>(mut connection: Connection<S, T>) -> (mpsc::Receiver<Notice>, Closed)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let (end, closed) = watch::channel(End::NotYet);
    tokio::spawn(async move {
        let mut lost = 0;
        let how = loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notice(notice))) => forward(&sender, &notice, &mut lost),
                // Nobody listens: LISTEN is refused to guests and unused by us.
                Some(Ok(_)) => {}
                Some(Err(error)) => break End::With(Arc::new(error)),
                None => break End::Quietly,
            }
        };
        // Nobody may be waiting for it.
        let _ = end.send(how);
    });
    (receiver, Closed(closed))
}

fn forward(sender: &mpsc::Sender<Notice>, notice: &DbError, lost: &mut u64) {
    if *lost > 0 && sender.capacity() >= 2 {
        let message = format!("{lost} notices of the server were left out here");
        let left_out =
            Notice { severity: "NOTICE".to_owned(), code: "00000".to_owned(), message, detail: None, hint: None };
        if sender.try_send(left_out).is_ok() {
            *lost = 0;
        }
    }
    let notice = Notice {
        severity: notice.severity().to_owned(),
        code: notice.code().code().to_owned(),
        message: shortened(notice.message()),
        detail: notice.detail().map(shortened),
        hint: notice.hint().map(shortened),
    };
    if *lost > 0 || sender.try_send(notice).is_err() {
        *lost += 1;
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
