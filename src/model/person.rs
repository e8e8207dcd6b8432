//! Reads a user's details: first from the profile keys of our own snapshots, then from the fields that other connectors use
//! for the same.

use std::borrow::Cow;

use super::{AccountType, Resource, Seat, Status, Timestamp, UserTrait, Value, keys};

/// A user in a snapshot.
pub struct Person<'a> {
    /// The user's resource.
    pub resource: &'a Resource,
}

impl<'a> Person<'a> {
    /// Returns the user; `None` if the resource is not one.
    pub fn of(resource: &'a Resource) -> Option<Self> {
        resource.user.is_some().then_some(Self { resource })
    }

    fn user(&self) -> Option<&'a UserTrait> {
        self.resource.user.as_deref()
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.resource
            .profile
            .text(key)
            .filter(|text| !text.is_empty())
    }

    /// Returns the display name.
    pub fn name(&self) -> &'a str {
        &self.resource.display_name
    }

    /// Returns the first name; empty if there is none.
    pub fn given_name(&self) -> &'a str {
        self.text(keys::FIRST_NAME)
            .or(self.user().map(|user| &*user.given_name))
            .unwrap_or_default()
    }

    /// Returns the last name; empty if there is none.
    pub fn family_name(&self) -> &'a str {
        self.text(keys::LAST_NAME)
            .or(self.user().map(|user| &*user.family_name))
            .unwrap_or_default()
    }

    /// Returns the primary e-mail address.
    pub fn email(&self) -> Option<&'a str> {
        self.user()
            .and_then(|user| user.primary_email())
            .or_else(|| self.text(keys::EMAIL))
    }

    /// Every e-mail address of the person, the login among them; some may be repeated.
    pub fn addresses(&self) -> impl Iterator<Item = &'a str> {
        let user = self.user();
        let emails = user.into_iter().flat_map(|user| &user.emails);
        emails
            .map(|email| &*email.address)
            .chain(user.map(|user| &*user.login))
            .chain(self.text(keys::EMAIL))
            .filter(|address| !address.is_empty())
    }

    /// Returns the seat, if the profile has one.
    pub fn seat(&self) -> Option<Seat> {
        let level = match self.resource.profile.get(keys::ORGANIZATION_LEVEL) {
            Some(Value::Number(level)) => Some(*level),
            _ => None,
        };
        Seat::stated(level, self.text(keys::ORGANIZATION_ROLE))
    }

    /// Returns the name of the seat, also if it is not one of PostHog's.
    pub fn seat_word(&self) -> Option<Cow<'a, str>> {
        match self.seat() {
            Some(seat) => Some(seat.to_string().into()),
            None => self.text(keys::ORGANIZATION_ROLE).map(Cow::Borrowed),
        }
    }

    /// Whether 2FA is on; `None` if unknown.
    pub fn mfa_enabled(&self) -> Option<bool> {
        self.user()
            .and_then(|user| user.mfa_enabled)
            .or_else(|| self.resource.profile.flag(keys::IS_2FA_ENABLED))
    }

    /// Whether a social or SSO login is linked; `None` if unknown.
    pub fn sso_enabled(&self) -> Option<bool> {
        self.user()
            .and_then(|user| user.sso_enabled)
            .or_else(|| self.resource.profile.flag(keys::HAS_SOCIAL_AUTH))
    }

    /// Returns the last login, if known.
    pub fn last_login(&self) -> Option<Timestamp> {
        self.user().and_then(|user| user.last_login)
    }

    /// Returns when the person joined.
    pub fn joined_at(&self) -> Option<Timestamp> {
        self.resource.created_at
    }

    /// Whether the person is in the organization's member list. Some role holders are not.
    pub fn is_listed(&self) -> bool {
        self.resource.profile.flag(keys::LISTED_AS_MEMBER) != Some(false)
    }

    /// Returns the job title that the person entered, which is not an access role.
    pub fn job(&self) -> Option<&'a str> {
        self.text(keys::ROLE_AT_ORGANIZATION)
    }
}

/// Formats a setting; empty if unknown.
pub fn on_off(switch: Option<bool>) -> &'static str {
    match switch {
        Some(true) => "on",
        Some(false) => "off",
        None => "",
    }
}

/// Formats who uses the account of a resource; empty if unknown.
pub fn account_type_word(resource: &Resource) -> &'static str {
    match resource.user.as_ref().map(|user| user.account_type) {
        Some(AccountType::Human) => "human",
        Some(AccountType::Service) => "service",
        Some(AccountType::System) => "system",
        Some(AccountType::Unspecified) | None => "",
    }
}

/// Formats a status; empty if unknown.
pub fn status_word(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Enabled) => "enabled",
        Some(Status::Disabled) => "disabled",
        Some(Status::Deleted) => "deleted",
        Some(Status::Unspecified) | None => "",
    }
}
