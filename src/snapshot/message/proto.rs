//! The messages inside the blobs that we write and look into: prost structs, numbers as in FORMAT.md.
//!
//! Messages that are only shown or compared (other traits, other annotations) are in `descriptors.rs` as tables.

use std::collections::BTreeMap;

use prost::Message;

use super::descriptors::TYPE_URL_PREFIX;

/// A message that can stand in an Any.
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

/// A B-tree keeps the keys sorted, so equal profiles have equal bytes.
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
