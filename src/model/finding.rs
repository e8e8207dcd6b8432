//! What an audit finds in a snapshot: rules, their findings, what was accepted, and what could not be judged.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::ser::{Serialize, Serializer};

use super::{RecordedTime, Text, Timestamp};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth tidying up.
    Low,
    /// Worth a question.
    Medium,
    /// Worth acting on.
    High,
}

impl Severity {
    /// All of them, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Returns its name in options and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! rule_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A rule of the audit. The names of rules never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RuleCode {
            $($(#[$doc])* $name,)*
        }

        impl RuleCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns its name in options, files and documents.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

rule_codes! {
    /// An owner or administrator without a second factor.
    AdminWithout2fa = "admin-without-2fa",
    /// Any other member without a second factor.
    MemberWithout2fa = "member-without-2fa",
    /// The organization does not require a second factor.
    TwoFactorNotEnforced = "2fa-not-enforced",
    /// A verified domain whose people need not log in with SSO.
    SsoNotEnforced = "sso-not-enforced",
    /// An owner or administrator who has not logged in for long.
    DormantAdmin = "dormant-admin",
    /// Any other member who has not logged in for long.
    DormantMember = "dormant-member",
    /// A role holder who is not in the member list.
    HolderNotListed = "holder-not-listed",
    /// More owners than allowed.
    TooManyOwners = "too-many-owners",
    /// Exactly one owner.
    SingleOwner = "single-owner",
    /// A level without a name.
    UnknownSeat = "unknown-seat",
    /// An address that was never verified.
    UnverifiedEmail = "unverified-email",
    /// A member whose address is in another domain.
    OutsideDomain = "outside-domain",
    /// An invitation as administrator or owner that can still be accepted.
    PendingPrivilegedInvitation = "pending-privileged-invitation",
    /// An invitation that has been listed for long.
    StaleInvitation = "stale-invitation",
    /// Members below administrator may invite people.
    MembersCanInvite = "members-can-invite",
    /// A role that nobody holds.
    RoleWithoutHolders = "role-without-holders",
    /// Roles whose names differ only in case, width or spaces.
    RoleNamesAlike = "role-names-alike",
    /// A person who is not in the roster.
    NotInRoster = "not-in-roster",
    /// A person who has left according to the roster.
    LeftButPresent = "left-but-present",
    /// The crawl could not prove everything.
    IncompleteSnapshot = "incomplete-snapshot",
    /// The key that made the snapshot may write.
    KeyCanWrite = "key-can-write",
}

impl fmt::Display for RuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RuleCode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.iter().copied();
        all.find(|code| code.as_str() == text)
            .ok_or_else(|| format!("`{}` is not the code of a rule", text.escape_debug()))
    }
}

/// What a [`Subject`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A person or a service account.
    User,
    /// A role.
    Role,
    /// The organization: its settings, or the number of its owners.
    Organization,
    /// A domain.
    Domain,
    /// An invitation.
    Invitation,
    /// The snapshot itself.
    Snapshot,
}

impl SubjectKind {
    /// Returns its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Organization => "organization",
            Self::Domain => "domain",
            Self::Invitation => "invitation",
            Self::Snapshot => "snapshot",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id, without a type; of a snapshot, the id of the sync run.
    pub id: Text,
    /// Its name.
    pub name: Option<Text>,
    /// Of a user or an invitation: the e-mail address.
    pub email: Option<Text>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub code: RuleCode,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What was found, without the subject.
    pub message: String,
    /// What it was concluded from.
    pub facts: FindingFacts,
    /// The acceptance that fits, if there is one.
    pub accepted: Option<Arc<Acceptance>>,
    /// An acceptance that fitted until it expired.
    pub expired: Option<Arc<Acceptance>>,
    /// Whether an older snapshot did not have it; `None` if there is no older one.
    pub is_new: Option<bool>,
}

/// What a finding was concluded from: values by name, in the order of the names. A map of JSON values would take about 1 kB
/// per finding, and a large organization has hundreds of thousands of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FindingFacts(Vec<(&'static str, Fact)>);

impl FindingFacts {
    /// Adds a value, unless it is not known or the name has one already.
    pub fn add(&mut self, name: &'static str, value: Option<Fact>) {
        if let Some(value) = value
            && let Err(at) = self.0.binary_search_by_key(&name, |(name, _)| name)
        {
            self.0.reserve_exact(1);
            self.0.insert(at, (name, value));
        }
    }
}

/// One value that a finding was concluded from.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Known to be absent.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A count, or a level.
    Number(i64),
    /// A fixed word, such as a status.
    Word(&'static str),
    /// A text.
    Text(Text),
    /// Several texts.
    Texts(Arc<[String]>),
    /// A moment.
    Time(Timestamp),
}

impl Fact {
    /// A number that is not negative; the highest one there is for a higher one.
    pub fn count(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Word(word) => serializer.serialize_str(word),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Texts(texts) => serializer.collect_seq(texts.iter()),
            Self::Time(time) => serializer.collect_str(time),
        }
    }
}

impl Serialize for FindingFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Why a finding is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The reason.
    pub reason: String,
    /// The last day on which it is accepted, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// A rule that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedRule {
    /// The rule.
    pub code: RuleCode,
    /// How much its findings matter.
    pub severity: Severity,
    /// The number of its findings, including accepted ones.
    pub findings: usize,
    /// The number of people, domains or invitations for which its fact is not known.
    pub unknown: usize,
    /// What to do about its findings.
    pub remedy: &'static str,
}

/// A rule that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJudged {
    /// The rule.
    pub code: RuleCode,
    /// Why not.
    pub reason: String,
}

/// An acceptance that accepts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedAcceptance {
    /// The rule.
    pub code: RuleCode,
    /// The id or e-mail address that it names.
    pub subject: Option<String>,
    /// The reason and the last day.
    pub acceptance: Acceptance,
    /// Why it accepts nothing.
    pub problem: AcceptanceProblem,
}

/// Why an acceptance accepts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptanceProblem {
    /// Its last day has passed.
    Expired,
    /// There is no such finding.
    Unmatched,
    /// Its rule could not be judged.
    NotJudged,
    /// Its rule is off.
    Off,
}

impl AcceptanceProblem {
    /// Returns its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Unmatched => "unmatched",
            Self::NotJudged => "not_judged",
            Self::Off => "off",
        }
    }
}

/// Which findings lead to exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Those of this severity or a higher one.
    Severity(Severity),
    /// Those of this severity or a higher one that the older snapshot did not have.
    New(Severity),
    /// Those of one rule.
    Code(RuleCode),
}

impl FailOn {
    /// Whether a finding leads to exit code 1.
    pub fn covers(self, finding: &Finding) -> bool {
        finding.accepted.is_none()
            && match self {
                Self::Severity(least) => finding.severity >= least,
                Self::New(least) => finding.severity >= least && finding.is_new == Some(true),
                Self::Code(code) => finding.code == code,
            }
    }
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// The file name as given by the user.
    pub file: String,
    /// The sync run.
    pub sync_id: String,
    /// The organization's name, or its id, if the file has one.
    pub organization: Option<String>,
    /// The organization's id, if the file has one.
    pub organization_id: Option<String>,
    /// When the sync run ended.
    pub captured_at: RecordedTime,
    /// The moment as of which it was judged.
    pub judged_at: Timestamp,
    /// The older snapshot that findings were compared with.
    pub since: Option<OlderSnapshot>,
    /// The rules that were judged, in the order of [`RuleCode::ALL`].
    pub rules: Vec<JudgedRule>,
    /// By severity, rule and id; new ones first.
    pub findings: Vec<Finding>,
    /// The rules that could not be judged.
    pub not_judged: Vec<NotJudged>,
    /// Acceptances that accept nothing, in the order of the rules file.
    pub unmatched_acceptances: Vec<UnmatchedAcceptance>,
    /// Which findings lead to exit code 1; none if empty.
    pub fail_on: Vec<FailOn>,
    /// Whether second factors are those that PostHog knows of, so that one at an identity provider is not among them.
    pub is_of_posthog: bool,
}

/// The older snapshot of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderSnapshot {
    /// The file name as given by the user.
    pub file: String,
    /// When its sync run ended.
    pub captured_at: RecordedTime,
}

impl Audit {
    /// Returns the number of findings of a severity that are not accepted.
    pub fn count(&self, severity: Severity) -> usize {
        let open = self.findings.iter().filter(|f| f.accepted.is_none());
        open.filter(|finding| finding.severity == severity).count()
    }

    /// Returns the number of accepted findings.
    pub fn accepted(&self) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.accepted.is_some())
            .count()
    }

    /// Returns the findings that lead to exit code 1.
    pub fn failing(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| self.fail_on.iter().any(|fail_on| fail_on.covers(finding)))
    }
}
