//! What differs between two snapshots, in people's terms: what `diff` makes and the reports print.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::{Person, RecordedTime, Resource, ResourceId, RowKind, Seat};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has changed.
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

/// The section of a report that a change is listed in, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A higher seat.
    SeatRaised,
    /// A lower seat.
    SeatLowered,
    /// A second factor that was on and is off.
    TwoFactorDisabled,
    /// A person in the member list who was not in it.
    MemberAdded,
    /// A person who is new, and not in the member list.
    UnlistedAdded,
    /// A grant of a person who is new; shown with the person.
    GrantOfNewPerson,
    /// A further grant of a person who was there.
    GrantAdded,
    /// A grant that a person who is still there no longer has.
    GrantRevoked,
    /// A person who was in the member list and is not in it any more.
    MemberRemoved,
    /// A person who was not in the member list, and no longer appears at all.
    UnlistedRemoved,
    /// A grant of a person who no longer appears; shown with the person.
    GrantOfGonePerson,
    /// A role is new.
    RoleAdded,
    /// A role is gone.
    RoleRemoved,
    /// The name of a role has changed.
    RoleRenamed,
    /// Anything else is new: another connector's resource, an entitlement, a resource type.
    OtherAdded,
    /// Anything else is gone.
    OtherRemoved,
    /// Any other field has changed.
    OtherChanged,
}

macro_rules! change_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a change means, for `--fail-on` and `--accept`. A change may mean several things.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ChangeKind {
            $($(#[$doc])* $name,)*
        }

        impl ChangeKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in options and files.
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
    /// An owner who was not one.
    OwnerAdded = "owner-added",
    /// An administrator who was not one.
    AdminAdded = "admin-added",
    /// A person who is new, or new in the member list.
    MemberAdded = "member-added",
    /// A person who no longer appears, or is no longer in the member list.
    MemberRemoved = "member-removed",
    /// A grant is new.
    GrantAdded = "grant-added",
    /// A grant is gone.
    GrantRevoked = "grant-revoked",
    /// A role is new.
    RoleAdded = "role-added",
    /// A role is gone.
    RoleRemoved = "role-removed",
    /// The name of a role has changed.
    RoleRenamed = "role-renamed",
    /// A second factor is off and was on.
    TwoFactorDisabled = "2fa-disabled",
    /// Anything else is new.
    OtherAdded = "other-added",
    /// Anything else is gone.
    OtherRemoved = "other-removed",
    /// Any other field has changed.
    OtherChanged = "other-changed",
}

impl ChangeKind {
    /// Whether such a change is one of roles, or of who holds them.
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

/// What somebody or something is to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// A person or a service account.
    User,
    /// A set of rights that people hold.
    Role,
    /// Anything else: a group, an application, an entitlement.
    #[default]
    Other,
}

/// Somebody or something that a change is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// What it is.
    pub sort: Sort,
    /// `<type>:<id>`
    pub id: String,
    /// Its name, else its bare id.
    pub name: String,
    /// Of a user.
    pub email: Option<String>,
    /// Of a user: the seat's word.
    pub seat: Option<String>,
    /// Of a user: the seat, if the word is that of one.
    pub rank: Option<Seat>,
    /// Of a user: whether a second factor is on.
    pub two_factor: Option<bool>,
    /// False for a role holder who is not in the member list.
    pub listed: bool,
}

/// One field that has changed; absent values are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Its name, such as `email` or `profile.distinct_id`.
    pub field: String,
    /// What it was.
    pub old: Option<Value>,
    /// What it is.
    pub new: Option<Value>,
}

impl FieldChange {
    /// The name for differences that no known field explains.
    pub const OTHER_FIELDS: &'static str = "other fields";
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub action: Action,
    /// To what kind of object.
    pub object: RowKind,
    /// Its id in the file.
    pub id: String,
    /// The section of a report that it is listed in.
    pub topic: Topic,
    /// What it means.
    pub kinds: Vec<ChangeKind>,
    /// What it is about: the user or role; for a grant its principal.
    pub subject: Party,
    /// For a grant or an entitlement: the resource it is on.
    pub on: Option<Party>,
    /// For a grant: the entitlement's short name.
    pub entitlement: Option<String>,
    /// What became of the fields, by name; empty for what is new or gone.
    pub fields: Vec<FieldChange>,
    /// Of what is new or gone, or entered or left the member list: what sets it apart from the same change at another
    /// time, such as a seat or since when, even where that did not change; empty for any other change.
    pub facts: Vec<FieldChange>,
}

/// How much a reader must see a change, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// It is about somebody who is or was an owner.
    Owner,
    /// It is about somebody who is or was an administrator.
    Administrator,
    /// A higher seat of another kind.
    HigherSeat,
    /// It is about a person without a second factor.
    NoSecondFactor,
    /// Anything else.
    Other,
}

impl Change {
    /// What an agreement on the change states: the fields that changed, and the facts.
    pub fn terms(&self) -> impl Iterator<Item = &FieldChange> {
        self.fields.iter().chain(&self.facts)
    }

    /// Whether each field is a change of its own, so that one may be agreed on without the others.
    pub fn is_divisible(&self) -> bool {
        self.action == Action::Changed && self.kinds == [ChangeKind::OtherChanged]
    }

    /// How much a reader must see it. What these people can do matters, or could do before, not only what changed about
    /// it.
    pub fn risk(&self) -> Risk {
        let is = |kind| self.kinds.contains(&kind);
        let is_of_person = self.object == RowKind::Resource && self.subject.sort == Sort::User;
        let values = |name: &'static str| {
            let terms = self.terms().filter(move |term| term.field == name);
            terms.flat_map(|term| [&term.old, &term.new]).flatten()
        };
        let is_or_was = |seat: Seat| {
            let said = |value: &Value| value.as_str().and_then(|word| word.parse().ok());
            is_of_person
                && (self.subject.rank == Some(seat)
                    || values("seat").any(|value| said(value) == Some(seat)))
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
}

/// A change that was agreed on, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// What was agreed on.
    pub change: Change,
    /// Why, as the file of accepted changes has it.
    pub reason: Option<String>,
    /// The last day of the agreement, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// One of the two inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The file, as it was named.
    pub file: String,
    /// The sync run.
    pub sync_id: String,
    /// When it was complete.
    pub captured_at: RecordedTime,
    /// The organization's name, else its id, if the file says.
    pub organization: Option<String>,
    /// The content digest.
    pub content_digest: String,
}

/// A line of the file of accepted changes that accepts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedLine {
    /// Which line, and why, in words.
    pub problem: String,
    /// The line to write instead, if there is one; `problem` introduces it.
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

/// All differences between two inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was.
    pub old: Side,
    /// What is.
    pub new: Side,
    /// Whether both sides have a member list. Our own snapshots do; of others it is only known that they have users.
    pub knows_members: bool,
    /// The kinds that exit 1, where they were named.
    pub fail_on: Option<BTreeSet<ChangeKind>>,
    /// What was not compared since one of the crawls was asked not to read it: `roles`, or nothing.
    pub not_compared: Vec<String>,
    /// What a reader should know before trusting it, in words.
    pub warnings: Vec<String>,
    /// What is wrong with lines of the file of accepted changes, in the order of the file.
    pub unused_lines: Vec<UnusedLine>,
    /// By topic, then by name.
    pub changes: Vec<Change>,
    /// Changes that were agreed on and are set apart, in the same order.
    pub accepted: Vec<Accepted>,
}

impl Comparison {
    /// All that a reader should know, in words: about the inputs first, then about the file of accepted changes.
    pub fn all_warnings(&self) -> impl Iterator<Item = String> {
        let lines = self.unused_lines.iter().map(ToString::to_string);
        self.warnings.iter().cloned().chain(lines)
    }

    /// Kinds that were named to exit 1, and of which nothing is known since roles were not compared.
    pub fn not_judged(&self) -> Vec<ChangeKind> {
        let is_unknown = !self.not_compared.is_empty();
        let named = self.fail_on.iter().flatten().copied();
        named
            .filter(|kind| is_unknown && kind.is_of_roles())
            .collect()
    }

    /// Whether nothing differs, expected or not.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.accepted.is_empty()
    }
}

/// Longest text of a change that is kept whole, in bytes: that of the longest text a crawl accepts.
const MAX_KEPT: usize = 64 << 10;

/// A text as a list of changes keeps it: whole, or its beginning and `…` if it is longer than 64 KiB. A list holds the
/// texts of every object that changed, so it must not hold them at any length.
pub fn kept_text(text: &str) -> String {
    if text.len() > MAX_KEPT {
        format!("{}…", &text[..text.floor_char_boundary(MAX_KEPT)])
    } else {
        text.to_owned()
    }
}

impl Party {
    /// What people know a resource by. `is_role` says whether its type has the trait of a role.
    pub fn of(resource: &Resource, is_role: bool) -> Self {
        let person = Person::of(resource);
        let name = if resource.display_name.is_empty() {
            &resource.id.resource
        } else {
            &resource.display_name
        };
        Self {
            sort: match (&person, is_role) {
                (Some(_), _) => Sort::User,
                (None, true) => Sort::Role,
                (None, false) => Sort::Other,
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

    /// Something that is neither a user nor a role.
    pub fn named(id: String, name: &str) -> Self {
        Self {
            id,
            name: kept_text(name),
            listed: true,
            ..Self::default()
        }
    }

    /// Something of which only the id is known.
    pub fn unknown(id: &ResourceId) -> Self {
        Self {
            id: id.to_string(),
            name: id.resource.to_string(),
            listed: true,
            ..Self::default()
        }
    }
}
