//! The messages that we write and decode, as prost structs. Field numbers are those of FORMAT.md.
//!
//! Messages that are only printed or compared (other traits, other annotations) are tables in `descriptors/`.

use std::collections::BTreeMap;

use prost::Message;

use super::descriptors::TYPE_URL_PREFIX;

/// A message that can be an annotation.
pub(in crate::snapshot) trait Annotation: Message + Default {
    /// Its full name.
    const NAME: &'static str;

    /// The message in an Any.
    fn to_any(&self) -> Any {
        Any {
            type_url: format!("{TYPE_URL_PREFIX}{}", Self::NAME),
            value: self.encode_to_vec(),
        }
    }

    /// The first of `annotations` that is of this type.
    fn find(annotations: &[Any]) -> Result<Option<Self>, prost::DecodeError> {
        annotations
            .iter()
            .find(|any| any.type_url.strip_prefix(TYPE_URL_PREFIX) == Some(Self::NAME))
            .map(|any| Self::decode(any.value.as_slice()))
            .transpose()
    }
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::snapshot) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A `BTreeMap` keeps the keys sorted, so equal profiles have equal bytes.
#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Value {
    #[prost(oneof = "ValueKind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<ValueKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(in crate::snapshot) enum ValueKind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(ListValue),
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct ListValue {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct ResourceId {
    #[prost(string, tag = "1")]
    pub resource_type: String,
    #[prost(string, tag = "2")]
    pub resource: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct ResourceType {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub display_name: String,
    #[prost(int32, repeated, tag = "3")]
    pub traits: Vec<i32>,
    #[prost(message, repeated, tag = "4")]
    pub annotations: Vec<Any>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::snapshot) struct SkipEntitlementsAndGrants {}

impl Annotation for SkipEntitlementsAndGrants {
    const NAME: &'static str = "c1.connector.v2.SkipEntitlementsAndGrants";
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Status {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Resource {
    #[prost(message, optional, tag = "1")]
    pub id: Option<ResourceId>,
    #[prost(message, optional, tag = "2")]
    pub parent_resource_id: Option<ResourceId>,
    #[prost(string, tag = "3")]
    pub display_name: String,
    #[prost(message, repeated, tag = "4")]
    pub annotations: Vec<Any>,
    #[prost(string, tag = "5")]
    pub description: String,
    #[prost(message, optional, tag = "9")]
    pub profile: Option<Struct>,
    #[prost(message, optional, tag = "11")]
    pub status: Option<Status>,
    #[prost(message, optional, tag = "12")]
    pub created_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Email {
    #[prost(string, tag = "1")]
    pub address: String,
    #[prost(bool, tag = "2")]
    pub is_primary: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::snapshot) struct MfaStatus {
    #[prost(bool, tag = "1")]
    pub mfa_enabled: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::snapshot) struct SsoStatus {
    #[prost(bool, tag = "1")]
    pub sso_enabled: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct StructuredName {
    #[prost(string, tag = "1")]
    pub given_name: String,
    #[prost(string, tag = "2")]
    pub family_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct UserTrait {
    #[prost(message, repeated, tag = "1")]
    pub emails: Vec<Email>,
    #[prost(message, optional, tag = "2")]
    pub status: Option<Status>,
    #[prost(message, optional, tag = "3")]
    pub profile: Option<Struct>,
    #[prost(int32, tag = "5")]
    pub account_type: i32,
    #[prost(string, tag = "6")]
    pub login: String,
    #[prost(string, repeated, tag = "7")]
    pub login_aliases: Vec<String>,
    #[prost(message, optional, tag = "8")]
    pub created_at: Option<Timestamp>,
    #[prost(message, optional, tag = "9")]
    pub last_login: Option<Timestamp>,
    #[prost(message, optional, tag = "10")]
    pub mfa_status: Option<MfaStatus>,
    #[prost(message, optional, tag = "11")]
    pub sso_status: Option<SsoStatus>,
    #[prost(message, optional, tag = "12")]
    pub structured_name: Option<StructuredName>,
}

impl Annotation for UserTrait {
    const NAME: &'static str = "c1.connector.v2.UserTrait";
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct RoleTrait {
    #[prost(message, optional, tag = "1")]
    pub profile: Option<Struct>,
}

impl Annotation for RoleTrait {
    const NAME: &'static str = "c1.connector.v2.RoleTrait";
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct GroupTrait {
    #[prost(message, optional, tag = "2")]
    pub profile: Option<Struct>,
}

impl Annotation for GroupTrait {
    const NAME: &'static str = "c1.connector.v2.GroupTrait";
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct AppTrait {
    #[prost(message, optional, tag = "4")]
    pub profile: Option<Struct>,
}

impl Annotation for AppTrait {
    const NAME: &'static str = "c1.connector.v2.AppTrait";
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct SecretTrait {
    #[prost(message, optional, tag = "1")]
    pub profile: Option<Struct>,
}

impl Annotation for SecretTrait {
    const NAME: &'static str = "c1.connector.v2.SecretTrait";
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Entitlement {
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    #[prost(string, tag = "2")]
    pub id: String,
    #[prost(string, tag = "3")]
    pub display_name: String,
    #[prost(string, tag = "4")]
    pub description: String,
    #[prost(message, repeated, tag = "5")]
    pub grantable_to: Vec<ResourceType>,
    #[prost(message, repeated, tag = "6")]
    pub annotations: Vec<Any>,
    #[prost(int32, tag = "7")]
    pub purpose: i32,
    #[prost(string, tag = "8")]
    pub slug: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct Grant {
    #[prost(message, optional, tag = "1")]
    pub entitlement: Option<Entitlement>,
    #[prost(message, optional, tag = "2")]
    pub principal: Option<Resource>,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(message, repeated, tag = "4")]
    pub annotations: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::snapshot) struct GrantMetadata {
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<Struct>,
}

impl Annotation for GrantMetadata {
    const NAME: &'static str = "c1.connector.v2.GrantMetadata";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::message::descriptors::{self as known, Descriptor, Kind, Label};
    use crate::snapshot::message::wire::{Payload, walk};

    /// `display_name` as `displayName`.
    fn camel_case(name: &str) -> String {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |camel, word| {
            let (head, tail) = word.split_at(1);
            camel + &head.to_uppercase() + tail
        })
    }

    /// Compares the only field of `message` with the table's entry for its number.
    fn compare(descriptor: &Descriptor, json: &str, message: &[u8], wrong: &mut Vec<String>) {
        let fields: Vec<_> = walk(message).map(Result::unwrap).collect();
        let number = fields[0].number;
        let is_repeated = fields.len() > 1 || is_packed(descriptor, number);
        let field = descriptor.field(number);
        let fits = field.is_some_and(|field| {
            let wire_type_fits = match field.kind {
                Kind::String
                | Kind::Bytes
                | Kind::Message(_)
                | Kind::Embedded(..)
                | Kind::Map(..) => {
                    matches!(fields[0].payload, Payload::Bytes(_))
                }
                Kind::Double => matches!(fields[0].payload, Payload::Fixed64(_)),
                _ if is_repeated => matches!(fields[0].payload, Payload::Bytes(_)),
                _ => matches!(fields[0].payload, Payload::Varint(_)),
            };
            field.json == json && wire_type_fits && (field.label == Label::Repeated) == is_repeated
        });
        if !fits {
            wrong.push(format!(
                "{}: {number} {json}, but {field:?}",
                descriptor.name
            ));
        }
    }

    fn is_packed(descriptor: &Descriptor, number: u32) -> bool {
        let field = descriptor.field(number);
        field.is_some_and(|field| {
            matches!(field.kind, Kind::Enum(_)) && field.label == Label::Repeated
        })
    }

    /// Compares every field of a struct with the table of its message. A field that is missing here does not compile;
    /// repeated fields are given twice.
    macro_rules! compare_all {
        ($wrong:ident, $($descriptor:ident = $message:ident { $($field:ident: $value:expr),* })*) => {
            $(
                let $message { $($field: _),* } = $message::default();
                $(
                    let message = $message { $field: $value, ..$message::default() };
                    let name = camel_case(stringify!($field));
                    compare(&known::$descriptor, &name, &message.encode_to_vec(), &mut $wrong);
                )*
            )*
        };
    }

    #[test]
    #[allow(clippy::needless_update, reason = "some messages have one field")]
    fn every_field_of_a_struct_is_in_the_table_of_its_message() {
        let text = || "x".to_owned();
        let mut wrong = Vec::new();
        compare_all! { wrong,
            ANY = Any { type_url: text(), value: vec![1] }
            TIMESTAMP = Timestamp { seconds: 1, nanos: 1 }
            LIST_VALUE = ListValue { values: vec![Value::default(); 2] }
            RESOURCE_ID = ResourceId { resource_type: text(), resource: text() }
            RESOURCE_TYPE = ResourceType {
                id: text(), display_name: text(), traits: vec![1, 2], annotations: vec![Any::default(); 2]
            }
            RESOURCE_STATUS_MESSAGE = Status { status: 1 }
            USER_STATUS_MESSAGE = Status { status: 1 }
            RESOURCE = Resource {
                id: Some(ResourceId::default()), parent_resource_id: Some(ResourceId::default()),
                display_name: text(), annotations: vec![Any::default(); 2], description: text(),
                profile: Some(Struct::default()), status: Some(Status::default()),
                created_at: Some(Timestamp::default())
            }
            EMAIL = Email { address: text(), is_primary: true }
            MFA_STATUS = MfaStatus { mfa_enabled: true }
            SSO_STATUS = SsoStatus { sso_enabled: true }
            STRUCTURED_NAME = StructuredName { given_name: text(), family_name: text() }
            USER_TRAIT = UserTrait {
                emails: vec![Email::default(); 2], status: Some(Status::default()),
                profile: Some(Struct::default()), account_type: 1, login: text(),
                login_aliases: vec![text(), text()], created_at: Some(Timestamp::default()),
                last_login: Some(Timestamp::default()), mfa_status: Some(MfaStatus::default()),
                sso_status: Some(SsoStatus::default()), structured_name: Some(StructuredName::default())
            }
            ROLE_TRAIT = RoleTrait { profile: Some(Struct::default()) }
            GROUP_TRAIT = GroupTrait { profile: Some(Struct::default()) }
            APP_TRAIT = AppTrait { profile: Some(Struct::default()) }
            SECRET_TRAIT = SecretTrait { profile: Some(Struct::default()) }
            ENTITLEMENT = Entitlement {
                resource: Some(Resource::default()), id: text(), display_name: text(), description: text(),
                grantable_to: vec![ResourceType::default(); 2], annotations: vec![Any::default(); 2],
                purpose: 1, slug: text()
            }
            GRANT = Grant {
                entitlement: Some(Entitlement::default()), principal: Some(Resource::default()), id: text(),
                annotations: vec![Any::default(); 2]
            }
            GRANT_METADATA = GrantMetadata { metadata: Some(Struct::default()) }
        }
        let entries = ["a", "b"].map(|key| (key.to_owned(), Value::default()));
        compare_all! { wrong, STRUCT = Struct { fields: entries.clone().into() } }
        for (json, kind) in [
            ("nullValue", ValueKind::Null(0)),
            ("numberValue", ValueKind::Number(0.0)),
            ("stringValue", ValueKind::Text(String::new())),
            ("boolValue", ValueKind::Bool(false)),
            ("structValue", ValueKind::Object(Struct::default())),
            ("listValue", ValueKind::List(ListValue::default())),
        ] {
            let value = Value { kind: Some(kind) };
            compare(&known::VALUE, json, &value.encode_to_vec(), &mut wrong);
        }
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn every_annotation_has_the_name_of_its_table() {
        fn check<T: Annotation>(descriptor: &'static Descriptor) {
            let found = known::by_type_url(T::default().to_any().type_url.as_bytes());
            assert!(
                found.is_some_and(|found| std::ptr::eq(found, descriptor)),
                "{}",
                T::NAME
            );
        }
        check::<SkipEntitlementsAndGrants>(&known::SKIP_ENTITLEMENTS_AND_GRANTS);
        check::<UserTrait>(&known::USER_TRAIT);
        check::<RoleTrait>(&known::ROLE_TRAIT);
        check::<GroupTrait>(&known::GROUP_TRAIT);
        check::<AppTrait>(&known::APP_TRAIT);
        check::<SecretTrait>(&known::SECRET_TRAIT);
        check::<GrantMetadata>(&known::GRANT_METADATA);
    }
}
