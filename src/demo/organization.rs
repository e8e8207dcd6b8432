//! The sample organization of `organization.json`, and methods that change it.
//!
//! The file refers to people and roles by short keys (`amara`, `engineering`) that are only used in this module. A field
//! that it leaves out is `null` in the API's responses, except `role_at_organization` and `is_default`: those two are left
//! out there as well, as on old servers.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

const KNOWN_KEY: &str =
    "the sample only refers to people and roles that it has, and a test reads both weeks";

/// One organization: who is in it, who joins in its second week, and who holds which role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Organization {
    pub id: String,
    pub name: String,
    pub slug: String,
    pub created_at: String,
    pub updated_at: String,
    pub access_key: AccessKey,
    pub enforce_2fa: bool,
    pub domains: Vec<Value>,
    pub invitations: Vec<Invitation>,
    pub role_external_references: Vec<ExternalReference>,
    pub people: Vec<Person>,
    pub newcomers: Vec<Person>,
    pub roles: Vec<Role>,
}

/// The personal API key that the crawl uses; its value is [`super::API_KEY`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessKey {
    pub id: String,
    pub label: String,
    /// The short key of a person.
    pub owner: String,
    pub created_at: String,
    pub last_used_at: String,
}

/// An account, and its seat in the organization if it has one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub key: String,
    #[serde(default = "yes")]
    pub is_active: bool,
    pub user: User,
    /// `None` for a person who left the organization and only appears in a role membership.
    pub seat: Option<Seat>,
}

/// An account, in the API's own format.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub id: u64,
    pub uuid: String,
    pub distinct_id: Option<String>,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub is_email_verified: Option<bool>,
    pub hedgehog_config: Option<Value>,
    /// `None` is absent, `Some(None)` is `null`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub role_at_organization: Option<Option<String>>,
}

/// A membership in the organization.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seat {
    pub id: String,
    pub level: i64,
    pub joined_at: String,
    pub updated_at: String,
    pub is_2fa_enabled: bool,
    pub has_social_auth: bool,
    pub last_login: Option<String>,
}

/// An invitation that nobody has accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invitation {
    pub id: String,
    pub target_email: String,
    pub first_name: String,
    pub level: i64,
    pub is_expired: bool,
    /// The short key of a person.
    pub created_by: String,
    pub created_at: String,
}

/// A role's counterpart in another system.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExternalReference {
    pub id: String,
    pub provider: String,
    pub provider_organization_id: String,
    pub provider_role_id: String,
    pub provider_role_slug: Option<String>,
    pub provider_role_name: String,
    /// The short key of a role.
    pub role: String,
    pub created_at: String,
    /// The short key of a person.
    pub created_by: String,
}

/// A role with its memberships.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub key: String,
    pub id: String,
    pub name: String,
    pub created_at: String,
    /// The short key of a person.
    pub created_by: Option<String>,
    /// `None` is absent.
    pub is_default: Option<bool>,
    pub memberships: Vec<Membership>,
}

/// A role membership.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Membership {
    pub id: String,
    /// The short key of a person.
    pub holder: String,
    pub joined_at: String,
}

impl Organization {
    /// Reads the organization from the built-in file.
    pub(super) fn first_week() -> Self {
        serde_json::from_str(include_str!("organization.json"))
            .expect("the file is part of the binary, and every test of this module reads it")
    }

    /// Returns the people that `members/` lists: active, with a seat, and not one of PostHog's own bots.
    pub(super) fn members(&self) -> impl Iterator<Item = (&Person, &Seat)> {
        self.people
            .iter()
            .filter(|person| person.is_active && !person.user.email.ends_with("@posthogbot.user"))
            .filter_map(|person| Some((person, person.seat.as_ref()?)))
    }

    /// Returns the person with this short key.
    pub(super) fn person(&self, key: &str) -> &Person {
        self.people
            .iter()
            .find(|person| person.key == key)
            .expect(KNOWN_KEY)
    }

    /// Returns the role that new members get.
    pub(super) fn default_role(&self) -> Option<&Role> {
        self.roles.iter().find(|role| role.is_default == Some(true))
    }

    /// Removes a person with all role memberships.
    pub(super) fn leave(&mut self, key: &str) {
        self.people.retain(|person| person.key != key);
        for role in &mut self.roles {
            role.memberships.retain(|held| held.holder != key);
        }
    }

    /// Removes the invitation to an address, which somebody accepted.
    pub(super) fn accept_invitation(&mut self, email: &str) {
        self.invitations
            .retain(|invitation| !invitation.target_email.eq_ignore_ascii_case(email));
    }

    /// Adds a newcomer. The default role is added separately, since its membership has an id of its own.
    pub(super) fn join(&mut self, key: &str) {
        let at = self
            .newcomers
            .iter()
            .position(|person| person.key == key)
            .expect(KNOWN_KEY);
        self.people.push(self.newcomers.remove(at));
    }

    /// Adds a role membership.
    pub(super) fn grant(&mut self, role: &str, holder: &str, id: &str, joined_at: &str) {
        let membership = Membership {
            id: id.to_owned(),
            holder: self.person(holder).key.clone(),
            joined_at: joined_at.to_owned(),
        };
        self.role_mut(role).memberships.push(membership);
    }

    /// Removes a role membership.
    pub(super) fn revoke(&mut self, role: &str, holder: &str) {
        self.role_mut(role)
            .memberships
            .retain(|held| held.holder != holder);
    }

    /// Returns the role with this short key.
    pub(super) fn role(&self, key: &str) -> &Role {
        self.roles
            .iter()
            .find(|role| role.key == key)
            .expect(KNOWN_KEY)
    }

    /// Returns the role with this short key, to be changed.
    pub(super) fn role_mut(&mut self, key: &str) -> &mut Role {
        self.roles
            .iter_mut()
            .find(|role| role.key == key)
            .expect(KNOWN_KEY)
    }

    /// Returns the account of the person with this short key, to be changed.
    pub(super) fn user_mut(&mut self, key: &str) -> &mut User {
        &mut self.person_mut(key).user
    }

    /// Returns the seat of the person with this short key, to be changed.
    pub(super) fn seat_mut(&mut self, key: &str) -> &mut Seat {
        self.person_mut(key).seat.as_mut().expect(KNOWN_KEY)
    }

    fn person_mut(&mut self, key: &str) -> &mut Person {
        self.people
            .iter_mut()
            .find(|person| person.key == key)
            .expect(KNOWN_KEY)
    }
}

/// Compares two of the API's timestamps. Without the `Z` they sort as text, with or without a fraction.
pub(super) fn by_time(left: &str, right: &str) -> Ordering {
    left.trim_end_matches('Z').cmp(right.trim_end_matches('Z'))
}

fn yes() -> bool {
    true
}

/// Distinguishes `null` from a missing key.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}
