//! What happens while it happens. The work reports events; a reporter draws a bar, writes lines or keeps a list.

use std::path::PathBuf;
use std::time::Duration;

/// A part of the work that is worth naming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading the organization itself and the key's own entry.
    Organization,
    /// Reading members.
    Members,
    /// Reading roles.
    Roles,
    /// Reading who holds which role.
    RoleMemberships,
    /// Reading what surrounds the roles: domains, invitations and external references.
    Surroundings,
    /// Writing rows and indexes.
    Rows,
    /// Compressing, and replacing the target.
    Compression,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A phase begins; `of` is how many steps it has, where that is known.
    Started {
        /// Which.
        phase: Phase,
        /// Steps to come: rows, roles or bytes.
        of: Option<u64>,
    },
    /// Further steps of the phase are done.
    Advanced {
        /// Which.
        phase: Phase,
        /// Steps done since the last event.
        steps: u64,
        /// Steps there are, where an answer says so.
        of: Option<u64>,
    },
    /// The phase is done.
    Finished {
        /// Which.
        phase: Phase,
    },
    /// A request was sent, and answered unless the connection failed or the answer was cut short.
    Requested(Request),
    /// No request is sent for a while.
    Waiting {
        /// Why not.
        hold: Hold,
        /// For how long.
        length: Duration,
    },
    /// How long reading takes at least, from the first request to the last: the limits on requests allow no less.
    Paced {
        /// How long.
        least: Duration,
    },
    /// A request failed and is sent again after a wait.
    Retrying {
        /// What is being read.
        reading: &'static str,
        /// What went wrong, in words.
        problem: String,
        /// Which attempt comes next, from 2 on.
        attempt: u32,
        /// Why it waits as long as it does.
        hold: Hold,
        /// How long it waits.
        wait_ms: u64,
    },
    /// Something worth knowing while it runs, in words.
    Noted {
        /// What.
        message: String,
    },
    /// Something a person should know although the run goes on, in words.
    Warned {
        /// What.
        message: String,
    },
    /// That a filter matches nothing, in words; reported wherever the answer goes.
    Unmatched {
        /// What.
        message: String,
    },
    /// What an answer does not know although it looks complete, in words.
    Limited {
        /// What.
        message: String,
    },
    /// That monitoring lacks something that was asked for although the run goes on, in words; reported wherever messages go.
    Unmonitored {
        /// What.
        message: String,
    },
    /// What the exit code of a run says that did not fail, in words.
    Found {
        /// What.
        message: String,
    },
    /// A snapshot is where it was asked for.
    Synced(Box<SyncSummary>),
}

/// One request, as a log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `GET`.
    pub method: &'static str,
    /// The path with its query, without the host and without the key.
    pub path: String,
    /// The status of the answer; `None` if none came.
    pub status: Option<u16>,
    /// Rows in the answer, if it is a list that was read to its end.
    pub rows: Option<u64>,
    /// From sending it to the end of the answer.
    pub elapsed_ms: u64,
}

/// Why requests are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// This many have gone out within a minute.
    PerMinute(u32),
    /// This many have gone out within an hour.
    PerHour(u32),
    /// The server asked for it, by `Retry-After`.
    RetryAfter,
    /// The server answered 429, and did not say for how long.
    TooManyRequests,
    /// The pause before a failed request is sent again.
    Backoff,
}

/// What a finished crawl found and left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncSummary {
    /// The organization's name, else its id.
    pub organization: String,
    /// The organization's id.
    pub organization_id: String,
    /// The address that was read.
    pub base_url: String,
    /// People, those that only hold a role included.
    pub users: u64,
    /// Of these, role holders that the list of members does not name.
    pub unlisted: u64,
    /// Roles, each with one entitlement.
    pub roles: u64,
    /// Grants.
    pub grants: u64,
    /// Requests sent.
    pub requests: u64,
    /// The file; `None` for standard output.
    pub file: Option<PathBuf>,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The content digest.
    pub content_digest: String,
    /// From the first request to the finished file.
    pub elapsed_ms: u64,
    /// What the crawl could not prove, in words.
    pub unproved: Vec<String>,
    /// Whether roles were left out.
    pub lacks_roles: bool,
    /// What an audit found, if one was asked for and could be done.
    pub findings: Option<Findings>,
    /// Commands worth trying next.
    pub next_steps: Vec<String>,
    /// Whether this is the sample organization: a person asked for it, who wants to see the summary wherever it goes.
    pub is_demo: bool,
}

/// The number of findings of an audit that are not accepted, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Worth acting on.
    pub high: u64,
    /// Worth a question.
    pub medium: u64,
    /// Worth tidying up.
    pub low: u64,
}

/// Takes events. One method, so that no implementation misses a kind of event.
pub trait Reporter: Sync {
    /// Takes `event`. Must not block for long: the work waits.
    fn report(&self, event: Event);
}

/// Ignores all events.
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Event) {}
}
