//! The types that everything else uses: Baton's resources, entitlements and grants, and the [`Inventory`] of one sync run.
//!
//! Nothing here depends on HTTP, SQLite or a terminal. The crawl creates these values, the snapshot stores them, the
//! commands read them.

mod change;
mod entitlement;
mod evidence;
mod finding;
mod folded;
mod grant;
mod harmful;
mod history;
mod ids;
mod inventory;
pub mod keys;
mod kind;
mod organization;
mod person;
mod place;
mod profile;
mod recorded_time;
mod resource;
mod retention;
mod review;
mod seat;
mod sheet;
mod sync_run;
mod time;

/// A literal [`Text`], which takes no memory of its own.
pub use arcstr::literal;
pub use change::{
    Accepted, Action, Change, ChangeKind, ChangedObject, Comparison, FieldChange, Party, PartyKind,
    Risk, Scope, Side, Topic, UnusedLine, kept_text,
};
pub use entitlement::{Entitlement, Purpose};
pub use evidence::{
    CrawlKey, Evidence, KeyOwner, ListEvidence, NOT_READ_ORGANIZATION, NOT_READ_ROLES,
    OrganizationEvidence, ToolEvidence,
};
pub use finding::{
    Acceptance, AcceptanceProblem, Audit, Fact, FailOn, Finding, FindingFacts, JudgedRule,
    NotJudged, OlderSnapshot, RuleCode, Severity, Subject, SubjectKind, UnmatchedAcceptance,
};
pub use folded::{ascii_domain, domain_of, folded, folded_address, looks_like};
pub use grant::{Grant, MembershipId};
pub use harmful::is_harmful;
pub use history::{
    AsOf, Gap, History, HistoryAnswer, HistoryRun, Interval, Leaver, Named, PersonAsOf,
    Punctuality, RunChange, RunContent, RunFigures, Span, SpanOf, SpanValue, Story,
};
pub use ids::{EntitlementId, ResourceId, ResourceTypeId, SyncId, Text};
pub use inventory::{Defect, Inventory, InventoryBuilder, MAX_ID_BYTES};
pub use kind::RowKind;
pub use organization::{
    Domain, FoundDocument, Invitation, Inviter, NotRead, OrganizationDocument, OrganizationPart,
    OrganizationSettings, RoleReference, Sent, seat_word,
};
pub use person::{Person, account_type_word, on_off, status_word};
pub use place::{BadPlace, Place};
pub use profile::{Profile, Value};
pub use recorded_time::{RecordedTime, UtcOffset, UtcOffsetError, Zone};
pub use resource::{AccountType, Email, Resource, ResourceType, Status, Trait, UserTrait};
pub use retention::{Retention, RetentionRule};
pub use review::{
    Decision, DecisionReview, DecisionStatus, JudgedDecision, ReviewColumn, ReviewRow, ReviewedKind,
};
pub use seat::{NotASeat, Seat};
pub use sheet::{SheetReader, SheetRow};
pub use sync_run::{SyncRun, SyncType};
pub use time::{Timestamp, TimestampError};
