//! PostHog's endpoints and JSON, with PostHog's names. Unused fields are ignored; of the others, only those that identify a
//! row are required, since five generations of these objects are in use.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Deref;

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::lenient::{self, Number};
use super::list::ListRow;
use crate::crawl::address::is_id;
use crate::crawl::json::{JsonError, JsonStream, from_slice, over_limit};
use crate::model::{MAX_ID_BYTES, OrganizationSettings, Sent, Text, Timestamp};

/// A row that is kept until the whole response was read. The limit on such rows is one of memory, not of their number.
pub(super) trait HeapSize {
    /// Returns roughly how much memory the row takes in addition to its own size, in bytes.
    fn heap_size(&self) -> usize;
}

/// A row that is only counted.
impl HeapSize for () {
    fn heap_size(&self) -> usize {
        0
    }
}

impl<T: HeapSize> HeapSize for Option<T> {
    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, T::heap_size)
    }
}

/// The overhead of an allocation, in bytes.
pub(super) const ALLOCATION: usize = 32;

/// Returns the memory of those texts that are not shared, in bytes.
pub(super) fn texts<const N: usize>(texts: [Option<&Text>; N]) -> usize {
    let present = texts.into_iter().flatten();
    let own = present.filter(|text| Text::strong_count(text) == Some(1));
    own.map(|text| text.len() + ALLOCATION).sum()
}

/// One page of a list.
pub(super) struct Page<T> {
    pub count: Option<u64>,
    pub next: Option<String>,
    pub results: Vec<T>,
}

/// The maximum length of a list: far beyond any organization, and a limit for a server whose pages never end.
pub(super) const MAX_ROWS: u64 = 20_000_000;

/// Whether a list comes in an envelope with its row count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// Always.
    Required,
    /// Old servers send the bare list, with all its rows.
    Optional,
}

/// Reads a page, and each of its rows with `row`.
///
/// # Errors
/// When it is not a page, and the errors of `row`.
pub(super) fn page<T: HeapSize>(
    json: &mut JsonStream<'_>,
    envelope: Envelope,
    row: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
) -> Result<Page<T>, JsonError> {
    if envelope == Envelope::Optional && json.is_list()? {
        return Ok(Page {
            count: None,
            next: None,
            results: rows(json, row)?,
        });
    }
    let (mut count, mut next, mut results) = (None, None, None);
    json.object(
        "a page of a list: an object with `results`",
        |json, name| {
            match name {
                "count" => count = json.parse::<Number<u64>>()?.0,
                "next" => next = json.parse()?,
                "results" => results = Some(rows(json, &row)?),
                _ => json.skip()?,
            }
            Ok(())
        },
    )
    .map_err(|error| error.below("results"))?;
    let results = results.ok_or_else(|| JsonError::missing("results"))?;
    Ok(Page {
        count,
        next,
        results,
    })
}

fn rows<T: HeapSize>(
    json: &mut JsonStream<'_>,
    row: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
) -> Result<Vec<T>, JsonError> {
    let mut rows = Vec::new();
    json.list("a list", |json| {
        if rows.len() as u64 >= MAX_ROWS {
            let problem = format!("a list of more than {MAX_ROWS} rows");
            return Err(JsonError::over_limit(problem));
        }
        let row = row(json)?;
        json.keep_row(size_of::<T>() + row.heap_size())?;
        rows.push(row);
        Ok(())
    })?;
    json.note_rows(rows.len() as u64);
    Ok(rows)
}

/// `<base>/`
pub(super) struct Organization {
    pub id: Text,
    pub name: Option<String>,
    pub slug: Option<String>,
    pub member_count: Option<u64>,
    pub membership_level: Option<i64>,
    pub members_can_see_org_members: Option<bool>,
    /// Its settings, or what is odd about them.
    pub settings: Result<OrganizationSettings, String>,
}

/// Reads an organization. Its projects, of which there may be many, are skipped.
///
/// # Errors
/// When it is not an organization.
pub(super) fn organization(json: &mut JsonStream<'_>) -> Result<Organization, JsonError> {
    let mut id: Option<Identifier> = None;
    let mut organization = Organization {
        id: Text::default(),
        name: None,
        slug: None,
        member_count: None,
        membership_level: None,
        members_can_see_org_members: None,
        settings: Ok(OrganizationSettings::default()),
    };
    let mut settings = SettingsReader::default();
    json.object("an organization", |json, name| {
        match name {
            "id" => id = Some(json.parse()?),
            "name" => organization.name = json.parse()?,
            "slug" => organization.slug = json.parse()?,
            "member_count" => organization.member_count = json.parse::<Number<u64>>()?.0,
            "membership_level" => {
                organization.membership_level = json.parse::<Number<i64>>()?.0;
            }
            "members_can_see_org_members" => {
                organization.members_can_see_org_members = json.parse()?;
                settings.all.members_can_see_org_members =
                    Some(organization.members_can_see_org_members);
            }
            _ => settings.member(json, name)?,
        }
        Ok(())
    })?;
    organization.settings = settings.finish();
    organization.id = id.ok_or_else(|| JsonError::missing("id"))?.0;
    Ok(organization)
}

/// Reads the settings among an organization's fields. What is odd about them must not end the crawl, so it is kept as text.
#[derive(Default)]
struct SettingsReader {
    all: OrganizationSettings,
    odd: Option<String>,
}

impl SettingsReader {
    /// Reads the field `name`, or skips it.
    fn member(&mut self, json: &mut JsonStream<'_>, name: &str) -> Result<(), JsonError> {
        let flag = match name {
            "enforce_2fa" => &mut self.all.enforce_2fa,
            "members_can_invite" => &mut self.all.members_can_invite,
            "members_can_use_personal_api_keys" => &mut self.all.members_can_use_personal_api_keys,
            "allow_publicly_shared_resources" => &mut self.all.allow_publicly_shared_resources,
            "is_member_join_email_enabled" => &mut self.all.is_member_join_email_enabled,
            "default_role_id" => {
                match json.scalar()? {
                    Some(Value::Null) => self.all.default_role_id = Some(None),
                    Some(Value::String(id)) => self.all.default_role_id = Some(Some(id)),
                    _ => self.odd(name, "neither text nor null"),
                }
                return Ok(());
            }
            "available_product_features" => return self.features(json, name),
            _ => return json.skip(),
        };
        match json.scalar()? {
            Some(Value::Null) => *flag = Some(None),
            Some(Value::Bool(value)) => *flag = Some(Some(value)),
            _ => self.odd(name, "neither true nor false nor null"),
        }
        Ok(())
    }

    /// Reads the features: texts in old servers, objects with `key` in newer ones.
    fn features(&mut self, json: &mut JsonStream<'_>, name: &str) -> Result<(), JsonError> {
        if !json.is_list()? {
            match json.scalar()? {
                Some(Value::Null) => self.all.available_product_features = Some(None),
                _ => self.odd(name, "neither a list nor null"),
            }
            return Ok(());
        }
        let mut features = BTreeSet::new();
        let mut is_odd = false;
        json.list("a list of features", |json| {
            let mut key = None;
            if json.is_object()? {
                json.object("a feature", |json, name| {
                    match name {
                        "key" => key = json.scalar()?,
                        _ => json.skip()?,
                    }
                    Ok(())
                })?;
            } else {
                key = json.scalar()?;
            }
            match key {
                Some(Value::String(key)) if features.len() < MAX_FEATURES => {
                    features.insert(key);
                }
                _ => is_odd = true,
            }
            Ok(())
        })?;
        if is_odd {
            self.odd(name, "not a list of names");
        }
        self.all.available_product_features = Some(Some(features.into_iter().collect()));
        Ok(())
    }

    fn odd(&mut self, name: &str, what: &str) {
        self.odd
            .get_or_insert_with(|| format!("its field `{name}` is {what}"));
    }

    fn finish(self) -> Result<OrganizationSettings, String> {
        match self.odd {
            Some(odd) => Err(odd),
            None => Ok(self.all),
        }
    }
}

/// The most features of a plan that are kept; PostHog has about a hundred.
const MAX_FEATURES: usize = 1_000;

/// A row of a list that surrounds the roles. The limit on memory counts it by its length as text.
pub(super) struct SurroundingRow<T> {
    id: Text,
    pub row: T,
    length: usize,
}

impl<T> SurroundingRow<T> {
    /// Reads a row, whose id is `id`.
    ///
    /// # Errors
    /// When it is not such a row.
    pub(super) fn read<W: for<'de> Deserialize<'de>>(
        json: &mut JsonStream<'_>,
        map: impl Fn(W) -> T,
        id: impl Fn(&T) -> &str,
    ) -> Result<Self, JsonError> {
        let value = json.value()?;
        let row = map(from_slice(value)?);
        Ok(Self {
            id: id(&row).into(),
            row,
            length: value.len(),
        })
    }
}

impl<T> HeapSize for SurroundingRow<T> {
    fn heap_size(&self) -> usize {
        self.length + self.id.len() + ALLOCATION
    }
}

impl<T> ListRow for SurroundingRow<T> {
    fn key(&self) -> &Text {
        &self.id
    }
}

/// A row of `invites/`.
#[derive(Deserialize)]
pub(super) struct Invite {
    pub id: String,
    #[serde(default, deserialize_with = "sent")]
    pub target_email: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub first_name: Sent<String>,
    #[serde(default, deserialize_with = "sent_number")]
    pub level: Sent<i64>,
    #[serde(default, deserialize_with = "sent")]
    pub is_expired: Sent<bool>,
    #[serde(default, deserialize_with = "sent")]
    pub created_at: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub created_by: Sent<Sender>,
}

/// The user who sent an invitation.
#[derive(Deserialize)]
pub(super) struct Sender {
    #[serde(deserialize_with = "identifier")]
    pub uuid: Text,
    pub first_name: Option<Text>,
    pub last_name: Option<Text>,
    #[serde(default, deserialize_with = "sent")]
    pub email: Sent<Text>,
}

/// A row of `role_external_references/`.
#[derive(Deserialize)]
pub(super) struct ExternalReference {
    pub id: String,
    #[serde(default, deserialize_with = "sent")]
    pub role: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub provider: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub provider_organization_id: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub provider_role_id: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub provider_role_slug: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub provider_role_name: Sent<String>,
    #[serde(default, deserialize_with = "sent")]
    pub created_at: Sent<String>,
}

/// Reads a field that was sent; null is `Some(None)`.
fn sent<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Sent<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn sent_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sent<i64>, D::Error> {
    lenient::number(deserializer).map(Some)
}

/// `/api/personal_api_keys/@current/`
#[derive(Default)]
pub(super) struct PersonalApiKey {
    pub label: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub scoped_organizations: Option<Vec<String>>,
    pub user_id: Option<u64>,
}

/// Reads a key's own entry.
///
/// # Errors
/// When it is not one.
pub(super) fn personal_api_key(json: &mut JsonStream<'_>) -> Result<PersonalApiKey, JsonError> {
    let mut key = PersonalApiKey::default();
    json.object("a key's entry", |json, name| {
        match name {
            "label" => key.label = json.parse()?,
            "scopes" => key.scopes = json.parse()?,
            "scoped_organizations" => key.scoped_organizations = json.parse()?,
            "user_id" => key.user_id = json.parse::<Number<u64>>()?.0,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    Ok(key)
}

/// A person, as in members and role memberships.
#[derive(Clone, Deserialize)]
pub(super) struct User {
    #[serde(deserialize_with = "identifier")]
    pub uuid: Text,
    #[serde(default, deserialize_with = "lenient::number")]
    pub id: Option<u64>,
    #[serde(default, deserialize_with = "lenient_text")]
    pub distinct_id: Option<Text>,
    pub first_name: Option<Text>,
    pub last_name: Option<Text>,
    pub email: Option<Text>,
    pub is_email_verified: Option<bool>,
    pub role_at_organization: Option<Text>,
}

impl User {
    fn heap_size(&self) -> usize {
        texts([
            Some(&self.uuid),
            self.distinct_id.as_ref(),
            self.first_name.as_ref(),
            self.last_name.as_ref(),
            self.email.as_ref(),
            self.role_at_organization.as_ref(),
        ])
    }
}

/// A user in an organization. A role membership repeats the user in here, which is skipped: `Member<Option<IgnoredAny>>`.
#[derive(Clone, Deserialize)]
pub(super) struct Member<U> {
    pub user: U,
    #[serde(default, deserialize_with = "own_id")]
    pub id: Option<Text>,
    #[serde(default, deserialize_with = "lenient::number")]
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

impl HeapSize for Member<User> {
    fn heap_size(&self) -> usize {
        self.user.heap_size() + texts([self.id.as_ref()])
    }
}

impl ListRow for Member<User> {
    fn key(&self) -> &Text {
        &self.user.uuid
    }

    fn joined_at(&self) -> Option<Timestamp> {
        self.joined_at
    }
}

pub(super) struct Role {
    pub id: Text,
    pub name: Option<Text>,
    pub created_at: Option<Timestamp>,
    pub created_by: Option<User>,
    pub is_default: Option<bool>,
}

impl Role {
    /// Returns roughly how much memory the role takes in addition to its own size, in bytes.
    pub(super) fn heap_size(&self) -> usize {
        let creator = self.created_by.as_ref().map_or(0, User::heap_size);
        texts([Some(&self.id), self.name.as_ref()]) + creator
    }
}

/// A role with its embedded memberships, each turned into `H` at once: they are most of the data.
pub(super) struct RoleWithMembers<H> {
    pub role: Role,
    /// `None` if the list is absent or does not say who the members are.
    pub embedded: Option<Vec<H>>,
}

/// Reads a role, and each embedded membership with `holder`, which returns `None` if it does not say who the member is.
///
/// # Errors
/// When it is not a role, and the errors of `holder`.
pub(super) fn role<H: HeapSize>(
    json: &mut JsonStream<'_>,
    holder: impl Fn(&[u8]) -> Result<Option<H>, JsonError>,
) -> Result<RoleWithMembers<H>, JsonError> {
    let mut id: Option<Identifier> = None;
    let mut role = Role {
        id: Text::default(),
        name: None,
        created_at: None,
        created_by: None,
        is_default: None,
    };
    let mut embedded = None;
    json.object("a role", |json, name| {
        match name {
            "id" => id = Some(json.parse()?),
            "name" => role.name = json.parse()?,
            "created_at" => role.created_at = json.parse::<Time>()?.0,
            "created_by" => role.created_by = json.parse()?,
            "is_default" => role.is_default = json.parse()?,
            "members" if json.is_list()? => {
                let members = rows(json, |json| holder(json.value()?))?;
                embedded = members.into_iter().collect();
            }
            // Anything but a list does not say who the members are.
            _ => json.skip()?,
        }
        Ok(())
    })
    .map_err(|error| error.in_row(id.as_ref().map(|id| &*id.0)))?;
    role.id = id.ok_or_else(|| JsonError::missing("id"))?.0;
    Ok(RoleWithMembers { role, embedded })
}

/// The person in a role membership. [`MembershipKey`] has the rest.
#[derive(Deserialize)]
pub(super) struct RoleMembership {
    pub user: User,
    /// Null in rows older than this column; the person may have left.
    pub organization_member: Option<Member<Option<IgnoredAny>>>,
}

impl RoleMembership {
    /// Returns roughly how much memory the row takes in addition to its own size, in bytes.
    pub(super) fn heap_size(&self) -> usize {
        let member = self.organization_member.as_ref();
        self.user.heap_size() + texts([member.and_then(|member| member.id.as_ref())])
    }
}

/// What a role membership adds to a person who is already known. That is a fifth of the row, and there are many rows.
#[derive(Deserialize)]
pub(super) struct MembershipKey<'a> {
    #[serde(default, borrow, deserialize_with = "borrowed_id")]
    pub id: Option<Borrowed<'a>>,
    #[serde(borrow)]
    pub user: Option<UserKey<'a>>,
    #[serde(default, deserialize_with = "time")]
    pub joined_at: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(super) struct UserKey<'a> {
    #[serde(borrow)]
    pub uuid: Borrowed<'a>,
}

/// Text borrowed from the response, unless it contains escapes.
#[derive(Deserialize)]
pub(super) struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Borrowed<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// An id that is validated while it is parsed.
#[derive(Deserialize)]
struct Identifier(#[serde(deserialize_with = "identifier")] Text);

#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "time")] Option<Timestamp>);

fn lenient_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text>, D::Error> {
    Ok(lenient::id(deserializer)?.map(|id| Text::from(&*id)))
}

/// Parses an id that can be part of a path and of other ids. PostHog's look like UUIDs, but not all of them are valid ones.
fn identifier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    let id = Text::deserialize(deserializer)?;
    check_length(&id)?;
    if !is_id(&id) {
        let message = format!("`{}` is not an id", id.escape_debug());
        return Err(D::Error::custom(message));
    }
    Ok(id)
}

/// Parses the id of a membership, which is kept as it is.
fn own_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text>, D::Error> {
    let id = lenient_text(deserializer)?;
    id.as_deref().map_or(Ok(()), check_length)?;
    Ok(id)
}

fn borrowed_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Borrowed<'de>>, D::Error> {
    let id = lenient::id(deserializer)?.map(Borrowed);
    id.as_deref().map_or(Ok(()), check_length)?;
    Ok(id)
}

fn check_length<E: serde::de::Error>(id: &str) -> Result<(), E> {
    match id.len() {
        0..=MAX_ID_BYTES => Ok(()),
        _ => Err(over_limit(format_args!(
            "an id of more than {MAX_ID_BYTES} bytes"
        ))),
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<Borrowed<'de>> = Option::deserialize(deserializer)?;
    text.map(|text| Timestamp::parse(&text))
        .transpose()
        .map_err(D::Error::custom)
}
