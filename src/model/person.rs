//! What the profile of a user says, in words: our own snapshots' keys first, what other connectors use as far as it
//! means the same.

use std::borrow::Cow;

use super::{Resource, Seat, Status, Timestamp, UserTrait, Value, keys};

/// A user of a snapshot, as people ask about one.
pub struct Person<'a> {
    /// The user's resource.
    pub resource: &'a Resource,
}

impl<'a> Person<'a> {
    /// `None` for what is not a user.
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

    fn switch(&self, key: &str) -> Option<bool> {
        match self.resource.profile.get(key) {
            Some(Value::Bool(on)) => Some(*on),
            _ => None,
        }
    }

    /// Name for people.
    pub fn name(&self) -> &'a str {
        &self.resource.display_name
    }

    /// First name; empty if there is none.
    pub fn given_name(&self) -> &'a str {
        self.text(keys::FIRST_NAME)
            .or(self.user().map(|user| &*user.given_name))
            .unwrap_or_default()
    }

    /// Last name; empty if there is none.
    pub fn family_name(&self) -> &'a str {
        self.text(keys::LAST_NAME)
            .or(self.user().map(|user| &*user.family_name))
            .unwrap_or_default()
    }

    /// Primary address.
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

    /// The seat, if the profile states one.
    pub fn seat(&self) -> Option<Seat> {
        let level = match self.resource.profile.get(keys::ORGANIZATION_LEVEL) {
            Some(Value::Number(level)) => Some(*level),
            _ => None,
        };
        Seat::stated(level, self.text(keys::ORGANIZATION_ROLE))
    }

    /// The seat's word; what the profile calls it where that is not a seat of PostHog.
    pub fn seat_word(&self) -> Option<Cow<'a, str>> {
        match self.seat() {
            Some(seat) => Some(seat.to_string().into()),
            None => self.text(keys::ORGANIZATION_ROLE).map(Cow::Borrowed),
        }
    }

    /// Whether a second factor is on; `None` is unknown.
    pub fn mfa_enabled(&self) -> Option<bool> {
        self.user()
            .and_then(|user| user.mfa_enabled)
            .or_else(|| self.switch(keys::IS_2FA_ENABLED))
    }

    /// Whether a login is linked; `None` is unknown.
    pub fn sso_enabled(&self) -> Option<bool> {
        self.user()
            .and_then(|user| user.sso_enabled)
            .or_else(|| self.switch(keys::HAS_SOCIAL_AUTH))
    }

    /// Last login, if the source says.
    pub fn last_login(&self) -> Option<Timestamp> {
        self.user().and_then(|user| user.last_login)
    }

    /// When the person joined.
    pub fn joined_at(&self) -> Option<Timestamp> {
        self.resource.created_at
    }

    /// False for a role holder who is not in the organization's member list.
    pub fn is_listed(&self) -> bool {
        self.resource.profile.get(keys::LISTED_AS_MEMBER) != Some(&Value::Bool(false))
    }

    /// The self-declared job, which is not an access role.
    pub fn job(&self) -> Option<&'a str> {
        self.text(keys::ROLE_AT_ORGANIZATION)
    }
}

/// What is known of a switch, in words; empty if nothing is.
pub fn on_off(switch: Option<bool>) -> &'static str {
    match switch {
        Some(true) => "on",
        Some(false) => "off",
        None => "",
    }
}

/// A status in words; empty if it is not known.
pub fn status_word(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Enabled) => "enabled",
        Some(Status::Disabled) => "disabled",
        Some(Status::Deleted) => "deleted",
        Some(Status::Unspecified) | None => "",
    }
}
