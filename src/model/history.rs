//! The history of an organization: the sync runs of many snapshots in order, and what was true between them. Nothing is known
//! between two captures, so every start and end is an [`Interval`].

use std::collections::BTreeMap;

use super::{ChangeKind, OrganizationEvidence, RecordedTime, Text, Timestamp};

/// When something began or ended: later than one capture, and not later than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// The last capture before it; `None` if the first capture already shows it. Equal to [`Self::by`] if the moment itself
    /// is known, since PostHog records when people join.
    pub after: Option<Timestamp>,
    /// The first capture that shows it.
    pub by: Timestamp,
}

impl Interval {
    /// A moment that is known.
    pub fn at(moment: Timestamp) -> Self {
        Self {
            after: Some(moment),
            by: moment,
        }
    }

    /// Whether the moment itself is known.
    pub fn is_exact(self) -> bool {
        self.after == Some(self.by)
    }
}

/// What a span is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanOf {
    /// Being in the member list.
    Member,
    /// A seat.
    Seat,
    /// Holding a role, in the history of a person.
    Role,
    /// Whether 2FA is on.
    TwoFactor,
    /// The primary e-mail address.
    Email,
    /// The display name.
    Name,
    /// Holding the role, in the history of a role.
    Holder,
}

impl SpanOf {
    /// Returns its name in JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Seat => "seat",
            Self::Role => "role",
            Self::TwoFactor => "2fa",
            Self::Email => "email",
            Self::Name => "name",
            Self::Holder => "holder",
        }
    }
}

/// The value that was true.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanValue {
    /// A membership id, a seat, the id of a role or of a person, an address, a name.
    Text(String),
    /// Whether 2FA was on.
    Flag(bool),
}

/// What a person, a role or another holder is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address of a person.
    pub email: Option<String>,
    /// Whether a person was in the member list, when last seen.
    pub is_listed: Option<bool>,
}

/// Something that was true for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it is about.
    pub of: SpanOf,
    /// The value; `None` for a member whose membership has no id.
    pub value: Option<SpanValue>,
    /// What a role or a holder is called; nothing otherwise.
    pub named: Named,
    /// When it began.
    pub from: Interval,
    /// When it ended; `None` if no snapshot shows its end.
    pub until: Option<Interval>,
}

/// A sync run in a history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRun {
    /// The file, as the caller named it or its folder.
    pub file: String,
    /// Its id.
    pub sync_id: String,
    /// When it ended.
    pub captured_at: RecordedTime,
    /// What is in it.
    pub content: RunContent,
    /// How it differs from the run before; `None` for the first run, and if that was not looked at.
    pub change: Option<RunChange>,
    /// What a report shows over time; `None` if it was not counted.
    pub figures: Option<RunFigures>,
}

/// Numbers that a report shows over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunFigures {
    /// People in the member list.
    pub members: u64,
    /// Owners and administrators among them.
    pub privileged: u64,
    /// Findings of an audit as of the capture, without accepted ones.
    pub findings: u64,
}

/// What is in a sync run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunContent {
    /// User resources, listed or not.
    pub users: u64,
    /// Roles; `None` if they were not read.
    pub roles: Option<u64>,
    /// Grants; `None` if they were not read.
    pub grants: Option<u64>,
    /// The digest of its rows, computed from them.
    pub content_digest: String,
}

/// How a sync run differs from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunChange {
    /// The first line of `diff`.
    pub headline: String,
    /// The number of changes of each kind.
    pub summary: BTreeMap<ChangeKind, usize>,
    /// What was not compared, since only one of the two runs has it or a crawl left it out.
    pub not_compared: Vec<String>,
}

impl RunChange {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.summary.is_empty()
    }
}

/// An interval between two runs that is unusually long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The capture before it.
    pub after: Timestamp,
    /// The capture after it.
    pub by: Timestamp,
}

/// A person or role over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The id, without its type.
    pub id: String,
    /// The last known name.
    pub name: String,
    /// The last known e-mail address of a person.
    pub email: Option<String>,
    /// In the order of their starts.
    pub spans: Vec<Span>,
}

/// Who had what at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// The moment that was asked for.
    pub asked: Timestamp,
    /// When the run that answers was captured.
    pub captured_at: RecordedTime,
    /// Its file.
    pub file: String,
    /// Its id.
    pub sync_id: String,
    /// Whether it read roles and who holds them.
    pub knows_roles: bool,
    /// By name.
    pub people: Vec<PersonAsOf>,
}

/// A person at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonAsOf {
    /// The id, without its type.
    pub id: Text,
    /// The name.
    pub name: Text,
    /// The e-mail address.
    pub email: Option<Text>,
    /// Whether the person is in the member list.
    pub is_listed: bool,
    /// The seat.
    pub seat: Option<String>,
    /// Whether 2FA is on; `None` if unknown.
    pub two_factor: Option<bool>,
    /// Ids and names of the roles held, by name; `None` if roles were not read.
    pub roles: Option<Vec<(String, String)>>,
}

/// When a person who left lost access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// The address in the roster.
    pub email: String,
    /// The end of the last day, if the roster has it.
    pub left_at: Option<Timestamp>,
    /// The id, without its type; `None` if no snapshot shows the person.
    pub id: Option<String>,
    /// The last capture with access.
    pub last_with: Option<Timestamp>,
    /// The first capture without; `None` if the person still has access, or never had any.
    pub first_without: Option<Timestamp>,
    /// The first capture after that which shows access.
    pub back_at: Option<Timestamp>,
    /// The least and the most time in seconds between leaving and losing access, never below 0; `None` where it is unknown.
    pub at_least_seconds: Option<u64>,
    /// See [`Self::at_least_seconds`].
    pub at_most_seconds: Option<u64>,
    /// Whether access was lost in time; `None` without a limit.
    pub verdict: Option<Punctuality>,
}

/// Whether access was lost within a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punctuality {
    /// It was, or there never was any.
    InTime,
    /// The person still has access, and the limit had not passed by the newest capture.
    Pending,
    /// It was not, or access came back.
    Late,
    /// It may or may not have been: the captures are too far apart or did not read enough, or the roster has no date.
    NotProved,
}

impl Punctuality {
    /// Returns its name in JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InTime => "in-time",
            Self::Pending => "pending",
            Self::Late => "late",
            Self::NotProved => "not-proved",
        }
    }

    /// Whether it makes `--within` fail.
    pub fn fails(self) -> bool {
        matches!(self, Self::Late | Self::NotProved)
    }
}

/// Many sync runs of one organization.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The organization; `None` if the files do not record it.
    pub organization: Option<OrganizationEvidence>,
    /// All runs, oldest first.
    pub runs: Vec<HistoryRun>,
    /// Where runs are missing.
    pub gaps: Vec<Gap>,
    /// What may mislead.
    pub warnings: Vec<String>,
    /// What was asked.
    pub answer: HistoryAnswer,
}

/// What was asked of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryAnswer {
    /// The runs themselves.
    Log,
    /// One person over time.
    Person(Story),
    /// One role over time.
    Role(Story),
    /// Who had what at one moment.
    AsOf(AsOf),
    /// When leavers lost access.
    Left(Vec<Leaver>),
}
