//! Messages with which a connector describes its settings and the rules for their values. Rare in a snapshot, like the
//! messages of `services.rs`.

use super::types::Kind::{Bool, Enum, Int64, Map, Message, String, Uint64};
use super::types::{Descriptor, EnumNames, Field, Form, Label, has_oneof};
use super::well_known::ANY;

enums! {
    KNOWN_REGEX {
        0 "UNKNOWN";
        1 "HTTP_HEADER_NAME";
        2 "HTTP_HEADER_VALUE";
    }
    CONFIG_WELL_KNOWN_STRING {
        0 "WELL_KNOWN_STRING_UNSPECIFIED";
        1 "WELL_KNOWN_STRING_EMAIL";
        2 "WELL_KNOWN_STRING_HOSTNAME";
        3 "WELL_KNOWN_STRING_IP";
        4 "WELL_KNOWN_STRING_IPV4";
        5 "WELL_KNOWN_STRING_IPV6";
        6 "WELL_KNOWN_STRING_URI";
        7 "WELL_KNOWN_STRING_ADDRESS";
        8 "WELL_KNOWN_STRING_UUID";
    }
    CONFIG_CONSTRAINT_KIND {
        0 "CONSTRAINT_KIND_UNSPECIFIED";
        1 "CONSTRAINT_KIND_REQUIRED_TOGETHER";
        2 "CONSTRAINT_KIND_AT_LEAST_ONE";
        3 "CONSTRAINT_KIND_MUTUALLY_EXCLUSIVE";
        4 "CONSTRAINT_KIND_DEPENDENT_ON";
    }
    CONFIG_STRING_FIELD_TYPE {
        0 "STRING_FIELD_TYPE_TEXT_UNSPECIFIED";
        1 "STRING_FIELD_TYPE_RANDOM";
        2 "STRING_FIELD_TYPE_OAUTH2";
        3 "STRING_FIELD_TYPE_CONNECTOR_DERIVED_OPTIONS";
        4 "STRING_FIELD_TYPE_FILE_UPLOAD";
    }
}

messages! {
    // validate.proto
    VALIDATE_STRING_RULES = Plain "validate.StringRules" {
        1 "const" Optional String;
        2 "minLen" Optional Uint64;
        3 "maxLen" Optional Uint64;
        4 "minBytes" Optional Uint64;
        5 "maxBytes" Optional Uint64;
        6 "pattern" Optional String;
        7 "prefix" Optional String;
        8 "suffix" Optional String;
        9 "contains" Optional String;
        10 "in" Repeated String;
        11 "notIn" Repeated String;
        12 "email" Oneof Bool;
        13 "hostname" Oneof Bool;
        14 "ip" Oneof Bool;
        15 "ipv4" Oneof Bool;
        16 "ipv6" Oneof Bool;
        17 "uri" Oneof Bool;
        18 "uriRef" Oneof Bool;
        19 "len" Optional Uint64;
        20 "lenBytes" Optional Uint64;
        21 "address" Oneof Bool;
        22 "uuid" Oneof Bool;
        23 "notContains" Optional String;
        24 "wellKnownRegex" Oneof Enum(KNOWN_REGEX);
        25 "strict" Optional Bool;
        26 "ignoreEmpty" Optional Bool;
    }

    // rules.proto
    CONFIG_INT64_RULES = Plain "c1.config.v1.Int64Rules" {
        1 "eq" Optional Int64;
        2 "lt" Optional Int64;
        3 "lte" Optional Int64;
        4 "gt" Optional Int64;
        5 "gte" Optional Int64;
        6 "in" Repeated Int64;
        7 "notIn" Repeated Int64;
        8 "validateEmpty" Single Bool;
        9 "isRequired" Single Bool;
    }
    CONFIG_BOOL_RULES = Plain "c1.config.v1.BoolRules" {
        1 "eq" Optional Bool;
    }
    CONFIG_REPEATED_RULES = Plain "c1.config.v1.RepeatedRules" {
        1 "minItems" Optional Uint64;
        2 "maxItems" Optional Uint64;
        3 "unique" Single Bool;
        4 "validateEmpty" Single Bool;
        5 "isRequired" Single Bool;
        100 "int64" Oneof Message(&CONFIG_INT64_RULES);
        101 "bool" Oneof Message(&CONFIG_BOOL_RULES);
        102 "string" Oneof Message(&CONFIG_STRING_RULES);
    }
    CONFIG_REPEATED_STRING_RULES = Plain "c1.config.v1.RepeatedStringRules" {
        1 "minItems" Optional Uint64;
        2 "maxItems" Optional Uint64;
        3 "unique" Single Bool;
        4 "itemRules" Single Message(&CONFIG_STRING_RULES);
        5 "validateEmpty" Single Bool;
        6 "isRequired" Single Bool;
    }
    CONFIG_STRING_RULES = Plain "c1.config.v1.StringRules" {
        1 "eq" Optional String;
        2 "minLen" Optional Uint64;
        3 "maxLen" Optional Uint64;
        6 "pattern" Optional String;
        7 "prefix" Optional String;
        8 "suffix" Optional String;
        9 "contains" Optional String;
        10 "in" Repeated String;
        11 "notIn" Repeated String;
        12 "wellKnown" Single Enum(CONFIG_WELL_KNOWN_STRING);
        19 "len" Optional Uint64;
        23 "notContains" Optional String;
        26 "validateEmpty" Single Bool;
        27 "isRequired" Single Bool;
    }
    CONFIG_STRING_MAP_RULES = Plain "c1.config.v1.StringMapRules" {
        1 "validateEmpty" Single Bool;
        2 "isRequired" Single Bool;
    }
    CONFIG_RESOURCE_ID_RULES = Plain "c1.config.v1.ResourceIDRules" {
        1 "allowedResourceTypeIds" Repeated String;
    }
    CONFIG_REPEATED_RESOURCE_ID_RULES = Plain "c1.config.v1.RepeatedResourceIdRules" {
        1 "allowedResourceTypeIds" Repeated String;
        2 "minItems" Optional Uint64;
        3 "maxItems" Optional Uint64;
        4 "unique" Single Bool;
        5 "validateEmpty" Single Bool;
        6 "isRequired" Single Bool;
    }

    // config.proto
    CONFIG_CONFIGURATION = Plain "c1.config.v1.Configuration" {
        1 "fields" Repeated Message(&CONFIG_FIELD);
        2 "constraints" Repeated Message(&CONFIG_CONSTRAINT);
        3 "displayName" Single String;
        4 "helpUrl" Single String;
        5 "iconUrl" Single String;
        7 "isDirectory" Single Bool;
        8 "catalogId" Single String;
        9 "supportsExternalResources" Single Bool;
        10 "requiresExternalConnector" Single Bool;
        11 "fieldGroups" Repeated Message(&CONFIG_FIELD_GROUP);
    }
    CONFIG_CONSTRAINT = Plain "c1.config.v1.Constraint" {
        1 "kind" Single Enum(CONFIG_CONSTRAINT_KIND);
        2 "fieldNames" Repeated String;
        3 "secondaryFieldNames" Repeated String;
        4 "name" Single String;
        5 "helpText" Single String;
        6 "isFieldGroup" Single Bool;
    }
    CONFIG_FIELD_GROUP = Plain "c1.config.v1.FieldGroup" {
        1 "name" Single String;
        2 "displayName" Single String;
        3 "helpText" Single String;
        4 "fields" Repeated String;
        5 "default" Single Bool;
    }
    CONFIG_FIELD = Plain "c1.config.v1.Field" {
        1 "name" Single String;
        2 "displayName" Single String;
        3 "description" Single String;
        4 "placeholder" Single String;
        5 "isRequired" Single Bool;
        6 "isOps" Single Bool;
        7 "isSecret" Single Bool;
        100 "stringField" Oneof Message(&CONFIG_STRING_FIELD);
        101 "intField" Oneof Message(&CONFIG_INT_FIELD);
        102 "boolField" Oneof Message(&CONFIG_BOOL_FIELD);
        103 "stringSliceField" Oneof Message(&CONFIG_STRING_SLICE_FIELD);
        104 "stringMapField" Oneof Message(&CONFIG_STRING_MAP_FIELD);
        105 "resourceIdField" Oneof Message(&CONFIG_RESOURCE_ID_FIELD);
        106 "resourceIdSliceField" Oneof Message(&CONFIG_RESOURCE_ID_SLICE_FIELD);
        107 "resourceField" Oneof Message(&CONFIG_RESOURCE_FIELD);
        108 "resourceSliceField" Oneof Message(&CONFIG_RESOURCE_SLICE_FIELD);
        109 "entitlementSliceField" Oneof Message(&CONFIG_ENTITLEMENT_SLICE_FIELD);
        110 "grantSliceField" Oneof Message(&CONFIG_GRANT_SLICE_FIELD);
    }
    CONFIG_RESOURCE = Plain "c1.config.v1.Resource" {
        1 "resourceId" Single Message(&CONFIG_RESOURCE_ID);
        2 "parentResourceId" Single Message(&CONFIG_RESOURCE_ID);
        3 "displayName" Single String;
        4 "description" Single String;
        5 "annotations" Repeated Message(&ANY);
    }
    CONFIG_RESOURCE_ID = Plain "c1.config.v1.ResourceId" {
        1 "resourceTypeId" Single String;
        2 "resourceId" Single String;
    }
    CONFIG_RESOURCE_FIELD = Plain "c1.config.v1.ResourceField" {
        1 "defaultValue" Single Message(&CONFIG_RESOURCE);
    }
    CONFIG_RESOURCE_SLICE_FIELD = Plain "c1.config.v1.ResourceSliceField" {
        1 "defaultValue" Repeated Message(&CONFIG_RESOURCE);
    }
    CONFIG_ENTITLEMENT = Plain "c1.config.v1.Entitlement" {
        1 "id" Single String;
        2 "displayName" Single String;
        3 "description" Single String;
        4 "slug" Single String;
        5 "purpose" Single String;
        6 "grantableToResourceTypeIds" Repeated String;
        7 "resourceId" Single String;
        8 "resourceTypeId" Single String;
    }
    CONFIG_ENTITLEMENT_SLICE_FIELD = Plain "c1.config.v1.EntitlementSliceField" {
        1 "defaultValue" Repeated Message(&CONFIG_ENTITLEMENT);
    }
    CONFIG_ENTITLEMENT_REF = Plain "c1.config.v1.EntitlementRef" {
        1 "id" Single String;
    }
    CONFIG_GRANT = Plain "c1.config.v1.Grant" {
        1 "id" Single String;
        2 "entitlement" Single Message(&CONFIG_ENTITLEMENT_REF);
        3 "principal" Single Message(&CONFIG_RESOURCE);
    }
    CONFIG_GRANT_SLICE_FIELD = Plain "c1.config.v1.GrantSliceField" {
        1 "defaultValue" Repeated Message(&CONFIG_GRANT);
    }
    CONFIG_RESOURCE_ID_FIELD = Plain "c1.config.v1.ResourceIdField" {
        1 "defaultValue" Single Message(&CONFIG_RESOURCE_ID);
        3 "rules" Optional Message(&CONFIG_RESOURCE_ID_RULES);
    }
    CONFIG_RESOURCE_ID_SLICE_FIELD = Plain "c1.config.v1.ResourceIdSliceField" {
        1 "defaultValue" Repeated Message(&CONFIG_RESOURCE_ID_FIELD);
        2 "rules" Optional Message(&CONFIG_REPEATED_RESOURCE_ID_RULES);
    }
    CONFIG_INT_FIELD = Plain "c1.config.v1.IntField" {
        1 "defaultValue" Single Int64;
        2 "rules" Optional Message(&CONFIG_INT64_RULES);
        3 "suggestedValue" Single Int64;
    }
    CONFIG_BOOL_FIELD = Plain "c1.config.v1.BoolField" {
        1 "defaultValue" Single Bool;
        2 "rules" Optional Message(&CONFIG_BOOL_RULES);
        3 "suggestedValue" Single Bool;
    }
    CONFIG_STRING_SLICE_FIELD = Plain "c1.config.v1.StringSliceField" {
        1 "defaultValue" Repeated String;
        2 "rules" Optional Message(&CONFIG_REPEATED_STRING_RULES);
        3 "suggestedValue" Repeated String;
    }
    CONFIG_STRING_MAP_FIELD = Plain "c1.config.v1.StringMapField" {
        1 "defaultValue" Repeated Map(&CONFIG_STRING_MAP_FIELD_DEFAULT_VALUE_ENTRY, &ANY);
        2 "rules" Optional Message(&CONFIG_STRING_MAP_RULES);
        3 "suggestedValue" Repeated Map(&CONFIG_STRING_MAP_FIELD_SUGGESTED_VALUE_ENTRY, &ANY);
    }
    CONFIG_STRING_MAP_FIELD_DEFAULT_VALUE_ENTRY = Plain "c1.config.v1.StringMapField.DefaultValueEntry" {
        1 "key" Single String;
        2 "value" Single Message(&ANY);
    }
    CONFIG_STRING_MAP_FIELD_SUGGESTED_VALUE_ENTRY = Plain "c1.config.v1.StringMapField.SuggestedValueEntry" {
        1 "key" Single String;
        2 "value" Single Message(&ANY);
    }
    CONFIG_STRING_FIELD_OPTION = Plain "c1.config.v1.StringFieldOption" {
        1 "name" Single String;
        2 "value" Single String;
        3 "displayName" Single String;
    }
    CONFIG_STRING_FIELD = Plain "c1.config.v1.StringField" {
        1 "defaultValue" Single String;
        2 "rules" Optional Message(&CONFIG_STRING_RULES);
        3 "type" Single Enum(CONFIG_STRING_FIELD_TYPE);
        4 "allowedExtensions" Repeated String;
        5 "options" Repeated Message(&CONFIG_STRING_FIELD_OPTION);
        6 "suggestedValue" Single String;
    }
}
