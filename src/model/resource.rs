//! Resource types and resources: the people and roles of an organization, and whatever else other connectors know.

use super::{Profile, ResourceId, ResourceTypeId, Text, Timestamp};

/// What kind of thing a resource type stands for. Numbers as in the file; R7 and R25 know different lengths of
/// this list, so one we have no name for is kept by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trait {
    /// A person or a service account.
    User,
    /// A set of principals.
    Group,
    /// A set of rights.
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
    /// Its name for people.
    pub display_name: Text,
    /// What resources of it are, each once.
    pub traits: Vec<Trait>,
    /// Whether its resources have no entitlements and grants of their own to ask for.
    pub skips_entitlements_and_grants: bool,
}

/// Whether a resource is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The source does not say.
    Unspecified,
    /// In use.
    Enabled,
    /// Switched off.
    Disabled,
    /// Deleted.
    Deleted,
}

/// Who stands behind a user.
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

/// An address of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The address as the source gives it.
    pub address: Text,
    /// At most one of a user's addresses is the primary one.
    pub is_primary: bool,
}

/// What only users have.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTrait {
    /// Addresses.
    pub emails: Vec<Email>,
    /// Who stands behind it.
    pub account_type: AccountType,
    /// The name to log in with.
    pub login: Text,
    /// Further names of the same account.
    pub login_aliases: Vec<Text>,
    /// Last login, if there was one and the source tells.
    pub last_login: Option<Timestamp>,
    /// Whether a second factor is on; `None` is unknown.
    pub mfa_enabled: Option<bool>,
    /// Whether a login is linked; `None` is unknown.
    pub sso_enabled: Option<bool>,
    /// First name, empty if there is none.
    pub given_name: Text,
    /// Last name, empty if there is none.
    pub family_name: Text,
}

/// One thing that has or gives access.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Type and id.
    pub id: ResourceId,
    /// The resource it is part of.
    pub parent: Option<ResourceId>,
    /// Its name for people; at most 1,024 bytes when we write it.
    pub display_name: Text,
    /// More about it.
    pub description: Text,
    /// Whether it is in use; `None` where that has no meaning, as for a role.
    pub status: Option<Status>,
    /// When it came to be: for a user, when the person joined.
    pub created_at: Option<Timestamp>,
    /// All else that is known.
    pub profile: Profile,
    /// Present on users only.
    pub user: Option<Box<UserTrait>>,
}

impl UserTrait {
    /// The address marked as primary, else the first one.
    pub fn primary_email(&self) -> Option<&str> {
        let primary = self
            .emails
            .iter()
            .find(|email| email.is_primary)
            .or(self.emails.first())?;
        Some(&primary.address)
    }
}
