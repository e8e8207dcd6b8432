//! Every message we know, as tables: number, JSON name and kind of each field (FORMAT.md, messages).
//!
//! The tables serve what must see a whole message, known or not: its JSON and its canonical form. Messages we
//! write have prost structs besides, in `proto.rs`.
//!
//! The tables are part of the content digest: a field that is learned later is compared by meaning from then on, and
//! by its bytes before. So a change here may change the digest of files that hold it, and needs a line in CHANGELOG.md.

/// What every annotation's type URL begins with.
pub(in crate::snapshot) const TYPE_URL_PREFIX: &str = "type.googleapis.com/";

/// A message type.
#[derive(Debug)]
pub(in crate::snapshot) struct Descriptor {
    /// Full name, as after the slash of a type URL.
    pub name: &'static str,
    /// How JSON shows it.
    pub form: Form,
    /// Its fields, by number.
    pub fields: &'static [Field],
}

/// Forms that protobuf's JSON mapping treats on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Form {
    Plain,
    Any,
    Timestamp,
    Struct,
    Value,
    ListValue,
}

#[derive(Debug)]
pub(in crate::snapshot) struct Field {
    pub number: u32,
    pub json: &'static str,
    pub kind: Kind,
    pub label: Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Label {
    /// A zero value is the same as none.
    Single,
    /// A member of a oneof: present even when zero.
    Oneof,
    Repeated,
}

/// Names of an enum's numbers, in order from zero.
pub(in crate::snapshot) type EnumNames = &'static [&'static str];

#[derive(Clone, Copy, Debug)]
pub(in crate::snapshot) enum Kind {
    String,
    Bool,
    Int32,
    Int64,
    Uint32,
    Double,
    Enum(EnumNames),
    Message(&'static Descriptor),
    /// A copy of an object that has a row of its own. Only the field of this number identifies it; the rest is
    /// shown, but says nothing about the holder.
    Embedded(&'static Descriptor, u32),
    /// `map<string, message>`: the message that an entry is, and the one that its value is.
    Map(&'static Descriptor, &'static Descriptor),
}

impl Descriptor {
    /// The field under `number`.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        // Most tables have their fields under 1, 2, 3 and so on.
        let likely = self.fields.get((number as usize).wrapping_sub(1));
        likely
            .filter(|field| field.number == number)
            .or_else(|| self.fields.iter().find(|field| field.number == number))
    }
}

/// The message of a type URL, if we know it.
pub(in crate::snapshot) fn by_type_url(type_url: &[u8]) -> Option<&'static Descriptor> {
    let name = type_url.strip_prefix(TYPE_URL_PREFIX.as_bytes())?;
    IN_ANY
        .iter()
        .copied()
        .find(|descriptor| descriptor.name.as_bytes() == name)
}

macro_rules! messages {
    ($($constant:ident = $form:ident $name:literal { $($number:literal $json:literal $label:ident $kind:expr;)* })*) => {
        $(
            pub(in crate::snapshot) static $constant: Descriptor = Descriptor {
                name: $name,
                form: Form::$form,
                fields: &[$(Field { number: $number, json: $json, kind: $kind, label: Label::$label }),*],
            };
        )*
    };
}

use Kind::{Bool, Double, Embedded, Enum, Int32, Int64, Map, Message, String, Uint32};

const TRAIT: EnumNames = &[
    "TRAIT_UNSPECIFIED",
    "TRAIT_USER",
    "TRAIT_GROUP",
    "TRAIT_ROLE",
    "TRAIT_APP",
    "TRAIT_SECRET",
    "TRAIT_SECURITY_INSIGHT",
    "TRAIT_SCOPE_BINDING",
    "TRAIT_VENDOR",
    "TRAIT_VENDOR_AGREEMENT",
    "TRAIT_LICENSE_PROFILE",
    "TRAIT_AGENT",
    "TRAIT_MANAGED_DEVICE",
];
const USER_STATUS: EnumNames = &[
    "STATUS_UNSPECIFIED",
    "STATUS_ENABLED",
    "STATUS_DISABLED",
    "STATUS_DELETED",
];
const RESOURCE_STATUS: EnumNames = &[
    "RESOURCE_STATUS_UNSPECIFIED",
    "RESOURCE_STATUS_ENABLED",
    "RESOURCE_STATUS_DISABLED",
    "RESOURCE_STATUS_DELETED",
];
const ACCOUNT_TYPE: EnumNames = &[
    "ACCOUNT_TYPE_UNSPECIFIED",
    "ACCOUNT_TYPE_HUMAN",
    "ACCOUNT_TYPE_SERVICE",
    "ACCOUNT_TYPE_SYSTEM",
];
const PURPOSE: EnumNames = &[
    "PURPOSE_VALUE_UNSPECIFIED",
    "PURPOSE_VALUE_ASSIGNMENT",
    "PURPOSE_VALUE_PERMISSION",
    "PURPOSE_VALUE_OWNERSHIP",
];
const APP_FLAG: EnumNames = &[
    "APP_FLAG_UNSPECIFIED",
    "APP_FLAG_HIDDEN",
    "APP_FLAG_INACTIVE",
    "APP_FLAG_SAML",
    "APP_FLAG_OIDC",
    "APP_FLAG_BOOKMARK",
];
/// An enum whose names we do not know: JSON shows its numbers, as protobuf does for an unknown one.
const UNNAMED: EnumNames = &[];

messages! {
    ANY = Any "google.protobuf.Any" {
        1 "typeUrl" Single String;
        2 "value" Single String;
    }
    TIMESTAMP = Timestamp "google.protobuf.Timestamp" {
        1 "seconds" Single Int64;
        2 "nanos" Single Int32;
    }
    STRUCT = Struct "google.protobuf.Struct" {
        1 "fields" Repeated Map(&STRUCT_ENTRY, &VALUE);
    }
    STRUCT_ENTRY = Plain "google.protobuf.Struct.FieldsEntry" {
        1 "key" Single String;
        2 "value" Single Message(&VALUE);
    }
    VALUE = Value "google.protobuf.Value" {
        1 "nullValue" Oneof Enum(&["NULL_VALUE"]);
        2 "numberValue" Oneof Double;
        3 "stringValue" Oneof String;
        4 "boolValue" Oneof Bool;
        5 "structValue" Oneof Message(&STRUCT);
        6 "listValue" Oneof Message(&LIST_VALUE);
    }
    LIST_VALUE = ListValue "google.protobuf.ListValue" {
        1 "values" Repeated Message(&VALUE);
    }

    RESOURCE_ID = Plain "c1.connector.v2.ResourceId" {
        1 "resourceType" Single String;
        2 "resource" Single String;
        3 "batonResource" Single Bool;
    }
    RESOURCE_TYPE = Plain "c1.connector.v2.ResourceType" {
        1 "id" Single String;
        2 "displayName" Single String;
        3 "traits" Repeated Enum(TRAIT);
        4 "annotations" Repeated Message(&ANY);
        5 "description" Single String;
        6 "sourcedExternally" Single Bool;
    }
    EXTERNAL_ID = Plain "c1.connector.v2.ExternalId" {
        1 "id" Single String;
        2 "link" Single String;
        3 "description" Single String;
    }
    ASSET_REF = Plain "c1.connector.v2.AssetRef" {
        1 "id" Single String;
    }
    RESOURCE_STATUS_MESSAGE = Plain "c1.connector.v2.Status" {
        1 "status" Single Enum(RESOURCE_STATUS);
        2 "details" Single String;
    }
    RESOURCE = Plain "c1.connector.v2.Resource" {
        1 "id" Single Message(&RESOURCE_ID);
        2 "parentResourceId" Single Message(&RESOURCE_ID);
        3 "displayName" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "description" Single String;
        6 "batonResource" Single Bool;
        7 "externalId" Single Message(&EXTERNAL_ID);
        8 "creationSource" Single Enum(UNNAMED);
        9 "profile" Single Message(&STRUCT);
        10 "icon" Single Message(&ASSET_REF);
        11 "status" Single Message(&RESOURCE_STATUS_MESSAGE);
        12 "createdAt" Single Message(&TIMESTAMP);
    }
    ENTITLEMENT = Plain "c1.connector.v2.Entitlement" {
        1 "resource" Single Embedded(&RESOURCE, 1);
        2 "id" Single String;
        3 "displayName" Single String;
        4 "description" Single String;
        5 "grantableTo" Repeated Embedded(&RESOURCE_TYPE, 1);
        6 "annotations" Repeated Message(&ANY);
        7 "purpose" Single Enum(PURPOSE);
        8 "slug" Single String;
    }
    GRANT_SOURCE = Plain "c1.connector.v2.GrantSources.GrantSource" {
        1 "isDirect" Single Bool;
    }
    GRANT_SOURCES_ENTRY = Plain "c1.connector.v2.GrantSources.SourcesEntry" {
        1 "key" Single String;
        2 "value" Single Message(&GRANT_SOURCE);
    }
    GRANT_SOURCES = Plain "c1.connector.v2.GrantSources" {
        1 "sources" Repeated Map(&GRANT_SOURCES_ENTRY, &GRANT_SOURCE);
    }
    GRANT = Plain "c1.connector.v2.Grant" {
        1 "entitlement" Single Embedded(&ENTITLEMENT, 2);
        2 "principal" Single Embedded(&RESOURCE, 1);
        3 "id" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "sources" Single Message(&GRANT_SOURCES);
    }

    EMAIL = Plain "c1.connector.v2.UserTrait.Email" {
        1 "address" Single String;
        2 "isPrimary" Single Bool;
    }
    USER_STATUS_MESSAGE = Plain "c1.connector.v2.UserTrait.Status" {
        1 "status" Single Enum(USER_STATUS);
        2 "details" Single String;
    }
    MFA_STATUS = Plain "c1.connector.v2.UserTrait.MFAStatus" {
        1 "mfaEnabled" Single Bool;
    }
    SSO_STATUS = Plain "c1.connector.v2.UserTrait.SSOStatus" {
        1 "ssoEnabled" Single Bool;
    }
    STRUCTURED_NAME = Plain "c1.connector.v2.UserTrait.StructuredName" {
        1 "givenName" Single String;
        2 "familyName" Single String;
        3 "middleNames" Repeated String;
        4 "prefix" Single String;
        5 "suffix" Single String;
    }
    USER_TRAIT = Plain "c1.connector.v2.UserTrait" {
        1 "emails" Repeated Message(&EMAIL);
        2 "status" Single Message(&USER_STATUS_MESSAGE);
        3 "profile" Single Message(&STRUCT);
        4 "icon" Single Message(&ASSET_REF);
        5 "accountType" Single Enum(ACCOUNT_TYPE);
        6 "login" Single String;
        7 "loginAliases" Repeated String;
        8 "createdAt" Single Message(&TIMESTAMP);
        9 "lastLogin" Single Message(&TIMESTAMP);
        10 "mfaStatus" Single Message(&MFA_STATUS);
        11 "ssoStatus" Single Message(&SSO_STATUS);
        12 "structuredName" Single Message(&STRUCTURED_NAME);
        13 "employeeIds" Repeated String;
    }
    ROLE_SCOPE_CONDITION = Plain "c1.connector.v2.RoleScopeCondition" {
        1 "expression" Single String;
    }
    ROLE_SCOPE_CONDITIONS = Plain "c1.connector.v2.RoleScopeConditions" {
        1 "type" Single String;
        3 "conditions" Repeated Message(&ROLE_SCOPE_CONDITION);
    }
    ROLE_TRAIT = Plain "c1.connector.v2.RoleTrait" {
        1 "profile" Single Message(&STRUCT);
        2 "roleScopeConditions" Single Message(&ROLE_SCOPE_CONDITIONS);
    }
    GROUP_TRAIT = Plain "c1.connector.v2.GroupTrait" {
        1 "icon" Single Message(&ASSET_REF);
        2 "profile" Single Message(&STRUCT);
        3 "groupSourceType" Single String;
        4 "rawGroupSourceType" Single String;
    }
    APP_TRAIT = Plain "c1.connector.v2.AppTrait" {
        1 "helpUrl" Single String;
        2 "icon" Single Message(&ASSET_REF);
        3 "logo" Single Message(&ASSET_REF);
        4 "profile" Single Message(&STRUCT);
        5 "flags" Repeated Enum(APP_FLAG);
    }
    SECRET_TRAIT = Plain "c1.connector.v2.SecretTrait" {
        1 "profile" Single Message(&STRUCT);
        2 "createdAt" Single Message(&TIMESTAMP);
        3 "expiresAt" Single Message(&TIMESTAMP);
        4 "lastUsedAt" Single Message(&TIMESTAMP);
        5 "createdById" Single Message(&RESOURCE_ID);
        6 "identityId" Single Message(&RESOURCE_ID);
    }
    SCOPE_BINDING_TRAIT = Plain "c1.connector.v2.ScopeBindingTrait" {
        1 "roleId" Single Message(&RESOURCE_ID);
        2 "scopeResourceId" Single Message(&RESOURCE_ID);
    }

    SKIP_ENTITLEMENTS_AND_GRANTS = Plain "c1.connector.v2.SkipEntitlementsAndGrants" {}
    SKIP_ENTITLEMENTS = Plain "c1.connector.v2.SkipEntitlements" {}
    SKIP_GRANTS = Plain "c1.connector.v2.SkipGrants" {}
    OPT_IN_REQUIRED = Plain "c1.connector.v2.OptInRequired" {}
    DEPRECATED = Plain "c1.connector.v2.Deprecated" {}
    SKIP_SYNC_ANOMALY_DETECTION = Plain "c1.connector.v2.SkipSyncAnomalyDetection" {}
    INSERT_RESOURCE_GRANTS = Plain "c1.connector.v2.InsertResourceGrants" {}
    BATON_ID = Plain "c1.connector.v2.BatonID" {}
    CHILD_RESOURCE_TYPE = Plain "c1.connector.v2.ChildResourceType" {
        1 "resourceTypeId" Single String;
    }
    CAPABILITY_PERMISSION = Plain "c1.connector.v2.CapabilityPermission" {
        1 "permission" Single String;
    }
    CAPABILITY_PERMISSIONS = Plain "c1.connector.v2.CapabilityPermissions" {
        1 "permissions" Repeated Message(&CAPABILITY_PERMISSION);
    }
    EXTERNAL_LINK = Plain "c1.connector.v2.ExternalLink" {
        1 "url" Single String;
    }
    V1_IDENTIFIER = Plain "c1.connector.v2.V1Identifier" {
        1 "id" Single String;
    }
    RAW_ID = Plain "c1.connector.v2.RawId" {
        1 "id" Single String;
    }
    ALIASES = Plain "c1.connector.v2.Aliases" {
        1 "ids" Repeated String;
    }
    ENTITLEMENT_IMMUTABLE = Plain "c1.connector.v2.EntitlementImmutable" {
        1 "sourceId" Single String;
        2 "metadata" Single Message(&STRUCT);
    }
    ENTITLEMENT_EXCLUSION_GROUP = Plain "c1.connector.v2.EntitlementExclusionGroup" {
        1 "exclusionGroupId" Single String;
        2 "order" Single Uint32;
        3 "isDefault" Single Bool;
        4 "scopeToResource" Single Bool;
    }
    GRANT_IMMUTABLE = Plain "c1.connector.v2.GrantImmutable" {
        1 "sourceId" Single String;
        2 "metadata" Single Message(&STRUCT);
    }
    GRANT_METADATA = Plain "c1.connector.v2.GrantMetadata" {
        1 "metadata" Single Message(&STRUCT);
    }
    GRANT_EXPANDABLE = Plain "c1.connector.v2.GrantExpandable" {
        1 "entitlementIds" Repeated String;
        2 "shallow" Single Bool;
        3 "resourceTypeIds" Repeated String;
    }
    EXTERNAL_RESOURCE_MATCH = Plain "c1.connector.v2.ExternalResourceMatch" {
        1 "resourceType" Single Enum(TRAIT);
        2 "key" Single String;
        3 "value" Single String;
    }
    EXTERNAL_RESOURCE_MATCH_ALL = Plain "c1.connector.v2.ExternalResourceMatchAll" {
        1 "resourceType" Single Enum(TRAIT);
    }
    EXTERNAL_RESOURCE_MATCH_ID = Plain "c1.connector.v2.ExternalResourceMatchID" {
        1 "id" Single String;
    }
}

/// What can be in an Any.
static IN_ANY: &[&Descriptor] = &[
    &USER_TRAIT,
    &ROLE_TRAIT,
    &GRANT_METADATA,
    &SKIP_ENTITLEMENTS_AND_GRANTS,
    &GROUP_TRAIT,
    &APP_TRAIT,
    &SECRET_TRAIT,
    &SCOPE_BINDING_TRAIT,
    &SKIP_ENTITLEMENTS,
    &SKIP_GRANTS,
    &OPT_IN_REQUIRED,
    &DEPRECATED,
    &SKIP_SYNC_ANOMALY_DETECTION,
    &INSERT_RESOURCE_GRANTS,
    &BATON_ID,
    &CHILD_RESOURCE_TYPE,
    &CAPABILITY_PERMISSIONS,
    &EXTERNAL_LINK,
    &V1_IDENTIFIER,
    &RAW_ID,
    &ALIASES,
    &ENTITLEMENT_IMMUTABLE,
    &ENTITLEMENT_EXCLUSION_GROUP,
    &GRANT_IMMUTABLE,
    &GRANT_EXPANDABLE,
    &EXTERNAL_RESOURCE_MATCH,
    &EXTERNAL_RESOURCE_MATCH_ALL,
    &EXTERNAL_RESOURCE_MATCH_ID,
];
