//! What can go wrong while an organization is read: what was being read, from which path, and what came instead.

use std::fmt;
use std::io;
use std::time::Duration;

/// A request that gave no answer we can use. Its text is safe to show: it never holds the key.
#[derive(Debug, thiserror::Error)]
#[error("reading {reading}: `{place}` {problem}")]
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
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The server refused, or failed.
    #[error("answered {status}{}", refusal(.detail.as_deref(), .answerer))]
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
    #[error("answered {status}, a redirect to {}", destination(.location.as_deref()))]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where to.
        location: Option<String>,
    },
    /// A 200 that is something else than JSON, such as a login page.
    #[error("answered with {}", instead_of_json(.content_type.as_deref()))]
    NotJson {
        /// The content type it came with.
        content_type: Option<String>,
    },
    /// A 200 in a content coding that was not asked for.
    #[error("answered in the coding `{0}`, which was not asked for")]
    Coding(String),
    /// Called JSON, but none.
    #[error("answered with broken JSON: {0}")]
    BadJson(String),
    /// JSON, but not what the API documents.
    #[error("answered with unexpected JSON: {0}")]
    Shape(String),
    /// More than any organization has, such as a text of a megabyte.
    #[error("answered with more than is accepted: {0}")]
    TooMuch(String),
    /// The answer ended in the middle.
    #[error("stopped in the middle of its answer")]
    Cut,
    /// No answer within the time allowed.
    #[error("gave no complete answer in time")]
    TimedOut,
    /// The time allowed for the whole run is over.
    #[error("was not asked any more: the time allowed for the run is over")]
    OutOfTime,
    /// The list could not be read so that it is surely whole.
    #[error("could not be read whole: {0}")]
    NotProved(String),
    /// The list does not have as many rows as are counted, and does not change.
    #[error("could not be read whole: {0}")]
    CountsDiffer(String),
    /// The key does not see everybody, so a snapshot would lack people.
    #[error("does not show everybody: {0}")]
    HiddenMembers(String),
    /// The server has more roles than it can list: it is from before 2026, and gives one page of them.
    #[error(
        "goes on after its first page, and this server, which is from before 2026, gives no other"
    )]
    OldServer,
    /// The file of certificates to trust cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// The environment names a proxy that cannot be used.
    #[error("{0}")]
    ProxySetting(String),
    /// The proxy does not connect us.
    #[error("could not be asked: {proxy}{}", proxy_refusal(*.status, .problem))]
    ProxyRefused {
        /// The proxy.
        proxy: Peer,
        /// The HTTP status it answered with, if any.
        status: Option<u16>,
        /// What the HTTP client reports.
        problem: Box<str>,
    },
    /// There is no such host.
    #[error("could not be asked: {0} has no address")]
    UnknownHost(Peer),
    /// Whether there is such a host cannot be found out now.
    #[error("could not be asked: the address of {peer} was not found: {error}")]
    NameServer {
        /// The host.
        peer: Peer,
        /// What the system says.
        error: io::Error,
    },
    /// The secure connection could not be made.
    #[error("could not be asked securely: {0}")]
    Tls(String),
    /// The connection could not be made or broke.
    #[error("could not be asked: {}{error}", way(.proxy.as_ref()))]
    Connection {
        /// The proxy, if it is by way of one.
        proxy: Option<Peer>,
        /// What the system says.
        error: io::Error,
    },
    /// This machine does not let us: no file handles, no memory, a rule against connections.
    #[error("could not be asked: this machine does not allow it: {0}")]
    Machine(io::Error),
    /// Anything else the HTTP client reports.
    #[error("could not be asked: {0}")]
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
            | Self::CountsDiffer(_)
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

/// What a server says to a request that it refuses.
fn refusal(detail: Option<&str>, answerer: &Answerer) -> String {
    match (detail, answerer) {
        (Some(detail), _) => format!(": {detail}"),
        (None, Answerer::PostHog) => String::new(),
        (None, Answerer::Gateway(Some(content_type))) => {
            format!(" with `{content_type}`, which is not PostHog's form")
        }
        (None, Answerer::Gateway(None)) => ", not in PostHog's form".to_owned(),
    }
}

/// Where a redirect leads.
fn destination(location: Option<&str>) -> String {
    location.map_or("nowhere".to_owned(), |location| format!("`{location}`"))
}

/// What came where JSON was wanted.
fn instead_of_json(content_type: Option<&str>) -> String {
    match content_type {
        Some(content_type) => format!("`{content_type}` instead of JSON"),
        None => "something else than JSON".to_owned(),
    }
}

/// How a proxy refuses to connect.
fn proxy_refusal(status: Option<u16>, problem: &str) -> String {
    match status {
        Some(status) => format!(" answered {status}"),
        None => format!(": {problem}"),
    }
}

/// By way of which proxy.
fn way(proxy: Option<&Peer>) -> String {
    proxy.map_or(String::new(), |proxy| format!("{proxy}: "))
}
