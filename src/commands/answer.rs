//! Standard output, whose reader may go away: what that means depends on what is written.

use std::io::{self, Write};

/// What a command writes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Lines for people: a reader who has seen enough may go.
    List,
    /// The reasons for an exit code, which stays what it is when nobody reads them.
    Verdict,
    /// What is of use only as a whole.
    Product,
}

/// A product that did not arrive whole.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed before all of it was read")]
pub struct NotArrived;

/// Passes an answer on, and notices when its reader is gone.
pub(super) struct Stdout<'a> {
    out: &'a mut dyn Write,
    answer: Answer,
    pub is_closed: bool,
}

impl<'a> Stdout<'a> {
    pub(super) fn new(out: &'a mut dyn Write, answer: Answer) -> Self {
        Self {
            out,
            answer,
            is_closed: false,
        }
    }

    /// What came of writing; a verdict goes on without its reader.
    fn noticed<T>(&mut self, result: io::Result<T>, unread: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                match self.answer {
                    Answer::Verdict => Ok(unread),
                    Answer::List | Answer::Product => Err(error),
                }
            }
            result => result,
        }
    }
}

impl Write for Stdout<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed && self.answer == Answer::Verdict {
            return Ok(bytes.len());
        }
        let result = self.out.write(bytes);
        self.noticed(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.noticed(result, ())
    }
}

/// Whether an error is that of a pipe whose reader is gone.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
