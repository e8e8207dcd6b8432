//! Encodes the model as messages. `decode.rs` is the reverse.

use prost::Message;

use super::descriptors::{GRANT_EXPANDABLE, TYPE_URL_PREFIX};
use super::proto::{self, Annotation};
use crate::model::{
    AccountType, Entitlement, EntitlementId, Grant, Profile, Purpose, Resource, ResourceId,
    ResourceType, Status, Timestamp, Trait, UserTrait, Value, keys,
};

/// Appends a resource type's blob.
pub(in crate::snapshot) fn resource_type(from: &ResourceType, out: &mut Vec<u8>) {
    let annotations = if from.skips_entitlements_and_grants {
        vec![proto::SkipEntitlementsAndGrants {}.to_any()]
    } else {
        Vec::new()
    };
    let message = proto::ResourceType {
        id: from.id.to_string(),
        display_name: from.display_name.to_string(),
        traits: from.traits.iter().copied().map(trait_number).collect(),
        annotations,
    };
    push(&message, out);
}

/// Appends a resource's blob. Profile, status and creation time are in the trait and in the resource: older readers know only
/// the trait, newer ones prefer the resource.
pub(in crate::snapshot) fn resource(from: &Resource, of_type: &ResourceType, out: &mut Vec<u8>) {
    let profile = (!from.profile.is_empty()).then(|| profile(&from.profile));
    let status = from.status.map(|status| proto::Status {
        status: status_number(status),
    });
    let created_at = from.created_at.map(timestamp);
    let annotations = match &from.user {
        Some(user) => vec![user_trait(user, profile.clone(), status.clone(), created_at).to_any()],
        None if of_type.traits.contains(&Trait::Role) => {
            vec![
                proto::RoleTrait {
                    profile: profile.clone(),
                }
                .to_any(),
            ]
        }
        None => Vec::new(),
    };
    let message = proto::Resource {
        id: Some(resource_id(&from.id)),
        parent_resource_id: from.parent.as_ref().map(resource_id),
        display_name: from.display_name.to_string(),
        annotations,
        description: from.description.to_string(),
        profile,
        status,
        created_at,
    };
    push(&message, out);
}

fn user_trait(
    user: &UserTrait,
    profile: Option<proto::Struct>,
    status: Option<proto::Status>,
    created_at: Option<proto::Timestamp>,
) -> proto::UserTrait {
    let emails = user
        .emails
        .iter()
        .map(|email| proto::Email {
            address: email.address.to_string(),
            is_primary: email.is_primary,
        })
        .collect();
    let named = !(user.given_name.is_empty() && user.family_name.is_empty());
    proto::UserTrait {
        emails,
        status,
        // The CSV export of an older reader crashes on a user whose trait has no profile.
        profile: Some(profile.unwrap_or_default()),
        account_type: match user.account_type {
            AccountType::Unspecified => 0,
            AccountType::Human => 1,
            AccountType::Service => 2,
            AccountType::System => 3,
        },
        login: user.login.to_string(),
        login_aliases: user.login_aliases.iter().map(ToString::to_string).collect(),
        created_at,
        last_login: user.last_login.map(timestamp),
        mfa_status: user
            .mfa_enabled
            .map(|mfa_enabled| proto::MfaStatus { mfa_enabled }),
        sso_status: user
            .sso_enabled
            .map(|sso_enabled| proto::SsoStatus { sso_enabled }),
        structured_name: named.then(|| proto::StructuredName {
            given_name: user.given_name.to_string(),
            family_name: user.family_name.to_string(),
        }),
    }
}

/// Appends an entitlement's blob. It refers to the types that may hold it by their ids, and to its resource by id and display
/// name: the `baton` CLI's CSV and XLSX exports take the name of the resource from here, for its grants too.
pub(in crate::snapshot) fn entitlement(from: &Entitlement, of: &Resource, out: &mut Vec<u8>) {
    let grantable_to = from
        .grantable_to
        .iter()
        .map(|id| proto::ResourceType {
            id: id.to_string(),
            ..Default::default()
        })
        .collect();
    let message = proto::Entitlement {
        resource: Some(proto::Resource {
            display_name: of.display_name.to_string(),
            ..resource_reference(&of.id)
        }),
        id: from.id.to_string(),
        display_name: from.display_name.to_string(),
        description: from.description.to_string(),
        grantable_to,
        annotations: Vec::new(),
        purpose: match from.purpose {
            Purpose::Unspecified => 0,
            Purpose::Assignment => 1,
            Purpose::Permission => 2,
            Purpose::Ownership => 3,
        },
        slug: from.slug.to_string(),
    };
    push(&message, out);
}

/// Appends a grant's blob under its `id`, which refers to entitlement and principal by their ids.
pub(in crate::snapshot) fn grant(
    from: &Grant,
    id: &str,
    entitlement_resource: &ResourceId,
    out: &mut Vec<u8>,
) {
    let mut metadata = proto::Struct::default();
    let mut add = |key: &str, text: String| {
        let kind = Some(proto::ValueKind::Text(text));
        metadata
            .fields
            .insert(key.to_owned(), proto::Value { kind });
    };
    if let Some(at) = from.joined_at {
        add(keys::JOINED_AT, at.to_string());
    }
    if let Some(id) = &from.membership_id {
        add(keys::MEMBERSHIP_ID, id.to_string());
    }
    let annotations = if metadata.fields.is_empty() {
        Vec::new()
    } else {
        let metadata = Some(metadata);
        vec![proto::GrantMetadata { metadata }.to_any()]
    };
    let message = proto::Grant {
        entitlement: Some(entitlement_reference(
            &from.entitlement,
            entitlement_resource,
        )),
        principal: Some(resource_reference(&from.principal)),
        id: id.to_owned(),
        annotations,
    };
    push(&message, out);
}

fn push(message: &impl Message, out: &mut Vec<u8>) {
    message
        .encode(out)
        .expect("a Vec takes a message of any length");
}

/// The start of a grant's message: the given references.
pub(in crate::snapshot) fn grant_references(
    entitlement: Option<(&EntitlementId, &ResourceId)>,
    principal: Option<&ResourceId>,
    id: Option<&str>,
) -> Vec<u8> {
    proto::Grant {
        entitlement: entitlement.map(|(id, resource)| entitlement_reference(id, resource)),
        principal: principal.map(resource_reference),
        id: id.unwrap_or_default().to_owned(),
        annotations: Vec::new(),
    }
    .encode_to_vec()
}

/// The annotation field of a grant's message that contains a serialized GrantExpandable.
pub(in crate::snapshot) fn expansion_annotation(expansion: &[u8]) -> Vec<u8> {
    proto::Grant {
        annotations: vec![proto::Any {
            type_url: format!("{TYPE_URL_PREFIX}{}", GRANT_EXPANDABLE.name),
            value: expansion.to_vec(),
        }],
        ..Default::default()
    }
    .encode_to_vec()
}

fn entitlement_reference(id: &EntitlementId, resource: &ResourceId) -> proto::Entitlement {
    proto::Entitlement {
        resource: Some(resource_reference(resource)),
        id: id.to_string(),
        ..Default::default()
    }
}

fn resource_reference(id: &ResourceId) -> proto::Resource {
    proto::Resource {
        id: Some(resource_id(id)),
        ..Default::default()
    }
}

fn resource_id(from: &ResourceId) -> proto::ResourceId {
    proto::ResourceId {
        resource_type: from.resource_type.to_string(),
        resource: from.resource.to_string(),
    }
}

fn timestamp(from: Timestamp) -> proto::Timestamp {
    proto::Timestamp {
        seconds: from.unix_seconds(),
        nanos: from.subsec_nanos(),
    }
}

fn profile(from: &Profile) -> proto::Struct {
    proto::Struct {
        fields: from
            .iter()
            .map(|(key, value)| (key.to_string(), self::value(value)))
            .collect(),
    }
}

fn value(from: &Value) -> proto::Value {
    use proto::ValueKind as Kind;
    let kind = match from {
        Value::Null => Kind::Null(0),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(value) => Kind::Number(*value),
        Value::Text(value) => Kind::Text(value.to_string()),
        Value::Object(value) => Kind::Object(profile(value)),
        Value::List(values) => Kind::List(proto::ListValue {
            values: values.iter().map(self::value).collect(),
        }),
    };
    proto::Value { kind: Some(kind) }
}

fn trait_number(from: Trait) -> i32 {
    match from {
        Trait::User => 1,
        Trait::Group => 2,
        Trait::Role => 3,
        Trait::App => 4,
        Trait::Secret => 5,
        Trait::Other(number) => number,
    }
}

fn status_number(from: Status) -> i32 {
    match from {
        Status::Unspecified => 0,
        Status::Enabled => 1,
        Status::Disabled => 2,
        Status::Deleted => 3,
    }
}
