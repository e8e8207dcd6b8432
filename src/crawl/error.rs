//! What can go wrong while an organization is read: what was being read, from which path, and what came instead.

use std::fmt;
use std::io;

/// A request that gave no answer we can use. Its text is safe to show: it never holds the key.
#[derive(Debug)]
pub struct Error {
    /// What was being read, such as `members`.
    pub reading: &'static str,
    /// Path and query of the request.
    pub path: String,
    /// What came of it.
    pub problem: Problem,
}

/// What came instead of an answer.
#[derive(Debug)]
pub enum Problem {
    /// The server refused, or failed.
    Status {
        /// The HTTP status.
        status: u16,
        /// PostHog's machine-readable code, such as `permission_denied`.
        code: Option<String>,
        /// What the server says to people; one line, cut at a few hundred characters.
        detail: Option<String>,
    },
    /// The server points elsewhere. It is not followed: the key would go along.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where to.
        location: Option<String>,
    },
    /// A 200 that is something else than JSON, such as a login page.
    NotJson {
        /// The content type it came with.
        content_type: Option<String>,
    },
    /// JSON, but not what the API documents.
    Shape(String),
    /// The answer ended in the middle.
    Cut,
    /// No answer within the time allowed.
    TimedOut,
    /// The host has no address.
    UnknownHost(String),
    /// The secure connection could not be made.
    Tls(String),
    /// The connection could not be made or broke.
    Connection(io::Error),
    /// Anything else the HTTP client reports.
    Client(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading {}: `{}` ", self.reading, self.path)?;
        match &self.problem {
            Problem::Status {
                status,
                detail: Some(detail),
                ..
            } => {
                write!(f, "answered {status}: {detail}")
            }
            Problem::Status {
                status,
                detail: None,
                ..
            } => write!(f, "answered {status}"),
            Problem::Redirect {
                status,
                location: Some(location),
            } => {
                write!(f, "answered {status}, a redirect to `{location}`")
            }
            Problem::Redirect {
                status,
                location: None,
            } => {
                write!(f, "answered {status}, a redirect to nowhere")
            }
            Problem::NotJson {
                content_type: Some(content_type),
            } => {
                write!(f, "answered with `{content_type}` instead of JSON")
            }
            Problem::NotJson { content_type: None } => {
                f.write_str("answered with something else than JSON")
            }
            Problem::Shape(problem) => write!(f, "answered with unexpected JSON: {problem}"),
            Problem::Cut => f.write_str("stopped in the middle of its answer"),
            Problem::TimedOut => f.write_str("gave no complete answer in time"),
            Problem::UnknownHost(host) => {
                write!(f, "could not be asked: host `{host}` has no address")
            }
            Problem::Tls(problem) => write!(f, "could not be asked securely: {problem}"),
            Problem::Connection(error) => write!(f, "could not be asked: {error}"),
            Problem::Client(problem) => write!(f, "could not be asked: {problem}"),
        }
    }
}

impl std::error::Error for Error {}
