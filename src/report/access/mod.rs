//! The access report: one snapshot as a document that people read, sign and file, with what an audit finds and what
//! changed since an older snapshot.
//!
//! | file | contains |
//! |---|---|
//! | `columns.rs` | cells, and the columns of people and roles |
//! | `tables.rs` | the tables that both forms have |
//! | `glance.rs` | the numbers that sum it up |
//! | `page/` | the report as one HTML page |
//! | `workbook.rs` | the report as a workbook |

mod columns;
mod glance;
mod page;
mod tables;
mod workbook;

use crate::model::{
    Audit, Comparison, Evidence, FoundDocument, History, RecordedTime, ResourceId, Seat, Text,
    Timestamp,
};

pub use page::{MAX_HOLDERS, MAX_ROWS, write_page};
pub use workbook::Workbook;

/// Everything that an access report shows. Memory grows with people, roles and findings, not with grants, except for the
/// roles in [`PersonRow::roles`].
pub struct AccessReport {
    /// The heading; a general one if `None`.
    pub title: Option<String>,
    /// Who reviews the access.
    pub reviewer: Option<String>,
    /// The file and the sync run.
    pub source: Source,
    /// What the crawl recorded about itself; only in our own snapshots.
    pub evidence: Option<Evidence>,
    /// What surrounds the roles.
    pub document: FoundDocument,
    /// Why there is no document; unused if there is one.
    pub why_no_document: &'static str,
    /// What the audit found.
    pub audit: Audit,
    /// How many listed members are dormant; `None` if that is not known.
    pub dormant: Option<u64>,
    /// After how many days without a login a member is dormant.
    pub dormant_days: u32,
    /// People, by name.
    pub people: Vec<PersonRow>,
    /// Roles and everything else that is held, by name.
    pub roles: Vec<RoleRow>,
    /// Why roles and who holds them are not known; `None` if they are.
    pub roles_unknown: Option<String>,
    /// What changed since an older snapshot.
    pub comparison: Option<Comparison>,
    /// The organization over time.
    pub history: Option<History>,
}

/// The file and the sync run that a report is about.
pub struct Source {
    /// The file's name without its folder.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// The id of the sync run.
    pub sync_id: String,
    /// When the sync run began.
    pub started_at: RecordedTime,
    /// When it ended.
    pub captured_at: RecordedTime,
    /// The content digest.
    pub content_digest: String,
}

/// A person.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// The resource.
    pub id: ResourceId,
    /// The display name.
    pub name: Text,
    /// The primary address; empty if there is none.
    pub email: Text,
    /// The first name; empty if there is none.
    pub given_name: Text,
    /// The last name; empty if there is none.
    pub family_name: Text,
    /// The job title that the person entered; empty if there is none.
    pub job: Text,
    /// The seat, if it is one of PostHog's.
    pub seat: Option<Seat>,
    /// The name of the seat; empty if there is none.
    pub seat_word: Text,
    /// Whether there is a second factor.
    pub two_factor: Option<bool>,
    /// Whether a social or SSO login is linked.
    pub linked_login: Option<bool>,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// The last login.
    pub last_login: Option<Timestamp>,
    /// When the person joined.
    pub joined_at: Option<Timestamp>,
    /// Whether the person is in the member list.
    pub is_listed: bool,
    /// The status; empty if there is none.
    pub status: &'static str,
    /// Who uses the account; empty if that is not known.
    pub account_type: &'static str,
    /// The roles that the person holds, as indexes into [`AccessReport::roles`], in order.
    pub roles: Box<[u32]>,
}

/// A role, or another resource that is held.
#[derive(Clone, Debug)]
pub struct RoleRow {
    /// The resource.
    pub id: ResourceId,
    /// The display name.
    pub name: Text,
    /// The name of its type.
    pub type_name: Text,
    /// How many grants are on it.
    pub grants: u64,
    /// Whether new members get it.
    pub is_default: Option<bool>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Who created it; empty if that is not known.
    pub created_by: Text,
    /// Some of its holders, by name; which ones depends on the form of the report.
    pub holders: Vec<Holder>,
}

/// One grant on a role.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Who holds it.
    pub who: Who,
    /// What is held: the name of the entitlement on its resource.
    pub entitlement: Text,
    /// When the holder got it.
    pub since: Option<Timestamp>,
    /// The id of the grant.
    pub grant_id: String,
}

/// Who holds something.
#[derive(Clone, Debug)]
pub enum Who {
    /// A person, as an index into [`AccessReport::people`].
    Person(u32),
    /// Another principal, such as a group.
    Other {
        /// Its id.
        id: ResourceId,
        /// Its name.
        name: Text,
    },
}

impl AccessReport {
    /// The heading.
    fn title(&self) -> &str {
        self.title.as_deref().unwrap_or("Access report")
    }

    /// The name of the organization, or its id; `None` if the file does not say.
    fn organization(&self) -> Option<&str> {
        self.audit.organization.as_deref()
    }

    /// What every printed page names: the organization or, where the file does not say, the file. Cut to fit beside the
    /// digest.
    fn subject(&self) -> String {
        const CHARS: usize = 80;
        let name = self.organization().unwrap_or(&self.source.file);
        name.chars().take(CHARS).collect()
    }

    /// The name of a holder.
    fn holder_name<'r>(&'r self, holder: &'r Holder) -> &'r str {
        match &holder.who {
            Who::Person(at) => &self.people[*at as usize].name,
            Who::Other { name, .. } => name,
        }
    }

    /// The id of a holder without its type.
    fn holder_id<'r>(&'r self, holder: &'r Holder) -> &'r str {
        match &holder.who {
            Who::Person(at) => &self.people[*at as usize].id.resource,
            Who::Other { id, .. } => &id.resource,
        }
    }

    /// The person who holds something; `None` if the holder is not a person.
    fn person(&self, holder: &Holder) -> Option<&PersonRow> {
        match holder.who {
            Who::Person(at) => self.people.get(at as usize),
            Who::Other { .. } => None,
        }
    }

    /// Whether every grant is of the only thing that can be held on a role, as in PostHog.
    fn has_plain_roles(&self) -> bool {
        self.evidence.is_some()
    }
}
