//! Decodes messages to the model. `encode.rs` is the reverse.
//!
//! Everything that the model does not have (other annotations, fields of newer writers) is ignored here. JSON, the
//! digest and `diff` see it, since they work on the message itself.

use prost::Message;

use super::proto::{self, Annotation};
use crate::model::{
    AccountType, Email, Entitlement, EntitlementId, Grant, MembershipId, Profile, Purpose,
    Resource, ResourceId, ResourceType, ResourceTypeId, Status, Text, Timestamp, Trait, UserTrait,
    Value, keys,
};

type Result<T> = std::result::Result<T, prost::DecodeError>;

/// A resource type from its id and blob.
pub(in crate::snapshot) fn resource_type(id: ResourceTypeId, data: &[u8]) -> Result<ResourceType> {
    let message = proto::ResourceType::decode(data)?;
    Ok(ResourceType {
        id,
        display_name: message.display_name.into(),
        traits: message.traits.into_iter().map(trait_from_number).collect(),
        skips_entitlements_and_grants: proto::SkipEntitlementsAndGrants::find(
            &message.annotations,
        )?
        .is_some(),
    })
}

/// A resource from its columns and blob.
pub(in crate::snapshot) fn resource(
    id: ResourceId,
    parent: Option<ResourceId>,
    data: &[u8],
) -> Result<Resource> {
    let message = proto::Resource::decode(data)?;
    let user = proto::UserTrait::find(&message.annotations)?;
    let trait_profile = match &user {
        Some(user) => user.profile.clone(),
        None => profile_of_other_trait(&message.annotations)?,
    };
    let trait_status = user.as_ref().and_then(|user| user.status.clone());
    let trait_created_at = user.as_ref().and_then(|user| user.created_at);
    Ok(Resource {
        id,
        parent,
        display_name: message.display_name.into(),
        description: message.description.into(),
        status: message
            .status
            .or(trait_status)
            .map(|status| status_from_number(status.status)),
        created_at: message.created_at.or(trait_created_at).and_then(timestamp),
        profile: message
            .profile
            .or(trait_profile)
            .map(profile)
            .unwrap_or_default(),
        user: user.map(|user| Box::new(user_trait(user))),
    })
}

fn profile_of_other_trait(annotations: &[proto::Any]) -> Result<Option<proto::Struct>> {
    if let Some(role) = proto::RoleTrait::find(annotations)? {
        return Ok(role.profile);
    }
    if let Some(group) = proto::GroupTrait::find(annotations)? {
        return Ok(group.profile);
    }
    if let Some(app) = proto::AppTrait::find(annotations)? {
        return Ok(app.profile);
    }
    Ok(proto::SecretTrait::find(annotations)?.and_then(|secret| secret.profile))
}

fn user_trait(from: proto::UserTrait) -> UserTrait {
    let name = from.structured_name.unwrap_or_default();
    UserTrait {
        emails: from
            .emails
            .into_iter()
            .map(|email| Email {
                address: email.address.into(),
                is_primary: email.is_primary,
            })
            .collect(),
        account_type: match from.account_type {
            1 => AccountType::Human,
            2 => AccountType::Service,
            3 => AccountType::System,
            _ => AccountType::Unspecified,
        },
        login: from.login.into(),
        login_aliases: from.login_aliases.into_iter().map(Into::into).collect(),
        last_login: from.last_login.and_then(timestamp),
        mfa_enabled: from.mfa_status.map(|status| status.mfa_enabled),
        sso_enabled: from.sso_status.map(|status| status.sso_enabled),
        given_name: name.given_name.into(),
        family_name: name.family_name.into(),
    }
}

/// An entitlement from its columns and blob.
pub(in crate::snapshot) fn entitlement(
    id: EntitlementId,
    resource: ResourceId,
    data: &[u8],
) -> Result<Entitlement> {
    Ok(entitlement_of(
        id,
        resource,
        proto::Entitlement::decode(data)?,
    ))
}

fn entitlement_of(
    id: EntitlementId,
    resource: ResourceId,
    message: proto::Entitlement,
) -> Entitlement {
    Entitlement {
        id,
        resource,
        display_name: message.display_name.into(),
        description: message.description.into(),
        slug: message.slug.into(),
        purpose: match message.purpose {
            1 => Purpose::Assignment,
            2 => Purpose::Permission,
            3 => Purpose::Ownership,
            _ => Purpose::Unspecified,
        },
        grantable_to: message
            .grantable_to
            .into_iter()
            .map(|resource_type| ResourceTypeId::new(resource_type.id))
            .collect(),
    }
}

/// The copy of the resource's name in an entitlement's blob.
pub(in crate::snapshot) fn repeated_resource_name(data: &[u8]) -> Result<Text> {
    let message = proto::Entitlement::decode(data)?;
    Ok(name_of_resource(&message))
}

fn name_of_resource(message: &proto::Entitlement) -> Text {
    let resource = message.resource.as_ref();
    resource.map_or_else(Text::default, |resource| {
        resource.display_name.as_str().into()
    })
}

/// A grant from its columns and blob.
pub(in crate::snapshot) fn grant(
    id: &str,
    entitlement: EntitlementId,
    principal: ResourceId,
    data: &[u8],
) -> Result<Grant> {
    let message = proto::Grant::decode(data)?;
    let metadata = proto::GrantMetadata::find(&message.annotations)?
        .and_then(|found| found.metadata)
        .map(profile)
        .unwrap_or_default();
    let mut grant = Grant::new(entitlement, principal).with_id(id);
    grant.joined_at = metadata
        .text(keys::JOINED_AT)
        .and_then(|text| Timestamp::parse(text).ok());
    grant.membership_id = metadata.text(keys::MEMBERSHIP_ID).map(MembershipId::new);
    Ok(grant)
}

/// The copies of the entitlement and of its resource's name in a grant's blob.
pub(in crate::snapshot) fn repeated_entitlement(
    id: EntitlementId,
    resource: ResourceId,
    data: &[u8],
) -> Result<(Entitlement, Text)> {
    let message = proto::Grant::decode(data)?.entitlement.unwrap_or_default();
    let name = name_of_resource(&message);
    Ok((entitlement_of(id, resource, message), name))
}

fn timestamp(from: proto::Timestamp) -> Option<Timestamp> {
    Timestamp::from_unix(from.seconds, from.nanos)
}

fn profile(from: proto::Struct) -> Profile {
    from.fields
        .into_iter()
        .map(|(key, value)| (key.into(), self::value(value)))
        .collect()
}

fn value(from: proto::Value) -> Value {
    use proto::ValueKind as Kind;
    match from.kind {
        None | Some(Kind::Null(_)) => Value::Null,
        Some(Kind::Bool(value)) => Value::Bool(value),
        Some(Kind::Number(value)) => Value::Number(value),
        Some(Kind::Text(value)) => Value::Text(value.into()),
        Some(Kind::Object(value)) => Value::Object(profile(value)),
        Some(Kind::List(list)) => Value::List(list.values.into_iter().map(self::value).collect()),
    }
}

fn trait_from_number(number: i32) -> Trait {
    match number {
        1 => Trait::User,
        2 => Trait::Group,
        3 => Trait::Role,
        4 => Trait::App,
        5 => Trait::Secret,
        other => Trait::Other(other),
    }
}

fn status_from_number(number: i32) -> Status {
    match number {
        1 => Status::Enabled,
        2 => Status::Disabled,
        3 => Status::Deleted,
        _ => Status::Unspecified,
    }
}
