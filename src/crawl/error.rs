//! What can go wrong while an organization is read: what was being read, from which path, and what came instead.

use std::fmt;
use std::io;
use std::time::Duration;

/// A request that gave no answer we can use. Its text is safe to show: it never holds the key.
#[derive(Debug)]
pub struct Error {
    /// What was being read, such as `members`.
    pub reading: &'static str,
    /// Where: the whole address of the request, or the file or variable that a setting is in.
    pub place: Box<str>,
    /// What came of it.
    pub problem: Problem,
    /// Where the key was found, such as "the file `key`".
    pub key_source: Option<Box<str>>,
}

/// Who was to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The server itself, by its host.
    Server(Box<str>),
    /// The proxy, by host and port.
    Proxy {
        /// Host and port.
        name: Box<str>,
        /// The variable that names it.
        variable: &'static str,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(host) => write!(f, "host `{host}`"),
            Self::Proxy { name, variable } => write!(f, "proxy `{name}` (from `{variable}`)"),
        }
    }
}

/// Who gave an answer, by its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// PostHog: a refusal in its JSON.
    PostHog,
    /// Something before it, such as a firewall or a load balancer, with the content type of its answer.
    Gateway(Option<Box<str>>),
}

/// What came instead of an answer.
#[derive(Debug)]
pub enum Problem {
    /// The server refused, or failed.
    Status {
        /// The HTTP status.
        status: u16,
        /// What the server says to people; one line, cut at a few hundred characters.
        detail: Option<String>,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// Who says so.
        answerer: Answerer,
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
    /// A 200 in a content coding that was not asked for.
    Coding(String),
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
    /// The server has more roles than it can list: it is from before 2026, and gives one page of them.
    OldServer,
    /// The file of certificates to trust cannot be used.
    Certificates(String),
    /// The environment names a proxy that cannot be used.
    ProxySetting(String),
    /// The proxy does not connect us.
    ProxyRefused {
        /// The proxy.
        proxy: Peer,
        /// The HTTP status it answered with, if any.
        status: Option<u16>,
        /// What the HTTP client reports.
        problem: Box<str>,
    },
    /// There is no such host.
    UnknownHost(Peer),
    /// Whether there is such a host cannot be found out now.
    NameServer {
        /// The host.
        peer: Peer,
        /// What the system says.
        error: io::Error,
    },
    /// The secure connection could not be made.
    Tls(String),
    /// The connection could not be made or broke.
    Connection {
        /// The proxy, if it is by way of one.
        proxy: Option<Peer>,
        /// What the system says.
        error: io::Error,
    },
    /// This machine does not let us: no file handles, no memory, a rule against connections.
    Machine(io::Error),
    /// Anything else the HTTP client reports.
    Client(String),
}

impl Problem {
    /// Whether the same request may succeed a little later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_passing_status(*status),
            Self::NotJson { .. } | Self::Coding(_) | Self::BadJson(_) => true,
            Self::Shape(_) | Self::Cut => true,
            Self::TimedOut | Self::Connection { .. } | Self::Machine(_) | Self::Client(_) => true,
            Self::UnknownHost(_) | Self::NameServer { .. } => true,
            Self::ProxyRefused { status, .. } => status.is_none_or(is_passing_status),
            Self::Redirect { .. } | Self::Tls(_) | Self::OutOfTime => false,
            Self::TooMuch(_)
            | Self::NotProved(_)
            | Self::HiddenMembers(_)
            | Self::OldServer
            | Self::ProxySetting(_)
            | Self::Certificates(_) => false,
        }
    }

    /// Whether the server had too much to do: a smaller page may help.
    pub(super) fn is_overload(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status != 429 && is_passing_status(*status),
            Self::TimedOut | Self::Cut => true,
            _ => false,
        }
    }
}

/// Whether a status says "not now" and not "not so". Content networks have many of the former, from 520 to 530.
pub fn is_passing_status(status: u16) -> bool {
    match status {
        408 | 425 | 429 => true,
        // A server that lacks the method or the version of HTTP will lack it the next time too.
        501 | 505 => false,
        _ => status >= 500,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "reading {}: `{}` {}",
            self.reading, self.place, self.problem
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Status {
                status,
                detail,
                answerer,
                ..
            } => {
                write!(f, "answered {status}")?;
                match (detail, answerer) {
                    (Some(detail), _) => write!(f, ": {detail}"),
                    (None, Answerer::PostHog) => Ok(()),
                    (None, Answerer::Gateway(Some(content_type))) => {
                        write!(f, " with `{content_type}`, which is not PostHog's form")
                    }
                    (None, Answerer::Gateway(None)) => f.write_str(", not in PostHog's form"),
                }
            }
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
            Problem::Coding(coding) => {
                write!(
                    f,
                    "answered in the coding `{coding}`, which was not asked for"
                )
            }
            Problem::Certificates(problem) => f.write_str(problem),
            Problem::BadJson(problem) => write!(f, "answered with broken JSON: {problem}"),
            Problem::OutOfTime => {
                f.write_str("was not asked any more: the time allowed for the run is over")
            }
            Problem::NotProved(problem) => write!(f, "could not be read whole: {problem}"),
            Problem::HiddenMembers(problem) => write!(f, "does not show everybody: {problem}"),
            Problem::OldServer => f.write_str(
                "goes on after its first page, and this server, which is from before 2026, gives no other",
            ),
            Problem::Shape(problem) => write!(f, "answered with unexpected JSON: {problem}"),
            Problem::TooMuch(problem) => {
                write!(f, "answered with more than is accepted: {problem}")
            }
            Problem::Cut => f.write_str("stopped in the middle of its answer"),
            Problem::TimedOut => f.write_str("gave no complete answer in time"),
            Problem::ProxySetting(problem) => f.write_str(problem),
            Problem::ProxyRefused {
                proxy,
                status: Some(status),
                ..
            } => write!(f, "could not be asked: {proxy} answered {status}"),
            Problem::ProxyRefused {
                proxy,
                status: None,
                problem,
            } => write!(f, "could not be asked: {proxy}: {problem}"),
            Problem::UnknownHost(peer) => {
                write!(f, "could not be asked: {peer} has no address")
            }
            Problem::NameServer { peer, error } => {
                write!(
                    f,
                    "could not be asked: the address of {peer} was not found: {error}"
                )
            }
            Problem::Tls(problem) => write!(f, "could not be asked securely: {problem}"),
            Problem::Connection { proxy: None, error } => {
                write!(f, "could not be asked: {error}")
            }
            Problem::Connection {
                proxy: Some(proxy),
                error,
            } => write!(f, "could not be asked: {proxy}: {error}"),
            Problem::Machine(error) => {
                write!(
                    f,
                    "could not be asked: this machine does not allow it: {error}"
                )
            }
            Problem::Client(problem) => write!(f, "could not be asked: {problem}"),
        }
    }
}

impl std::error::Error for Error {}
