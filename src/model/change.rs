//! The differences between two snapshots, as `diff` finds them and the reports print them: an [`Action`] is what happened to
//! one object, a [`Topic`] the section of the report, a [`ChangeKind`] what `--fail-on` and `--accept` refer to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::{OrganizationPart, Person, RecordedTime, Resource, ResourceId, RowKind, Seat};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is only in the new snapshot.
    Added,
    /// It is only in the old snapshot.
    Removed,
    /// It is in both and differs.
    Changed,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        })
    }
}

/// The section of a report that a change is listed in, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A higher seat.
    SeatRaised,
    /// A lower seat.
    SeatLowered,
    /// 2FA was disabled.
    TwoFactorDisabled,
    /// A person was added to the member list.
    MemberAdded,
    /// A new person who is not in the member list.
    UnlistedAdded,
    /// A grant of a new person; shown with the person.
    GrantOfNewPerson,
    /// A new grant of an existing person.
    GrantAdded,
    /// A lost grant of a person who is still there.
    GrantRevoked,
    /// A person was removed from the member list.
    MemberRemoved,
    /// A person who was not in the member list and no longer appears.
    UnlistedRemoved,
    /// A grant of a person who no longer appears; shown with the person.
    GrantOfGonePerson,
    /// A new role.
    RoleAdded,
    /// A removed role.
    RoleRemoved,
    /// A renamed role.
    RoleRenamed,
    /// A new object of another kind: another connector's resource, an entitlement, a resource type.
    OtherAdded,
    /// A removed object of another kind.
    OtherRemoved,
    /// A change in any other field.
    OtherChanged,
    /// A change in what surrounds the roles: settings, domains, invitations, external references.
    Surroundings,
}

macro_rules! change_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The meaning of a change, for `--fail-on` and `--accept`. A change may have several.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ChangeKind {
            $($(#[$doc])* $name,)*
        }

        impl ChangeKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns its name in options and files.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

change_kinds! {
    /// A higher seat.
    SeatRaised = "seat-raised",
    /// A lower seat.
    SeatLowered = "seat-lowered",
    /// A new owner.
    OwnerAdded = "owner-added",
    /// A new administrator.
    AdminAdded = "admin-added",
    /// A new person, or one who was added to the member list.
    MemberAdded = "member-added",
    /// A person who no longer appears, or was removed from the member list.
    MemberRemoved = "member-removed",
    /// A new grant.
    GrantAdded = "grant-added",
    /// A lost grant.
    GrantRevoked = "grant-revoked",
    /// A new role.
    RoleAdded = "role-added",
    /// A removed role.
    RoleRemoved = "role-removed",
    /// A renamed role.
    RoleRenamed = "role-renamed",
    /// 2FA was disabled.
    TwoFactorDisabled = "2fa-disabled",
    /// A new object of another kind.
    OtherAdded = "other-added",
    /// A removed object of another kind.
    OtherRemoved = "other-removed",
    /// A change in any other field.
    OtherChanged = "other-changed",
    /// Members are no longer required to have a second factor.
    TwoFactorEnforcementOff = "2fa-enforcement-off",
    /// People of a domain are no longer required to log in with SSO.
    SsoEnforcementOff = "sso-enforcement-off",
    /// A change in any other setting of the organization.
    SettingChanged = "setting-changed",
    /// A new domain.
    DomainAdded = "domain-added",
    /// A removed domain.
    DomainRemoved = "domain-removed",
    /// A change in any other field of a domain.
    DomainChanged = "domain-changed",
    /// A new invitation.
    InvitationAdded = "invitation-added",
    /// An invitation that is gone although nobody with its address joined.
    InvitationRemoved = "invitation-removed",
    /// A change in an invitation, other than that it expired.
    InvitationChanged = "invitation-changed",
    /// An external reference of a role that is new, gone or changed.
    ReferenceChanged = "reference-changed",
}

impl ChangeKind {
    /// Whether such a change is about roles or role memberships.
    pub fn is_of_roles(self) -> bool {
        matches!(
            self,
            Self::GrantAdded
                | Self::GrantRevoked
                | Self::RoleAdded
                | Self::RoleRemoved
                | Self::RoleRenamed
        )
    }

    /// Returns the part of the organization document that such a change is about; `None` for changes in access.
    pub fn part(self) -> Option<OrganizationPart> {
        match self {
            Self::TwoFactorEnforcementOff | Self::SettingChanged => {
                Some(OrganizationPart::Settings)
            }
            Self::SsoEnforcementOff
            | Self::DomainAdded
            | Self::DomainRemoved
            | Self::DomainChanged => Some(OrganizationPart::Domains),
            Self::InvitationAdded | Self::InvitationRemoved | Self::InvitationChanged => {
                Some(OrganizationPart::Invitations)
            }
            Self::ReferenceChanged => Some(OrganizationPart::RoleExternalReferences),
            Self::SeatRaised
            | Self::SeatLowered
            | Self::OwnerAdded
            | Self::AdminAdded
            | Self::MemberAdded
            | Self::MemberRemoved
            | Self::GrantAdded
            | Self::GrantRevoked
            | Self::RoleAdded
            | Self::RoleRemoved
            | Self::RoleRenamed
            | Self::TwoFactorDisabled
            | Self::OtherAdded
            | Self::OtherRemoved
            | Self::OtherChanged => None,
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChangeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{}` is not a kind of change", text.escape_debug()))
    }
}

/// What a [`Party`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartyKind {
    /// A person or a service account.
    User,
    /// A role.
    Role,
    /// Anything else: a group, an application, an entitlement.
    #[default]
    Other,
}

/// A user, a role or another object that a change is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Whether it is a user, a role or something else.
    pub kind: PartyKind,
    /// `<type>:<id>`
    pub id: String,
    /// Its name, or its id if it has none.
    pub name: String,
    /// Of a user: the e-mail address.
    pub email: Option<String>,
    /// Of a user: the name of the seat.
    pub seat: Option<String>,
    /// Of a user: the seat, if it is one that PostHog has.
    pub rank: Option<Seat>,
    /// Of a user: whether 2FA is on.
    pub two_factor: Option<bool>,
    /// False for a role holder who is not in the member list.
    pub listed: bool,
}

/// A field with its old and new value; `None` if it is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The name of the field, such as `email` or `profile.distinct_id`.
    pub field: String,
    /// The old value.
    pub old: Option<Value>,
    /// The new value.
    pub new: Option<Value>,
}

impl FieldChange {
    /// The name for differences that are not in a known field.
    pub const OTHER_FIELDS: &'static str = "other fields";
}

/// The kind of object that a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangedObject {
    /// A row of the snapshot.
    Row(RowKind),
    /// Something in the organization document.
    Surrounding(OrganizationPart),
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub action: Action,
    /// The kind of object.
    pub object: ChangedObject,
    /// The object's id in the file; for a setting, the organization's.
    pub id: String,
    /// The section of a report that it is listed in.
    pub topic: Topic,
    /// What it means for `--fail-on` and `--accept`.
    pub kinds: Vec<ChangeKind>,
    /// The user or role it is about; for a grant, the principal.
    pub subject: Party,
    /// For a grant or an entitlement: the resource it is on.
    pub on: Option<Party>,
    /// For a grant: the entitlement's short name.
    pub entitlement: Option<String>,
    /// The fields that changed, by name; empty for an object that was added or removed.
    pub fields: Vec<FieldChange>,
    /// For an object that was added or removed, or a person who entered or left the member list: what distinguishes it from
    /// the same change at another time, such as the seat or the time of joining, even if unchanged. Empty otherwise.
    pub facts: Vec<FieldChange>,
    /// For a person who was added to the member list: the id of the invitation that was accepted, if there was one.
    pub invitation: Option<String>,
}

impl Change {
    /// Returns a change under its subject's id, without fields or facts.
    pub fn new(
        action: Action,
        object: ChangedObject,
        topic: Topic,
        kinds: Vec<ChangeKind>,
        subject: Party,
    ) -> Self {
        Self {
            action,
            object,
            id: subject.id.clone(),
            topic,
            kinds,
            subject,
            on: None,
            entitlement: None,
            fields: Vec::new(),
            facts: Vec::new(),
            invitation: None,
        }
    }
}

/// How urgent a change is, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// It is about a person who is or was an owner.
    Owner,
    /// It is about a person who is or was an administrator.
    Administrator,
    /// Another seat that was raised.
    HigherSeat,
    /// It is about a person without 2FA.
    NoSecondFactor,
    /// Anything else.
    Other,
}

impl Change {
    /// Whether it is about a row of this kind.
    pub fn is_of(&self, kind: RowKind) -> bool {
        self.object == ChangedObject::Row(kind)
    }

    /// Returns what an accepted change has to match: the fields that changed, and the facts.
    pub fn terms(&self) -> impl Iterator<Item = &FieldChange> {
        self.fields.iter().chain(&self.facts)
    }

    /// Whether each field is a change of its own, so that one may be accepted without the others.
    pub fn is_divisible(&self) -> bool {
        self.action == Action::Changed && self.kinds == [ChangeKind::OtherChanged]
    }

    /// Returns how urgent it is. That depends on the seats a person has or had, and not only on what changed.
    pub fn risk(&self) -> Risk {
        let is = |kind| self.kinds.contains(&kind);
        if matches!(self.object, ChangedObject::Surrounding(_)) {
            return self.risk_of_surroundings();
        }
        let is_of_person = self.is_of(RowKind::Resource) && self.subject.kind == PartyKind::User;
        let values = |name: &'static str| {
            let terms = self.terms().filter(move |term| term.field == name);
            terms.flat_map(|term| [&term.old, &term.new]).flatten()
        };
        let is_or_was = |seat: Seat| {
            let parse = |value: &Value| value.as_str().and_then(|word| word.parse().ok());
            is_of_person
                && (self.subject.rank == Some(seat)
                    || values("seat").any(|value| parse(value) == Some(seat)))
        };
        let lacks_second_factor = match self.subject.two_factor {
            Some(on) => !on,
            None => values("two_factor").any(|value| *value == Value::Bool(false)),
        };
        if is(ChangeKind::OwnerAdded) || is_or_was(Seat::Owner) {
            Risk::Owner
        } else if is(ChangeKind::AdminAdded) || is_or_was(Seat::Administrator) {
            Risk::Administrator
        } else if is(ChangeKind::SeatRaised) {
            Risk::HigherSeat
        } else if is(ChangeKind::TwoFactorDisabled) || is_of_person && lacks_second_factor {
            Risk::NoSecondFactor
        } else {
            Risk::Other
        }
    }

    fn risk_of_surroundings(&self) -> Risk {
        let is = |kind| self.kinds.contains(&kind);
        let new_levels = self.terms().filter(|term| term.field == "level");
        let seat = new_levels
            .filter_map(|term| term.new.as_ref()?.as_i64())
            .map(Seat::from_level)
            .next();
        match seat {
            Some(Seat::Owner) => Risk::Owner,
            Some(Seat::Administrator) => Risk::Administrator,
            _ if is(ChangeKind::TwoFactorEnforcementOff) || is(ChangeKind::SsoEnforcementOff) => {
                Risk::NoSecondFactor
            }
            _ => Risk::Other,
        }
    }
}

/// A change, or a part of one, that the file of accepted changes lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The change.
    pub change: Change,
    /// The reason in the file of accepted changes.
    pub reason: Option<String>,
    /// The last day on which it is accepted, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// One of the two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The file name as given by the user.
    pub file: String,
    /// The sync run.
    pub sync_id: String,
    /// When the sync run ended.
    pub captured_at: RecordedTime,
    /// The organization's name or id, if the file has one.
    pub organization: Option<String>,
    /// The organization's id, if the file has one.
    pub organization_id: Option<String>,
    /// The content digest.
    pub content_digest: String,
}

/// A line in the file of accepted changes that does not accept any change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedLine {
    /// A sentence that names the line and the reason.
    pub problem: String,
    /// The line to write instead, if any. It follows `problem`.
    pub instead: Option<String>,
}

impl fmt::Display for UnusedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        match &self.instead {
            Some(line) => write!(f, " {line}"),
            None => Ok(()),
        }
    }
}

/// What was compared besides what every snapshot has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whether roles were: both crawls read them.
    pub roles: bool,
    /// The parts of the organization document that both sides have.
    pub parts: Vec<OrganizationPart>,
    /// Kinds of change whose field one side did not send, so that they could not be found everywhere.
    pub not_sent: Vec<ChangeKind>,
    /// What only one side has, or a crawl was told not to read: `roles`, `organization`, or parts of the latter.
    pub not_compared: Vec<String>,
}

/// All differences between two inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The old snapshot.
    pub old: Side,
    /// The new snapshot.
    pub new: Side,
    /// Whether both sides have a member list. Our own snapshots do; others only have users.
    pub knows_members: bool,
    /// The kinds of `--fail-on`, if given.
    pub fail_on: Option<BTreeSet<ChangeKind>>,
    /// What was compared.
    pub scope: Scope,
    /// Warnings about the inputs.
    pub warnings: Vec<String>,
    /// Warnings about lines in the file of accepted changes, in the order of the file.
    pub unused_lines: Vec<UnusedLine>,
    /// By topic, then by name.
    pub changes: Vec<Change>,
    /// Accepted changes, which are listed separately, in the same order.
    pub accepted: Vec<Accepted>,
}

impl Comparison {
    /// Returns all warnings: first about the inputs, then about the file of accepted changes.
    pub fn all_warnings(&self) -> impl Iterator<Item = String> {
        let lines = self.unused_lines.iter().map(ToString::to_string);
        self.warnings.iter().cloned().chain(lines)
    }

    /// Returns the kinds of `--fail-on` that could not be checked, because roles or a part of the organization were not
    /// compared. `--fail-on any` names every kind, but does not demand an organization document: older snapshots have none.
    pub fn not_judged(&self) -> Vec<ChangeKind> {
        let named = self.fail_on.iter().flatten().copied();
        let is_any = self
            .fail_on
            .as_ref()
            .is_some_and(|kinds| kinds.len() == ChangeKind::ALL.len());
        named
            .filter(|kind| match kind.part() {
                Some(part) => {
                    let lacks_part = !self.scope.parts.contains(&part);
                    !is_any && (lacks_part || self.scope.not_sent.contains(kind))
                }
                None => !self.scope.roles && kind.is_of_roles(),
            })
            .collect()
    }

    /// Whether there are no differences, not even accepted ones.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.accepted.is_empty()
    }
}

/// The longest text that a change keeps completely, in bytes: as long as the longest text that a crawl accepts.
const MAX_KEPT: usize = 64 << 10;

/// Cuts a text after 64 KiB and adds `…`. A list of changes keeps the texts of every object that changed, so their length
/// must be limited.
pub fn kept_text(text: &str) -> String {
    if text.len() > MAX_KEPT {
        format!("{}…", &text[..text.floor_char_boundary(MAX_KEPT)])
    } else {
        text.to_owned()
    }
}

impl Party {
    /// Describes a resource. `is_role` says whether its type has the role trait.
    pub fn of(resource: &Resource, is_role: bool) -> Self {
        let person = Person::of(resource);
        let name = if resource.display_name.is_empty() {
            &resource.id.resource
        } else {
            &resource.display_name
        };
        Self {
            kind: match (&person, is_role) {
                (Some(_), _) => PartyKind::User,
                (None, true) => PartyKind::Role,
                (None, false) => PartyKind::Other,
            },
            id: resource.id.to_string(),
            name: kept_text(name),
            email: person.as_ref().and_then(Person::email).map(kept_text),
            seat: person
                .as_ref()
                .and_then(Person::seat_word)
                .map(|word| kept_text(&word)),
            rank: person.as_ref().and_then(Person::seat),
            two_factor: person.as_ref().and_then(Person::mfa_enabled),
            listed: person.is_none_or(|person| person.is_listed()),
        }
    }

    /// Describes something that is neither a user nor a role.
    pub fn named(id: String, name: &str) -> Self {
        Self {
            id,
            name: kept_text(name),
            listed: true,
            ..Self::default()
        }
    }

    /// Describes a resource of which only the id is known.
    pub fn unknown(id: &ResourceId) -> Self {
        Self {
            id: id.to_string(),
            name: id.resource.to_string(),
            listed: true,
            ..Self::default()
        }
    }
}
