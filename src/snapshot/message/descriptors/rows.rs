//! The messages in the rows of a snapshot: resource types, resources, entitlements and grants. Annotations, including
//! traits, are in `annotations.rs`.

use super::types::Kind::{Bool, Embedded, Enum, Map, Message, String};
use super::types::{Descriptor, EnumNames, Field, Form, Label, has_oneof};
use super::well_known::{ANY, STRUCT, TIMESTAMP};

enums! {
    TRAIT {
        0 "TRAIT_UNSPECIFIED";
        1 "TRAIT_USER";
        2 "TRAIT_GROUP";
        3 "TRAIT_ROLE";
        4 "TRAIT_APP";
        5 "TRAIT_SECRET";
        6 "TRAIT_SECURITY_INSIGHT";
        7 "TRAIT_SCOPE_BINDING";
        8 "TRAIT_VENDOR";
        9 "TRAIT_VENDOR_AGREEMENT";
        10 "TRAIT_LICENSE_PROFILE";
        11 "TRAIT_AGENT";
        12 "TRAIT_MANAGED_DEVICE";
    }
    CREATION_SOURCE {
        0 "CREATION_SOURCE_UNSPECIFIED";
        1 "CREATION_SOURCE_CONNECTOR_LIST_RESOURCES";
        2 "CREATION_SOURCE_CONNECTOR_LIST_GRANTS_PRINCIPAL_JIT";
    }
    RESOURCE_STATUS {
        0 "RESOURCE_STATUS_UNSPECIFIED";
        1 "RESOURCE_STATUS_ENABLED";
        2 "RESOURCE_STATUS_DISABLED";
        3 "RESOURCE_STATUS_DELETED";
    }
    PURPOSE {
        0 "PURPOSE_VALUE_UNSPECIFIED";
        1 "PURPOSE_VALUE_ASSIGNMENT";
        2 "PURPOSE_VALUE_PERMISSION";
        3 "PURPOSE_VALUE_OWNERSHIP";
    }
}

messages! {
    // asset.proto
    ASSET_REF = Plain "c1.connector.v2.AssetRef" {
        1 "id" Single String;
    }

    // resource.proto
    RESOURCE_TYPE = Plain "c1.connector.v2.ResourceType" {
        1 "id" Single String;
        2 "displayName" Single String;
        3 "traits" Repeated Enum(TRAIT);
        4 "annotations" Repeated Message(&ANY);
        5 "description" Single String;
        6 "sourcedExternally" Single Bool;
    }
    RESOURCE_ID = Plain "c1.connector.v2.ResourceId" {
        1 "resourceType" Single String;
        2 "resource" Single String;
        3 "batonResource" Single Bool;
    }
    RESOURCE = Plain "c1.connector.v2.Resource" {
        1 "id" Single Message(&RESOURCE_ID);
        2 "parentResourceId" Single Message(&RESOURCE_ID);
        3 "displayName" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "description" Single String;
        6 "batonResource" Single Bool;
        7 "externalId" Single Message(&EXTERNAL_ID);
        8 "creationSource" Single Enum(CREATION_SOURCE);
        9 "profile" Single Message(&STRUCT);
        10 "icon" Single Message(&ASSET_REF);
        11 "status" Single Message(&RESOURCE_STATUS_MESSAGE);
        12 "createdAt" Single Message(&TIMESTAMP);
    }
    RESOURCE_STATUS_MESSAGE = Plain "c1.connector.v2.Status" {
        1 "status" Single Enum(RESOURCE_STATUS);
        2 "details" Single String;
    }
    EXTERNAL_ID = Plain "c1.connector.v2.ExternalId" {
        1 "id" Single String;
        2 "link" Single String;
        3 "description" Single String;
    }

    // entitlement.proto
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

    // grant.proto
    GRANT_SOURCES = Plain "c1.connector.v2.GrantSources" {
        1 "sources" Repeated Map(&GRANT_SOURCES_ENTRY, &GRANT_SOURCE);
    }
    GRANT_SOURCE = Plain "c1.connector.v2.GrantSources.GrantSource" {
        1 "isDirect" Single Bool;
    }
    GRANT_SOURCES_ENTRY = Plain "c1.connector.v2.GrantSources.SourcesEntry" {
        1 "key" Single String;
        2 "value" Single Message(&GRANT_SOURCE);
    }
    GRANT = Plain "c1.connector.v2.Grant" {
        1 "entitlement" Single Embedded(&ENTITLEMENT, 2);
        2 "principal" Single Embedded(&RESOURCE, 1);
        3 "id" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "sources" Single Message(&GRANT_SOURCES);
    }
}
