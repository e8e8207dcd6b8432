//! What the rules look at: the people and roles of one snapshot, and what the crawl recorded beside them.

use crate::model::{
    AccountType, Evidence, FoundDocument, OrganizationPart, Person, Resource, Seat, Text,
    Timestamp, keys, status_word,
};

/// The facts of one snapshot. Memory grows with its people and roles, not with its grants.
pub struct Facts {
    /// The id of the sync run.
    pub sync_id: String,
    /// The type of a sync run that does not cover everything; `None` for a full one.
    pub partial: Option<String>,
    /// People, in the order of the file.
    pub people: Vec<PersonFacts>,
    /// Roles, in the order of the file; `Err` with the reason if they are not known.
    pub roles: Result<Vec<RoleFacts>, String>,
    /// What surrounds the roles.
    pub document: FoundDocument,
    /// Why there is no document; unused if there is one.
    pub why_no_document: &'static str,
    /// What the crawl recorded about itself; only in our own snapshots.
    pub evidence: Option<Evidence>,
}

/// What is known about a person. What is unknown is `None`.
#[derive(Clone, Debug)]
pub struct PersonFacts {
    /// The id without its type.
    pub id: Text,
    /// The display name.
    pub name: Text,
    /// The primary e-mail address.
    pub email: Option<Text>,
    /// Other addresses and login names.
    pub other_addresses: Box<[Text]>,
    /// Whether the person is in the member list.
    pub is_listed: bool,
    /// The seat.
    pub seat: Option<Seat>,
    /// Whether there is a second factor.
    pub two_factor: Option<bool>,
    /// Whether a social or SSO login is linked.
    pub linked_login: Option<bool>,
    /// The last login.
    pub last_login: Option<Timestamp>,
    /// When the person joined.
    pub joined_at: Option<Timestamp>,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// The status, unless it is enabled or unknown.
    pub status: Option<&'static str>,
    /// The account type, unless it is a person's or unknown.
    pub account_type: Option<&'static str>,
    /// The number of roles held; counted for people who are not in the member list only.
    pub roles: u32,
}

impl PersonFacts {
    /// Collects the facts of a user; `None` if the resource is not one.
    pub fn of(resource: &Resource) -> Option<Self> {
        let person = Person::of(resource)?;
        let email = person.email();
        let account_type = resource.user.as_ref().map(|user| user.account_type);
        let mut other_addresses: Vec<Text> = person
            .addresses()
            .filter(|address| Some(*address) != email)
            .map(Text::from)
            .collect();
        other_addresses.sort_unstable();
        other_addresses.dedup();
        Some(Self {
            id: resource.id.resource.clone(),
            name: resource.display_name.clone(),
            email: email.map(Text::from),
            other_addresses: other_addresses.into(),
            is_listed: person.is_listed(),
            seat: person.seat(),
            two_factor: person.mfa_enabled(),
            linked_login: person.sso_enabled(),
            last_login: person.last_login(),
            joined_at: person.joined_at(),
            email_verified: resource.profile.flag(keys::EMAIL_VERIFIED),
            status: Some(status_word(resource.status))
                .filter(|word| !word.is_empty() && *word != "enabled"),
            account_type: match account_type {
                Some(AccountType::Service) => Some("service"),
                Some(AccountType::System) => Some("system"),
                _ => None,
            },
            roles: 0,
        })
    }

    /// Every address and login name.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let others = self.other_addresses.iter();
        self.email.iter().chain(others).map(Text::as_str)
    }
}

/// What is known about a role.
#[derive(Clone, Debug)]
pub struct RoleFacts {
    /// The id without its type.
    pub id: Text,
    /// The display name.
    pub name: Text,
    /// Whether anybody holds it.
    pub is_held: bool,
}

impl Facts {
    /// Returns the people in the member list.
    pub(super) fn listed(&self) -> impl Iterator<Item = &PersonFacts> {
        self.people.iter().filter(|person| person.is_listed)
    }

    /// Returns why a part of the organization document is not known; `None` if it is.
    pub(super) fn missing_part(&self, part: OrganizationPart) -> Option<String> {
        match &self.document {
            FoundDocument::Absent => Some(format!(
                "the snapshot has no organization document: {}",
                self.why_no_document
            )),
            FoundDocument::NotUnderstood(why) => {
                Some(format!("the organization document cannot be read: {why}"))
            }
            FoundDocument::Found(document) if document.has(part) => None,
            FoundDocument::Found(document) => {
                let why = document.reason(part);
                let why = why.map_or(String::new(), |not_read| format!(": {}", not_read.reason));
                Some(format!("the {} were not read{why}", part.words()))
            }
        }
    }
}
