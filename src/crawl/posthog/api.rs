//! PostHog's endpoints and JSON, in PostHog's words. Fields we do not use are ignored; of those we use, only what
//! identifies a row is required, since five generations of these objects are on record.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::address::is_id;
use crate::model::{Text, Timestamp};

/// One page of a list.
pub struct Page<T> {
    pub count: Option<u64>,
    pub next: Option<String>,
    pub results: Vec<T>,
}

/// Parses a page, each row with the seed inside. For rows that need none it is `PageSeed(PhantomData)`.
#[derive(Clone)]
pub struct PageSeed<S>(pub S);

impl<'de, S: DeserializeSeed<'de> + Clone> DeserializeSeed<'de> for PageSeed<S> {
    type Value = Page<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Clone> Visitor<'de> for PageSeed<S> {
    type Value = Page<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a list: an object with `results`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut count, mut next, mut results) = (None, None, None);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "count" => count = map.next_value()?,
                "next" => next = map.next_value()?,
                "results" => results = Some(map.next_value_seed(RowsSeed(self.0.clone()))?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let results = results.ok_or_else(|| A::Error::missing_field("results"))?;
        Ok(Page {
            count,
            next,
            results,
        })
    }
}

/// Parses a list, each element with the seed inside.
struct RowsSeed<S>(S);

impl<'de, S: DeserializeSeed<'de> + Clone> DeserializeSeed<'de> for RowsSeed<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Clone> Visitor<'de> for RowsSeed<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        let mut results = Vec::new();
        while let Some(row) = rows.next_element_seed(self.0.clone())? {
            results.push(row);
        }
        Ok(results)
    }
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

/// A role with the memberships it carries, each made into `H` at once: they are most of what the roles weigh.
pub struct Role<H> {
    pub id: Text,
    pub name: Option<Text>,
    pub created_at: Option<Timestamp>,
    pub created_by: Option<User>,
    pub is_default: Option<bool>,
    /// `None` if the list is absent or does not say who they are.
    pub members: Option<Vec<H>>,
}

/// Parses a role, and makes each membership into what `F` makes of it.
#[derive(Clone)]
pub struct RoleSeed<F>(pub F);

impl<'de, H, F: Fn(RoleMembership<User>) -> H> DeserializeSeed<'de> for RoleSeed<F> {
    type Value = Role<H>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, H, F: Fn(RoleMembership<User>) -> H> Visitor<'de> for RoleSeed<F> {
    type Value = Role<H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a role")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut id: Option<Identifier> = None;
        let mut role = Role {
            id: Text::default(),
            name: None,
            created_at: None,
            created_by: None,
            is_default: None,
            members: None,
        };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "id" => id = Some(map.next_value()?),
                "name" => role.name = map.next_value()?,
                "created_at" => role.created_at = map.next_value::<Time>()?.0,
                "created_by" => role.created_by = map.next_value()?,
                "is_default" => role.is_default = map.next_value()?,
                "members" => role.members = map.next_value_seed(MembersSeed(&self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        role.id = id.ok_or_else(|| A::Error::missing_field("id"))?.0;
        Ok(role)
    }
}

/// Parses the memberships inside a role.
struct MembersSeed<'f, F>(&'f F);

impl<'de, H, F: Fn(RoleMembership<User>) -> H> DeserializeSeed<'de> for MembersSeed<'_, F> {
    type Value = Option<Vec<H>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, H, F: Fn(RoleMembership<User>) -> H> Visitor<'de> for MembersSeed<'_, F> {
    type Value = Option<Vec<H>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of role memberships")
    }

    // Anything but a list does not say who they are.

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        let mut members = Some(Vec::new());
        while let Some(row) = rows.next_element::<RoleMembership<Option<User>>>()? {
            let RoleMembership {
                id,
                user,
                organization_member,
                joined_at,
            } = row;
            match (user, &mut members) {
                (Some(user), Some(members)) => {
                    members.push((self.0)(RoleMembership {
                        id,
                        user,
                        organization_member,
                        joined_at,
                    }));
                }
                _ => members = None,
            }
        }
        Ok(members)
    }
}

/// That a user holds a role.
#[derive(Deserialize)]
pub struct RoleMembership<U> {
    pub id: Option<Text>,
    pub user: U,
    /// Null for rows older than the column; such a person may have left.
    pub organization_member: Option<Member<Option<IgnoredAny>>>,
    #[serde(default, deserialize_with = "time")]
    pub joined_at: Option<Timestamp>,
}

/// An id, checked as it comes.
#[derive(Deserialize)]
struct Identifier(#[serde(deserialize_with = "identifier")] Text);

/// A time, if there is one.
#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "time")] Option<Timestamp>);

/// An id that can stand in a path and in other ids: PostHog's are hexadecimal in groups, but not all are RFC UUIDs.
fn identifier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    let id = Text::deserialize(deserializer)?;
    if !is_id(&id) {
        let message = format!("`{}` is not an id", id.escape_debug());
        return Err(D::Error::custom(message));
    }
    Ok(id)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(deserializer)?;
    text.as_deref()
        .map(Timestamp::parse)
        .transpose()
        .map_err(D::Error::custom)
}
