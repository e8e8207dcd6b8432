//! The rules: one table with code, severity, needs and remedy, and one file for each topic.
//!
//! A new rule is a line in [`RULES`] and a function in the file of its topic. A rule whose needs are not met is not judged;
//! what it needs is never assumed.

mod addresses;
mod dormancy;
mod invitations;
mod members;
mod roles;
mod roster;
mod seats;
mod snapshot;
mod two_factor;

pub use dormancy::dormant_members;

use super::facts::{Facts, PersonFacts};
use super::roster::Roster;
use super::settings::Settings;
use crate::model::{
    Fact, FindingFacts, OrganizationDocument, OrganizationPart, OrganizationSettings, RuleCode,
    Seat, Severity, Subject, SubjectKind, Text, Timestamp,
};

/// What is judged, and by which settings.
pub(super) struct Case<'a> {
    pub facts: &'a Facts,
    pub settings: &'a Settings,
    pub roster: Option<&'a Roster>,
    pub judged_at: Timestamp,
}

/// A rule.
pub(super) struct Rule {
    pub code: RuleCode,
    /// The default.
    pub severity: Severity,
    pub needs: &'static [Need],
    pub judge: fn(&Case<'_>) -> Outcome,
    /// What it finds, for the rules file.
    pub about: &'static str,
    /// What to do about a finding.
    pub remedy: &'static str,
}

/// A setting that is on, off, never set, or not sent.
type Flag = fn(&OrganizationSettings) -> Option<Option<bool>>;

/// What a rule needs to know.
pub(super) enum Need {
    /// A sync run that covers everything.
    FullSync,
    /// The seat of some listed member.
    Seat,
    /// The second factor of some listed member.
    TwoFactor,
    /// The last login of some listed member.
    LastLogin,
    /// Whether the address of some listed member is verified.
    VerifiedEmail,
    /// The address of some listed member.
    Address,
    /// A setting.
    Setting(&'static str, Flag),
    /// A list of the organization document.
    Part(OrganizationPart),
    /// The domains in the rules, or verified ones.
    OwnDomains,
    /// Roles and who holds them.
    Roles,
    /// What the crawl recorded about itself.
    Evidence,
    /// The key that made the snapshot.
    Key,
    /// A roster.
    Roster,
    /// A roster that says who left.
    RosterOfLeavers,
}

/// What a rule found.
#[derive(Default)]
pub(super) struct Outcome {
    pub found: Vec<Found>,
    /// For how many people, domains or invitations its fact is not known.
    pub unknown: usize,
}

/// A finding without its rule.
pub(super) struct Found {
    pub subject: Subject,
    pub message: String,
    pub facts: FindingFacts,
}

/// All rules, in the order of the documentation.
pub(super) const RULES: [Rule; 21] = [
    Rule {
        code: RuleCode::AdminWithout2fa,
        severity: Severity::High,
        needs: &[Need::Seat, Need::TwoFactor],
        judge: two_factor::admin,
        about: "an owner or administrator without 2FA",
        remedy: "have them turn on 2FA, or lower their seat",
    },
    Rule {
        code: RuleCode::MemberWithout2fa,
        severity: Severity::Medium,
        needs: &[Need::TwoFactor],
        judge: two_factor::member,
        about: "any other member without 2FA",
        remedy: "have them turn on 2FA, or enforce it for everybody",
    },
    Rule {
        code: RuleCode::TwoFactorNotEnforced,
        severity: Severity::Medium,
        needs: &[Need::Setting("enforce_2fa", |settings| {
            settings.enforce_2fa
        })],
        judge: two_factor::not_enforced,
        about: "the organization does not enforce 2FA",
        remedy: "enforce 2FA in the organization's security settings",
    },
    Rule {
        code: RuleCode::SsoNotEnforced,
        severity: Severity::Low,
        needs: &[Need::Part(OrganizationPart::Domains)],
        judge: addresses::sso_not_enforced,
        about: "a verified domain without enforced SSO",
        remedy: "enforce SSO for the domain, or accept this with the reason",
    },
    Rule {
        code: RuleCode::DormantAdmin,
        severity: Severity::High,
        needs: &[Need::Seat, Need::LastLogin],
        judge: dormancy::admin,
        about: "an owner or administrator who has not logged in for more than `dormant_days`",
        remedy: "ask whether they still need the seat; if not, lower it or remove them",
    },
    Rule {
        code: RuleCode::DormantMember,
        severity: Severity::Medium,
        needs: &[Need::LastLogin],
        judge: dormancy::member,
        about: "any other member who has not logged in for more than `dormant_days`",
        remedy: "ask whether they still need access; if not, remove them",
    },
    Rule {
        code: RuleCode::HolderNotListed,
        severity: Severity::High,
        needs: &[Need::Evidence, Need::Roles],
        judge: members::holder_not_listed,
        about: "a person who holds a role but is not in the member list",
        remedy: "find out who it is (deactivated, a bot, gone), and remove the roles if nobody needs them",
    },
    Rule {
        code: RuleCode::TooManyOwners,
        severity: Severity::Medium,
        needs: &[Need::FullSync, Need::Seat],
        judge: seats::too_many_owners,
        about: "more than `max_owners` owners",
        remedy: "lower the seats of owners who do not need to be one",
    },
    Rule {
        code: RuleCode::SingleOwner,
        severity: Severity::Low,
        needs: &[Need::FullSync, Need::Seat],
        judge: seats::single_owner,
        about: "exactly one owner",
        remedy: "appoint a second owner, so that the organization does not depend on one account",
    },
    Rule {
        code: RuleCode::UnknownSeat,
        severity: Severity::Medium,
        needs: &[Need::Seat],
        judge: seats::unknown_seat,
        about: "a person whose level has no name",
        remedy: "look up in PostHog what the level allows",
    },
    Rule {
        code: RuleCode::UnverifiedEmail,
        severity: Severity::Low,
        needs: &[Need::VerifiedEmail],
        judge: addresses::unverified,
        about: "a member whose e-mail address is not verified",
        remedy: "have them verify the address, or remove them",
    },
    Rule {
        code: RuleCode::OutsideDomain,
        severity: Severity::Medium,
        needs: &[Need::OwnDomains, Need::Address],
        judge: addresses::outside_domain,
        about: "a member whose address is in none of `domains`, or else of the verified domains",
        remedy: "ask who invited them and until when they need access; add their domain to `domains` if it belongs here",
    },
    Rule {
        code: RuleCode::PendingPrivilegedInvitation,
        severity: Severity::High,
        needs: &[Need::Part(OrganizationPart::Invitations)],
        judge: invitations::privileged,
        about: "an invitation as administrator or owner that has not expired",
        remedy: "confirm that it was meant, or cancel it",
    },
    Rule {
        code: RuleCode::StaleInvitation,
        severity: Severity::Low,
        needs: &[Need::Part(OrganizationPart::Invitations)],
        judge: invitations::stale,
        about: "an invitation that is still listed after more than `invitation_days`, expired or not",
        remedy: "cancel it; send a new one if it is still wanted",
    },
    Rule {
        code: RuleCode::MembersCanInvite,
        severity: Severity::Low,
        needs: &[Need::Setting("members_can_invite", |settings| {
            settings.members_can_invite
        })],
        judge: invitations::members_can_invite,
        about: "members below administrator may invite people",
        remedy: "let only administrators and owners invite people",
    },
    Rule {
        code: RuleCode::RoleWithoutHolders,
        severity: Severity::Low,
        needs: &[Need::FullSync, Need::Roles],
        judge: roles::without_holders,
        about: "a role that nobody holds",
        remedy: "delete the role, or assign it",
    },
    Rule {
        code: RuleCode::RoleNamesAlike,
        severity: Severity::Low,
        needs: &[Need::Roles],
        judge: roles::names_alike,
        about: "a role whose name differs from another one's only in case, width or spaces",
        remedy: "rename or merge the roles, so that nobody is given the wrong one",
    },
    Rule {
        code: RuleCode::NotInRoster,
        severity: Severity::High,
        needs: &[Need::Roster, Need::Address],
        judge: roster::not_in_roster,
        about: "with --roster: a member or role holder whose address is not in it",
        remedy: "find out who it is; remove them, or correct the roster",
    },
    Rule {
        code: RuleCode::LeftButPresent,
        severity: Severity::High,
        needs: &[Need::Roster, Need::RosterOfLeavers, Need::Address],
        judge: roster::left_but_present,
        about: "with --roster: a member or role holder who has left",
        remedy: "remove them from the organization",
    },
    Rule {
        code: RuleCode::IncompleteSnapshot,
        severity: Severity::High,
        needs: &[Need::Evidence],
        judge: snapshot::incomplete,
        about: "the crawl could not prove everything",
        remedy: "crawl again, with the key of an administrator or owner if the reason is what the key may see",
    },
    Rule {
        code: RuleCode::KeyCanWrite,
        severity: Severity::Medium,
        needs: &[Need::Evidence, Need::Key],
        judge: snapshot::key_can_write,
        about: "the key that made the snapshot may write",
        remedy: "use a key with `organization:read` and `organization_member:read` alone",
    },
];

impl Need {
    /// Returns why it is not met; `None` if it is.
    pub(super) fn missing(&self, case: &Case<'_>) -> Option<String> {
        let facts = case.facts;
        let known = |what: &str, is_known: fn(&PersonFacts) -> bool| {
            (!facts.listed().any(is_known))
                .then(|| format!("{what} is not known for any listed member"))
        };
        match self {
            Self::FullSync => facts.partial.as_ref().map(|kind| {
                format!("the sync run is of type `{kind}` and does not cover everything")
            }),
            Self::Seat => known("the seat", |person| person.seat.is_some()),
            Self::TwoFactor => known("2FA", |person| person.two_factor.is_some()),
            Self::LastLogin => known("the last login", |person| person.last_login.is_some()),
            Self::VerifiedEmail => known("whether the address is verified", |person| {
                person.email_verified.is_some()
            }),
            Self::Address => known("the e-mail address", |person| person.email.is_some()),
            Self::Setting(name, flag) => match facts.missing_part(OrganizationPart::Settings) {
                Some(why) => Some(why),
                None => {
                    let settings = case.document().and_then(|found| found.settings.as_ref());
                    let is_sent = settings.is_some_and(|settings| flag(settings).is_some());
                    (!is_sent).then(|| format!("the server did not send `{name}`"))
                }
            },
            Self::Part(part) => facts.missing_part(*part),
            Self::OwnDomains => addresses::why_no_domains(case),
            Self::Roles => facts.roles.as_ref().err().cloned(),
            Self::Evidence => facts.evidence.is_none().then(|| {
                "the snapshot has no evidence document: it was written by another program"
                    .to_owned()
            }),
            Self::Key => {
                let key = facts
                    .evidence
                    .as_ref()
                    .and_then(|evidence| evidence.key.as_ref());
                key.is_none()
                    .then(|| "the crawl could not determine what its key may do".to_owned())
            }
            Self::Roster => case
                .roster
                .is_none()
                .then(|| "no roster was given (--roster)".to_owned()),
            Self::RosterOfLeavers => case
                .roster
                .is_none_or(|roster| !roster.knows_leavers())
                .then(|| "the roster has neither a status nor an end date".to_owned()),
        }
    }
}

impl<'a> Case<'a> {
    fn document(&self) -> Option<&'a OrganizationDocument> {
        self.facts.document.document()
    }

    /// A finding about the organization itself.
    fn organization(&self, message: impl Into<String>, facts: FindingFacts) -> Found {
        let evidence = self.facts.evidence.as_ref();
        let organization = evidence.map(|evidence| &evidence.organization);
        Found {
            subject: Subject {
                kind: SubjectKind::Organization,
                id: organization.map_or_else(Text::new, |of| of.id.as_str().into()),
                name: organization.and_then(|of| of.name.as_deref().map(Text::from)),
                email: None,
            },
            message: message.into(),
            facts,
        }
    }
}

/// Whether a person is an owner or administrator.
fn is_privileged(person: &PersonFacts) -> bool {
    matches!(person.seat, Some(Seat::Owner | Seat::Administrator))
}

/// Owners and administrators: people who are not in the member list too, if their seat is known.
fn privileged<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a PersonFacts> {
    case.facts
        .people
        .iter()
        .filter(|person| is_privileged(person))
}

/// Listed members who are neither owner nor administrator.
fn others<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a PersonFacts> {
    case.facts.listed().filter(|person| !is_privileged(person))
}

/// The word for a person's seat in a sentence. Somebody whose seat is not known is not called a member, which is a seat.
fn seat_of(person: &PersonFacts) -> String {
    match person.seat {
        Some(Seat::Unknown(level)) => format!("level {level}"),
        Some(seat) => seat.to_string(),
        None => "user".to_owned(),
    }
}

/// A finding about a person, with what every rule about people says.
fn about_person(person: &PersonFacts, message: impl Into<String>, facts: FindingFacts) -> Found {
    let mut message = message.into();
    let mut all = facts;
    all.add("seat", person.seat.map(|seat| Fact::Text(seat.word())));
    all.add("level", person.seat.map(|seat| Fact::Number(seat.level())));
    all.add(
        "listed_as_member",
        (!person.is_listed).then_some(Fact::Flag(false)),
    );
    all.add("status", person.status.map(Fact::Word));
    all.add("account_type", person.account_type.map(Fact::Word));
    let remarks: Vec<&str> = [
        (!person.is_listed && !message.contains("member list")).then_some("not in the member list"),
        person.status,
        person.account_type.map(|kind| match kind {
            "service" => "service account",
            _ => "system account",
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !remarks.is_empty() {
        message = format!("{message} ({})", remarks.join(", "));
    }
    Found {
        subject: Subject {
            kind: SubjectKind::User,
            id: person.id.clone(),
            name: Some(person.name.clone()).filter(|name| !name.is_empty()),
            email: person.email.clone(),
        },
        message,
        facts: all,
    }
}

/// Facts by name, without those that are not known.
fn facts<const N: usize>(all: [(&'static str, Option<Fact>); N]) -> FindingFacts {
    let mut facts = FindingFacts::default();
    for (name, value) in all {
        facts.add(name, value);
    }
    facts
}

/// A number of things: "1 owner", "4 owners".
fn count(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}
