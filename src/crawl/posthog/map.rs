//! Maps PostHog's objects to Baton's; pure. The texts and ids made here are frozen: ConductorOne's configuration refers to
//! them, and a snapshot from last year must be comparable with one from today.

use super::api::{ALLOCATION, HeapSize, Member, MembershipKey, Role, RoleMembership, User};
use crate::crawl::json::{JsonError, from_slice};
use crate::model::{
    AccountType, Email, Entitlement, EntitlementId, Grant, InventoryBuilder, MembershipId, Profile,
    Purpose, Resource, ResourceId, ResourceType, ResourceTypeId, Seat, Status, Text, Timestamp,
    Trait, UserTrait, Value, keys, literal,
};

/// Longest display name, in bytes (FORMAT.md, limits).
const MAX_DISPLAY_NAME: usize = 1024;
/// Longest description, in bytes.
const MAX_DESCRIPTION: usize = 2048;
/// The slug of the one entitlement every role has.
const MEMBER: &str = "member";
/// The domain of the bots that PostHog itself adds.
const BOT_DOMAIN: &str = "@posthogbot.user";

/// The two resource types, whose ids are part of all other ids.
pub(super) struct Types {
    pub user: ResourceTypeId,
    pub role: ResourceTypeId,
}

impl Types {
    pub(super) fn new() -> Self {
        Self {
            user: ResourceTypeId::new("user"),
            role: ResourceTypeId::new("role"),
        }
    }

    pub(super) fn resource_types(&self) -> [ResourceType; 2] {
        [
            ResourceType {
                id: self.user.clone(),
                display_name: "User".into(),
                traits: vec![Trait::User],
                skips_entitlements_and_grants: true,
            },
            ResourceType {
                id: self.role.clone(),
                display_name: "Role".into(),
                traits: vec![Trait::Role],
                skips_entitlements_and_grants: false,
            },
        ]
    }

    pub(super) fn user_id(&self, user: &User) -> ResourceId {
        ResourceId::new(&self.user, user.uuid.clone())
    }

    /// Maps an entry of the list of members.
    pub(super) fn member(&self, member: &Member<User>) -> Resource {
        self.user_resource(&member.user, Some(member), Listed::Yes)
    }

    /// Maps a role holder who is not in the list of members: deactivated, a bot, just joined or gone.
    pub(super) fn unlisted(&self, holder: &RoleMembership) -> Resource {
        self.user_resource(
            &holder.user,
            holder.organization_member.as_ref(),
            Listed::No,
        )
    }

    fn user_resource<U>(
        &self,
        user: &User,
        membership: Option<&Member<U>>,
        listed: Listed,
    ) -> Resource {
        let email = present(user.email.as_ref());
        let given_name = user.first_name.clone().unwrap_or_default();
        let family_name = user.last_name.clone().unwrap_or_default();
        let is_bot = email.is_some_and(|address| address.ends_with(BOT_DOMAIN));
        Resource {
            id: self.user_id(user),
            parent: None,
            display_name: display_name(
                [user.first_name.as_ref(), user.last_name.as_ref()],
                user.email.as_ref(),
                &user.uuid,
            ),
            description: Text::default(),
            status: Some(match listed {
                Listed::Yes => Status::Enabled,
                Listed::No => Status::Unspecified,
            }),
            created_at: membership.and_then(|m| m.joined_at),
            profile: user_profile(user, membership, listed),
            user: Some(Box::new(UserTrait {
                emails: email
                    .filter(|address| is_mail_address(address))
                    .map(|address| Email {
                        address: address.clone(),
                        is_primary: true,
                    })
                    .into_iter()
                    .collect(),
                account_type: if is_bot {
                    AccountType::Service
                } else {
                    AccountType::Human
                },
                login: email.cloned().unwrap_or_default(),
                login_aliases: Vec::new(),
                last_login: membership.and_then(|m| m.last_login),
                mfa_enabled: membership.and_then(|m| m.is_2fa_enabled),
                sso_enabled: membership.and_then(|m| m.has_social_auth),
                given_name,
                family_name,
            })),
        }
    }

    pub(super) fn role(&self, role: &Role) -> Resource {
        let creator = role.created_by.as_ref();
        Resource {
            id: self.role_id(role),
            parent: None,
            display_name: cut(role_name(role), MAX_DISPLAY_NAME),
            description: Text::default(),
            status: None,
            created_at: role.created_at,
            profile: profile([
                (literal!(keys::IS_DEFAULT), role.is_default.map(Value::Bool)),
                (literal!(keys::CREATED_AT), role.created_at.map(text)),
                (
                    literal!(keys::CREATED_BY),
                    creator.map(|user| Value::Text(user.uuid.clone())),
                ),
                (
                    literal!(keys::CREATED_BY_EMAIL),
                    creator.and_then(|user| user.email.clone()).map(Value::Text),
                ),
            ]),
            user: None,
        }
    }

    /// Returns the only entitlement of a role: being a member of it.
    pub(super) fn member_entitlement(&self, role: &Role) -> Entitlement {
        let name = role_name(role);
        Entitlement {
            id: self.member_entitlement_id(role),
            resource: self.role_id(role),
            display_name: cut(format!("{name} member").into(), MAX_DISPLAY_NAME),
            description: cut(
                format!("Member of the {name} role in PostHog").into(),
                MAX_DESCRIPTION,
            ),
            slug: MEMBER.into(),
            purpose: Purpose::Assignment,
            grantable_to: vec![self.user.clone()],
        }
    }

    pub(super) fn member_entitlement_id(&self, role: &Role) -> EntitlementId {
        EntitlementId::new(format!("{}:{}:{MEMBER}", self.role, role.id))
    }

    /// Parses a role membership into what a grant needs; `None` if it does not say who holds the role. `known` has the
    /// people read so far: for one of them, only the id is kept.
    ///
    /// # Errors
    /// When `row` is not a role membership.
    pub(super) fn holder(
        &self,
        known: &InventoryBuilder,
        row: &[u8],
    ) -> Result<Option<Holder>, JsonError> {
        let MembershipKey {
            id,
            user,
            joined_at,
        } = from_slice(row)?;
        let Some(user) = user else {
            return Ok(None);
        };
        let (principal, unlisted) = match known.known_id(&self.user, &user.uuid) {
            // All grants of a person share the text of the id.
            Some(known) => (ResourceId::new(&self.user, known.clone()), None),
            None => {
                let membership: RoleMembership = from_slice(row)?;
                (self.user_id(&membership.user), Some(Box::new(membership)))
            }
        };
        Ok(Some(Holder {
            principal,
            joined_at,
            membership_id: id.map(|id| MembershipId::new(&id)),
            unlisted,
        }))
    }

    /// Makes the grant of `entitlement` to a role holder.
    pub(super) fn grant(entitlement: EntitlementId, holder: Holder) -> Grant {
        let mut grant = Grant::new(entitlement, holder.principal);
        grant.joined_at = holder.joined_at;
        grant.membership_id = holder.membership_id;
        grant
    }

    pub(super) fn role_id(&self, role: &Role) -> ResourceId {
        ResourceId::new(&self.role, role.id.clone())
    }
}

/// A role holder: what a grant is made of.
pub(super) struct Holder {
    pub principal: ResourceId,
    pub joined_at: Option<Timestamp>,
    pub membership_id: Option<MembershipId>,
    /// The whole membership of a person who is not in the list of members.
    pub unlisted: Option<Box<RoleMembership>>,
}

impl HeapSize for Holder {
    fn heap_size(&self) -> usize {
        let id = match &self.membership_id {
            Some(MembershipId::Other(id)) => id.len() + ALLOCATION,
            _ => 0,
        };
        let unlisted = self.unlisted.as_deref().map_or(0, |row| {
            let id = self.principal.resource.len() + ALLOCATION;
            id + size_of_val(row) + ALLOCATION + row.heap_size()
        });
        id + unlisted
    }
}

/// Whether a person is in the list of members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listed {
    Yes,
    No,
}

/// Whether a second membership of an unlisted person says more than the first: only it includes the seat.
pub(super) fn has_more_detail(known: &Resource, holder: &RoleMembership) -> bool {
    known.profile.get(keys::LISTED_AS_MEMBER).is_some()
        && known.profile.get(keys::MEMBERSHIP_ID).is_none()
        && holder.organization_member.is_some()
}

fn user_profile<U>(user: &User, membership: Option<&Member<U>>, listed: Listed) -> Profile {
    let level = membership.and_then(|m| m.level);
    profile([
        (
            literal!(keys::USER_ID),
            Some(Value::Text(user.uuid.clone())),
        ),
        (
            literal!(keys::FIRST_NAME),
            user.first_name.clone().map(Value::Text),
        ),
        (
            literal!(keys::LAST_NAME),
            user.last_name.clone().map(Value::Text),
        ),
        (literal!(keys::EMAIL), user.email.clone().map(Value::Text)),
        (
            literal!(keys::EMAIL_VERIFIED),
            user.is_email_verified.map(Value::Bool),
        ),
        (
            literal!(keys::POSTHOG_USER_ID),
            user.id.map(|id| Value::Number(id as f64)),
        ),
        (
            literal!(keys::DISTINCT_ID),
            user.distinct_id.clone().map(Value::Text),
        ),
        (
            literal!(keys::ROLE_AT_ORGANIZATION),
            user.role_at_organization.clone().map(Value::Text),
        ),
        (
            literal!(keys::MEMBERSHIP_ID),
            membership.and_then(|m| m.id.clone()).map(Value::Text),
        ),
        (
            literal!(keys::ORGANIZATION_LEVEL),
            level.map(|level| Value::Number(level as f64)),
        ),
        (
            literal!(keys::ORGANIZATION_ROLE),
            level.map(|level| Value::Text(Seat::from_level(level).word())),
        ),
        (
            literal!(keys::JOINED_AT),
            membership.and_then(|m| m.joined_at).map(text),
        ),
        (
            literal!(keys::UPDATED_AT),
            membership.and_then(|m| m.updated_at).map(text),
        ),
        (
            literal!(keys::LAST_LOGIN),
            membership.and_then(|m| m.last_login).map(text),
        ),
        (
            literal!(keys::IS_2FA_ENABLED),
            membership.and_then(|m| m.is_2fa_enabled).map(Value::Bool),
        ),
        (
            literal!(keys::HAS_SOCIAL_AUTH),
            membership.and_then(|m| m.has_social_auth).map(Value::Bool),
        ),
        (
            literal!(keys::LISTED_AS_MEMBER),
            (listed == Listed::No).then_some(Value::Bool(false)),
        ),
    ])
}

/// Returns the name to show for a user with these first and last names: they, else the e-mail address, else the uuid.
pub(super) fn display_name(names: [Option<&Text>; 2], email: Option<&Text>, uuid: &Text) -> Text {
    let name = match names.map(|name| name.map_or("", |name| name.trim())) {
        ["", ""] => present(email).unwrap_or(uuid).clone(),
        [first, last] => format!("{first} {last}").trim().into(),
    };
    cut(name, MAX_DISPLAY_NAME)
}

/// Builds a profile from the values that are known.
fn profile<const N: usize>(entries: [(Text, Option<Value>); N]) -> Profile {
    entries
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string().into())
}

fn present(text: Option<&Text>) -> Option<&Text> {
    text.filter(|text| !text.trim().is_empty())
}

fn role_name(role: &Role) -> Text {
    present(role.name.as_ref()).unwrap_or(&role.id).clone()
}

/// Cuts a text at a character boundary to at most `max` bytes.
fn cut(text: Text, max: usize) -> Text {
    if text.len() <= max {
        text
    } else {
        text[..text.floor_char_boundary(max)].into()
    }
}

/// Whether ConductorOne accepts an e-mail address: its rules are stricter than PostHog's.
fn is_mail_address(address: &str) -> bool {
    let Some((local, host)) = address.rsplit_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .chars()
                .all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    address.len() <= 254
        && local.len() <= 64
        && host.len() <= 253
        && local.split('.').all(is_atom)
        && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_have_posthogs_names_and_unknown_ones_keep_their_number() {
        let names = [1, 8, 15, 3, -1].map(|level| Seat::from_level(level).word());
        assert_eq!(
            names.each_ref().map(|n| &**n),
            [
                "member",
                "administrator",
                "owner",
                "unknown (3)",
                "unknown (-1)"
            ]
        );
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(&*cut("aé".into(), 2), "a");
        assert_eq!(&*cut("aé".into(), 3), "aé");
    }

    #[test]
    fn only_addresses_that_conductorone_accepts_are_mail_addresses() {
        for good in [
            "a@b",
            "o'hara+x@example.com",
            "Ann.B@Sub.example.org",
            "hogbot@posthogbot.user",
        ] {
            assert!(is_mail_address(good), "{good}");
        }
        for bad in [
            "", "a", "@b", "a@", "a b@c.d", "a@-b.c", "a@b_c", "a..b@c.d", "<a@b>",
        ] {
            assert!(!is_mail_address(bad), "{bad}");
        }
    }
}
