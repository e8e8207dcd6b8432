//! What can go wrong while an organization is read: what was being read, from which path, and what came instead.

use std::fmt;
use std::io;
use std::time::Duration;

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
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
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
    /// Called JSON, but none.
    BadJson(String),
    /// JSON, but not what the API documents.
    Shape(String),
    /// More than any organization has, such as a text of a megabyte.
    TooMuch(String),
    /// The answer ended in the middle.
    Cut,
    /// No answer within the time allowed.
    TimedOut,
    /// The time allowed for the whole run is over.
    OutOfTime,
    /// The list could not be read so that it is surely whole.
    NotProved(String),
    /// The key does not see everybody, so a snapshot would lack people.
    HiddenMembers(String),
    /// The server cannot list more than 100 roles: it is from before 2026.
    OldServer,
    /// The file of certificates to trust cannot be used.
    Certificates(String),
    /// The host has no address.
    UnknownHost(String),
    /// Whether the host has an address cannot be found out now.
    NameServer {
        /// The host.
        host: String,
        /// What the system says.
        error: io::Error,
    },
    /// The secure connection could not be made.
    Tls(String),
    /// The connection could not be made or broke.
    Connection(io::Error),
    /// Anything else the HTTP client reports.
    Client(String),
}

impl Problem {
    /// Whether the same request may succeed a little later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::NotJson { .. } | Self::BadJson(_) | Self::Shape(_) | Self::Cut => true,
            Self::TimedOut | Self::Connection(_) | Self::Client(_) => true,
            Self::UnknownHost(_) | Self::NameServer { .. } => true,
            Self::Redirect { .. } | Self::Tls(_) | Self::OutOfTime => false,
            Self::TooMuch(_)
            | Self::NotProved(_)
            | Self::HiddenMembers(_)
            | Self::OldServer
            | Self::Certificates(_) => false,
        }
    }

    /// Whether the server had too much to do: a smaller page may help.
    pub(super) fn is_overload(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 500 | 502 | 503 | 504),
            Self::TimedOut | Self::Cut => true,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "reading {}: `{}` {}",
            self.reading, self.path, self.problem
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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
            Problem::Certificates(problem) => f.write_str(problem),
            Problem::BadJson(problem) => write!(f, "answered with broken JSON: {problem}"),
            Problem::OutOfTime => {
                f.write_str("was not asked any more: the time allowed for the run is over")
            }
            Problem::NotProved(problem) => write!(f, "could not be read whole: {problem}"),
            Problem::HiddenMembers(problem) => write!(f, "does not show everybody: {problem}"),
            Problem::OldServer => f.write_str(
                "has more than 100 roles on a server from before 2026, which cannot list them",
            ),
            Problem::Shape(problem) => write!(f, "answered with unexpected JSON: {problem}"),
            Problem::TooMuch(problem) => {
                write!(f, "answered with more than is accepted: {problem}")
            }
            Problem::Cut => f.write_str("stopped in the middle of its answer"),
            Problem::TimedOut => f.write_str("gave no complete answer in time"),
            Problem::UnknownHost(host) => {
                write!(f, "could not be asked: host `{host}` has no address")
            }
            Problem::NameServer { host, error } => {
                write!(
                    f,
                    "could not be asked: the address of `{host}` was not found: {error}"
                )
            }
            Problem::Tls(problem) => write!(f, "could not be asked securely: {problem}"),
            Problem::Connection(error) => write!(f, "could not be asked: {error}"),
            Problem::Client(problem) => write!(f, "could not be asked: {problem}"),
        }
    }
}

impl std::error::Error for Error {}
