//! Standard output whose reader may close it. What happens then depends on what is written.

use std::io::{self, Write};

/// What a command writes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Lines that a reader may stop reading at any time.
    List,
    /// The reasons for an exit code, which does not depend on whether they are read.
    Verdict,
    /// Output that is only useful if complete, such as an export.
    Product,
}

/// A product that could not be written completely.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed before everything was written")]
pub struct NotArrived;

/// Writes an answer, and notes when standard output is closed.
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

    /// Notes a closed pipe in the result of a write. A verdict continues without a reader.
    fn check<T>(&mut self, result: io::Result<T>, unread: T) -> io::Result<T> {
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
        self.check(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.check(result, ())
    }
}

/// Whether an error means that the reader has closed the pipe.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
