//! PostHog's endpoints and JSON, in PostHog's words. Fields we do not use are ignored; of those we use, only what
//! identifies a row is required, since five generations of these objects are on record.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::super::address::is_id;
use crate::model::{Text, Timestamp};

/// One page of a list.
#[derive(Deserialize)]
pub struct Page<T> {
    pub count: Option<u64>,
    pub next: Option<String>,
    pub results: Vec<T>,
}

/// `<base>/`
#[derive(Deserialize)]
pub struct Organization {
    #[serde(deserialize_with = "identifier")]
    pub id: Text,
    pub name: Option<String>,
    pub slug: Option<String>,
    pub member_count: Option<u64>,
    pub membership_level: Option<i64>,
    pub members_can_see_org_members: Option<bool>,
}

/// `/api/personal_api_keys/@current/`
#[derive(Deserialize)]
pub struct PersonalApiKey {
    pub label: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub scoped_organizations: Option<Vec<String>>,
    pub user_id: Option<u64>,
}

/// A person, as members and memberships hold it.
#[derive(Clone, Deserialize)]
pub struct User {
    #[serde(deserialize_with = "identifier")]
    pub uuid: Text,
    pub id: Option<u64>,
    pub distinct_id: Option<Text>,
    pub first_name: Option<Text>,
    pub last_name: Option<Text>,
    pub email: Option<Text>,
    pub is_email_verified: Option<bool>,
    pub role_at_organization: Option<Text>,
}

/// A user in an organization. Inside a role membership the user stands a second time and is passed over:
/// `Member<Option<IgnoredAny>>`.
#[derive(Clone, Deserialize)]
pub struct Member<U> {
    pub user: U,
    pub id: Option<Text>,
    pub level: Option<i64>,
    #[serde(default, deserialize_with = "time")]
    pub joined_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<Timestamp>,
    pub is_2fa_enabled: Option<bool>,
    pub has_social_auth: Option<bool>,
    #[serde(default, deserialize_with = "time")]
    pub last_login: Option<Timestamp>,
}

/// A role, without the memberships it carries.
#[derive(Deserialize)]
pub struct Role {
    #[serde(deserialize_with = "identifier")]
    pub id: Text,
    pub name: Option<Text>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    pub created_by: Option<User>,
    pub is_default: Option<bool>,
}

/// That a user holds a role.
#[derive(Deserialize)]
pub struct RoleMembership {
    pub id: Option<Text>,
    pub user: User,
    /// Null for rows older than the column; such a person may have left.
    pub organization_member: Option<Member<Option<IgnoredAny>>>,
    #[serde(default, deserialize_with = "time")]
    pub joined_at: Option<Timestamp>,
}

/// An id that can stand in a path and in other ids: PostHog's are hexadecimal in groups, but not all are RFC UUIDs.
fn identifier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    let id = Text::deserialize(deserializer)?;
    if !is_id(&id) {
        let message = format!("`{}` is not an id", id.escape_debug());
        return Err(serde::de::Error::custom(message));
    }
    Ok(id)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(deserializer)?;
    text.as_deref()
        .map(Timestamp::parse)
        .transpose()
        .map_err(serde::de::Error::custom)
}
