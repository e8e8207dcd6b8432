//! Errors of a crawl: what was being read, from where, and what happened instead.

use std::fmt;
use std::io;
use std::time::Duration;

/// A request that failed. Its message never contains the key, so it is safe to show.
#[derive(Debug, thiserror::Error)]
#[error("reading {reading}: `{place}` {problem}")]
pub struct Error {
    /// What was being read, such as `members`.
    pub reading: &'static str,
    /// Where it was read from: the full address of the request, or the file or variable of a setting.
    pub place: Box<str>,
    /// What happened.
    pub problem: Problem,
    /// Where the key was found, such as "the file `key`".
    pub key_source: Option<Box<str>>,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The server itself, by its host name.
    Server(Box<str>),
    /// A proxy.
    Proxy {
        /// Host and port.
        name: Box<str>,
        /// The environment variable that configures it.
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

/// Who sent a response, judging by its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Responder {
    /// PostHog: an error in its JSON format.
    PostHog,
    /// Something in front of PostHog, such as a firewall or a load balancer, with the content type of its response.
    Gateway(Option<Box<str>>),
}

/// What happened instead of a usable response.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The server refused the request, or failed.
    #[error("answered {status}{}", refusal(.detail.as_deref(), .responder))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's message, on one line and cut at a few hundred characters.
        detail: Option<String>,
        /// How long the server asks clients to wait.
        retry_after: Option<Duration>,
        /// Who sent the response.
        responder: Responder,
    },
    /// The server redirects. Redirects are not followed, since they would send the key to another host.
    #[error("answered {status}, a redirect to {}", destination(.location.as_deref()))]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The target of the redirect.
        location: Option<String>,
    },
    /// A 200 that is not JSON, such as a login page.
    #[error("answered with {}", instead_of_json(.content_type.as_deref()))]
    NotJson {
        /// The content type of the response.
        content_type: Option<String>,
    },
    /// A 200 in a content encoding that the request does not accept.
    #[error("answered with the content encoding `{0}`, which was not requested")]
    Coding(String),
    /// A body that is declared as JSON but is not valid.
    #[error("answered with invalid JSON: {0}")]
    BadJson(String),
    /// JSON that does not match the API's documentation.
    #[error("answered with unexpected JSON: {0}")]
    Shape(String),
    /// More data than any organization has, such as a text of a megabyte.
    #[error("answered with more data than the limits allow: {0}")]
    TooLarge(String),
    /// The response was cut off.
    #[error("sent an incomplete answer: the connection ended early")]
    Truncated,
    /// No complete response within the time limit.
    #[error("did not send a complete answer in time")]
    TimedOut,
    /// The time limit of the whole run has passed.
    #[error("was not requested: the time limit of the run has passed")]
    OutOfTime,
    /// The list may be incomplete.
    #[error("may be incomplete: {0}")]
    MaybeIncomplete(String),
    /// The number of rows in the list and the organization's own count differ, and neither changes.
    #[error("may be incomplete: {0}")]
    CountsDiffer(String),
    /// The key does not see all members, so the snapshot would lack people.
    #[error("does not show all members: {0}")]
    HiddenMembers(String),
    /// The server has more roles than it can list: servers from before 2026 return only the first page.
    #[error(
        "has more than one page, and this server, which is from before 2026, only returns the first"
    )]
    OldServer,
    /// The file of trusted certificates cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// The proxy set in the environment cannot be used.
    #[error("{0}")]
    ProxySetting(String),
    /// The proxy refused to connect to the server.
    #[error("could not be fetched: {proxy}{}", proxy_refusal(*.status, .problem))]
    ProxyRefused {
        /// The proxy.
        proxy: Peer,
        /// The proxy's HTTP status, if it sent one.
        status: Option<u16>,
        /// What the HTTP client reports.
        problem: Box<str>,
    },
    /// The host does not exist, or has no address.
    #[error("could not be fetched: {0} has no address")]
    UnknownHost(Peer),
    /// The host name could not be resolved.
    #[error("could not be fetched: {peer} could not be resolved: {error}")]
    NameServer {
        /// The host.
        peer: Peer,
        /// The system's error.
        error: io::Error,
    },
    /// The TLS connection failed.
    #[error("could not be fetched over TLS: {0}")]
    Tls(String),
    /// The connection failed or broke.
    #[error("could not be fetched: {}{error}", through(.proxy.as_ref()))]
    Connection {
        /// The proxy, if the connection goes through one.
        proxy: Option<Peer>,
        /// The system's error.
        error: io::Error,
    },
    /// This machine refused: no file handles, no memory, a firewall rule.
    #[error("could not be fetched: this machine does not allow the connection: {0}")]
    Machine(io::Error),
    /// Any other error of the HTTP client.
    #[error("could not be fetched: {0}")]
    Client(String),
}

impl Problem {
    /// Whether the same request may succeed if it is sent again.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_passing_status(*status),
            Self::NotJson { .. } | Self::Coding(_) | Self::BadJson(_) => true,
            Self::Shape(_) | Self::Truncated => true,
            Self::TimedOut | Self::Connection { .. } | Self::Machine(_) | Self::Client(_) => true,
            Self::UnknownHost(_) | Self::NameServer { .. } => true,
            Self::ProxyRefused { status, .. } => status.is_none_or(is_passing_status),
            Self::Redirect { .. } | Self::Tls(_) | Self::OutOfTime => false,
            Self::TooLarge(_)
            | Self::MaybeIncomplete(_)
            | Self::CountsDiffer(_)
            | Self::HiddenMembers(_)
            | Self::OldServer
            | Self::ProxySetting(_)
            | Self::Certificates(_) => false,
        }
    }

    /// Returns the HTTP status of the answer; `None` if none came.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Redirect { status, .. } => Some(*status),
            Self::NotJson { .. }
            | Self::Coding(_)
            | Self::BadJson(_)
            | Self::Shape(_)
            | Self::TooLarge(_)
            | Self::Truncated
            | Self::MaybeIncomplete(_)
            | Self::CountsDiffer(_)
            | Self::HiddenMembers(_)
            | Self::OldServer => Some(200),
            Self::TimedOut
            | Self::OutOfTime
            | Self::Certificates(_)
            | Self::ProxySetting(_)
            | Self::ProxyRefused { .. }
            | Self::UnknownHost(_)
            | Self::NameServer { .. }
            | Self::Tls(_)
            | Self::Connection { .. }
            | Self::Machine(_)
            | Self::Client(_) => None,
        }
    }

    /// Returns why a list may be incomplete, or the message of any other problem.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::MaybeIncomplete(reason) | Self::CountsDiffer(reason) => reason.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the server was overloaded, so that a smaller page may help.
    pub(super) fn is_overload(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status != 429 && is_passing_status(*status),
            Self::TimedOut | Self::Truncated => true,
            _ => false,
        }
    }
}

/// Whether a status is temporary. Content delivery networks use many such statuses, from 520 to 530.
pub fn is_passing_status(status: u16) -> bool {
    match status {
        408 | 425 | 429 => true,
        // A server that does not support a method or a version of HTTP will not do so the next time either.
        501 | 505 => false,
        _ => status >= 500,
    }
}

/// Appends the server's explanation of a status.
fn refusal(detail: Option<&str>, responder: &Responder) -> String {
    match (detail, responder) {
        (Some(detail), _) => format!(": {detail}"),
        (None, Responder::PostHog) => String::new(),
        (None, Responder::Gateway(Some(content_type))) => {
            format!(" with `{content_type}`, which is not PostHog's error format")
        }
        (None, Responder::Gateway(None)) => ", not in PostHog's error format".to_owned(),
    }
}

fn destination(location: Option<&str>) -> String {
    location.map_or("an unnamed address".to_owned(), |location| {
        format!("`{location}`")
    })
}

fn instead_of_json(content_type: Option<&str>) -> String {
    match content_type {
        Some(content_type) => format!("`{content_type}` instead of JSON"),
        None => "something other than JSON".to_owned(),
    }
}

fn proxy_refusal(status: Option<u16>, problem: &str) -> String {
    match status {
        Some(status) => format!(" answered {status}"),
        None => format!(": {problem}"),
    }
}

fn through(proxy: Option<&Peer>) -> String {
    proxy.map_or(String::new(), |proxy| format!("{proxy}: "))
}
