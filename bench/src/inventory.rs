//! A synthetic organization as an inventory in memory: the result of crawling its server, without the crawl.

use std::error::Error;

use posthog_c1z::model::{
    AccountType, Email, Entitlement, EntitlementId, Grant, Inventory, InventoryBuilder, Profile,
    Purpose, Resource, ResourceId, ResourceType, ResourceTypeId, Status, Text, Timestamp, Trait,
    UserTrait, Value,
};

use crate::organization::{Organization, Person, Role};

/// The inventory that a crawl would produce: the same rows with the same keys, texts and ids.
pub fn inventory(organization: Organization) -> Result<Inventory, Box<dyn Error>> {
    let user = ResourceTypeId::new("user");
    let role = ResourceTypeId::new("role");
    let mut found = InventoryBuilder::default();
    for (id, name, kind) in [(&user, "User", Trait::User), (&role, "Role", Trait::Role)] {
        found.add_resource_type(ResourceType {
            id: id.clone(),
            display_name: name.into(),
            traits: vec![kind],
            skips_entitlements_and_grants: kind == Trait::User,
        });
    }
    let keys = Keys::new();
    let mut principals = Vec::with_capacity(organization.people.len());
    // Each person is dropped once converted, so that only the inventory is measured.
    for person in organization.people {
        let id = ResourceId::new(&user, person.uuid.as_str());
        principals.push(id.clone());
        found.add_resource(person_resource(id, &person, &keys)?);
    }
    for held in organization.roles {
        let id = ResourceId::new(&role, held.id.as_str());
        let entitlement = EntitlementId::new(format!("role:{}:member", held.id));
        found.add_resource(role_resource(id.clone(), &held, &keys)?);
        found.add_entitlement(Entitlement {
            id: entitlement.clone(),
            resource: id,
            display_name: format!("{} member", held.name).into(),
            description: format!("Member of the {} role in PostHog", held.name).into(),
            slug: "member".into(),
            purpose: Purpose::Assignment,
            grantable_to: vec![user.clone()],
        });
        for membership in &held.memberships {
            let principal = principals[membership.person as usize].clone();
            let mut grant = Grant::new(entitlement.clone(), principal);
            grant.joined_at = Some(Timestamp::parse(membership.joined_at())?);
            grant.membership_id = Some(membership.id().into());
            found.add_grant(grant);
        }
    }
    found
        .finish()
        .map_err(|defects| format!("{} defects", defects.len()).into())
}

/// Names of profile keys, shared between profiles.
struct Keys(Vec<Text>);

impl Keys {
    fn new() -> Self {
        let names = [
            "user_id",
            "first_name",
            "last_name",
            "email",
            "email_verified",
            "posthog_user_id",
            "distinct_id",
            "role_at_organization",
            "membership_id",
            "organization_level",
            "organization_role",
            "joined_at",
            "updated_at",
            "last_login",
            "is_2fa_enabled",
            "has_social_auth",
            "is_default",
            "created_at",
        ];
        Self(names.into_iter().map(Text::from).collect())
    }

    fn profile(&self, entries: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Profile {
        let key = |name: &str| {
            let known = self.0.iter().find(|key| &***key == name);
            known.cloned().unwrap_or_else(|| name.into())
        };
        entries
            .into_iter()
            .filter_map(|(name, value)| Some((key(name), value?)))
            .collect()
    }
}

fn person_resource(
    id: ResourceId,
    person: &Person,
    keys: &Keys,
) -> Result<Resource, Box<dyn Error>> {
    let text = |text: &str| Some(Value::from(text));
    let name = format!("{} {}", person.first_name, person.last_name);
    let last_login = person
        .last_login
        .as_deref()
        .map(Timestamp::parse)
        .transpose()?;
    let joined_at = Some(Timestamp::parse(&person.joined_at)?);
    let seat = match person.level {
        15 => "owner",
        8 => "administrator",
        _ => "member",
    };
    let profile = keys.profile([
        ("user_id", Some(Value::Text(id.resource.clone()))),
        ("first_name", text(person.first_name)),
        ("last_name", text(person.last_name)),
        ("email", text(&person.email)),
        ("email_verified", person.is_email_verified.map(Value::Bool)),
        ("posthog_user_id", Some(Value::Number(person.number as f64))),
        ("distinct_id", text(&person.distinct_id)),
        ("role_at_organization", person.job.map(Value::from)),
        ("membership_id", text(&person.member_id)),
        (
            "organization_level",
            Some(Value::Number(person.level.into())),
        ),
        ("organization_role", text(seat)),
        ("joined_at", text(&person.joined_at)),
        ("updated_at", text(&person.updated_at)),
        ("last_login", person.last_login.as_deref().map(Value::from)),
        ("is_2fa_enabled", Some(Value::Bool(person.is_2fa_enabled))),
        ("has_social_auth", Some(Value::Bool(person.has_social_auth))),
    ]);
    Ok(Resource {
        id,
        parent: None,
        display_name: name.trim().into(),
        description: Text::default(),
        status: Some(Status::Enabled),
        created_at: joined_at,
        profile,
        user: Some(Box::new(UserTrait {
            emails: vec![Email {
                address: person.email.as_str().into(),
                is_primary: true,
            }],
            account_type: AccountType::Human,
            login: person.email.as_str().into(),
            login_aliases: Vec::new(),
            last_login,
            mfa_enabled: Some(person.is_2fa_enabled),
            sso_enabled: Some(person.has_social_auth),
            given_name: person.first_name.into(),
            family_name: person.last_name.into(),
        })),
    })
}

fn role_resource(id: ResourceId, role: &Role, keys: &Keys) -> Result<Resource, Box<dyn Error>> {
    Ok(Resource {
        id,
        parent: None,
        display_name: role.name.as_str().into(),
        description: Text::default(),
        status: None,
        created_at: Some(Timestamp::parse(&role.created_at)?),
        profile: keys.profile([
            ("is_default", Some(Value::Bool(role.is_default))),
            ("created_at", Some(Value::from(role.created_at.as_str()))),
        ]),
        user: None,
    })
}
