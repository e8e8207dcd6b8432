//! Resource types and resources: the people and roles of an organization, and the resources of other connectors.

use super::{Profile, ResourceId, ResourceTypeId, Text, Timestamp};

/// What the resources of a type are. Versions of the SDK know different numbers of traits, so an unknown one is kept by its
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trait {
    /// A person or a service account.
    User,
    /// A set of principals.
    Group,
    /// A set of permissions.
    Role,
    /// An application.
    App,
    /// A credential.
    Secret,
    /// Any other, by its number in the file.
    Other(i32),
}

/// A kind of resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceType {
    /// Its id, such as `user`.
    pub id: ResourceTypeId,
    /// Its display name.
    pub display_name: Text,
    /// Its traits, each once.
    pub traits: Vec<Trait>,
    /// Whether its resources have no entitlements and grants of their own.
    pub skips_entitlements_and_grants: bool,
}

/// Whether a resource is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The source does not say.
    Unspecified,
    /// In use.
    Enabled,
    /// Disabled.
    Disabled,
    /// Deleted.
    Deleted,
}

/// Who uses an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountType {
    /// The source does not say.
    Unspecified,
    /// A person.
    Human,
    /// A program.
    Service,
    /// The system itself.
    System,
}

/// An e-mail address of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The address as the source gives it.
    pub address: Text,
    /// At most one of a user's addresses is the primary one.
    pub is_primary: bool,
}

/// The fields that only users have.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTrait {
    /// E-mail addresses.
    pub emails: Vec<Email>,
    /// Who uses the account.
    pub account_type: AccountType,
    /// The login name.
    pub login: Text,
    /// Other login names of the same account.
    pub login_aliases: Vec<Text>,
    /// The last login, if known.
    pub last_login: Option<Timestamp>,
    /// Whether 2FA is on; `None` if unknown.
    pub mfa_enabled: Option<bool>,
    /// Whether a social or SSO login is linked; `None` if unknown.
    pub sso_enabled: Option<bool>,
    /// First name, empty if there is none.
    pub given_name: Text,
    /// Last name, empty if there is none.
    pub family_name: Text,
}

/// An object that has or grants access, such as a user or a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Type and id.
    pub id: ResourceId,
    /// The resource it is part of.
    pub parent: Option<ResourceId>,
    /// Its display name; at most 1,024 bytes when we write it.
    pub display_name: Text,
    /// Its description.
    pub description: Text,
    /// Whether it is in use; `None` if that has no meaning, as for a role.
    pub status: Option<Status>,
    /// When it was created; for a user, when the person joined.
    pub created_at: Option<Timestamp>,
    /// All other values.
    pub profile: Profile,
    /// The fields that only users have.
    pub user: Option<Box<UserTrait>>,
}

impl UserTrait {
    /// Returns the address that is marked as primary, or the first one.
    pub fn primary_email(&self) -> Option<&str> {
        let primary = self
            .emails
            .iter()
            .find(|email| email.is_primary)
            .or(self.emails.first())?;
        Some(&primary.address)
    }
}
