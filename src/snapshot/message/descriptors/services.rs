//! Requests and responses of a connector's services, and their parts. Connectors do not write them to snapshots, but an
//! annotation may contain any message, and the official tools know these.

use super::rows::{ASSET_REF, ENTITLEMENT, GRANT, RESOURCE, RESOURCE_ID, RESOURCE_TYPE, TRAIT};
use super::types::Kind::{Bool, Bytes, Enum, Int32, Int64, Map, Message, String, Uint32};
use super::types::{Descriptor, EnumNames, Field, Form, Label, has_oneof};
use super::well_known::{ANY, DURATION, STRUCT, TIMESTAMP};

enums! {
    CREDENTIAL_RESOURCE_MODE {
        0 "CREDENTIAL_RESOURCE_MODE_UNSPECIFIED";
        1 "CREDENTIAL_RESOURCE_MODE_DISCOVERABLE";
        2 "CREDENTIAL_RESOURCE_MODE_VIRTUAL";
    }
    CAPABILITY {
        0 "CAPABILITY_UNSPECIFIED";
        1 "CAPABILITY_PROVISION";
        2 "CAPABILITY_SYNC";
        3 "CAPABILITY_EVENT_FEED";
        4 "CAPABILITY_TICKETING";
        5 "CAPABILITY_ACCOUNT_PROVISIONING";
        6 "CAPABILITY_CREDENTIAL_ROTATION";
        7 "CAPABILITY_RESOURCE_CREATE";
        8 "CAPABILITY_RESOURCE_DELETE";
        9 "CAPABILITY_SYNC_SECRETS";
        10 "CAPABILITY_ACTIONS";
        11 "CAPABILITY_TARGETED_SYNC";
        12 "CAPABILITY_EVENT_FEED_V2";
        13 "CAPABILITY_SERVICE_MODE_TARGETED_SYNC";
        14 "CAPABILITY_CREDENTIAL_ISSUE";
    }
    CAPABILITY_DETAIL_CREDENTIAL_OPTION {
        0 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_UNSPECIFIED";
        1 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_NO_PASSWORD";
        2 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_RANDOM_PASSWORD";
        3 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_SSO";
        4 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_ENCRYPTED_PASSWORD";
        5 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_API_KEY";
        6 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_KEYPAIR";
        7 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_TOKEN";
        8 "CAPABILITY_DETAIL_CREDENTIAL_OPTION_CLIENT_SECRET";
    }
    EVENT_TYPE {
        0 "EVENT_TYPE_UNSPECIFIED";
        1 "EVENT_TYPE_USAGE";
        4 "EVENT_TYPE_RESOURCE_CHANGE";
        5 "EVENT_TYPE_CREATE_GRANT";
        6 "EVENT_TYPE_CREATE_REVOKE";
    }
}

messages! {
    // asset.proto
    ASSET_SERVICE_GET_ASSET_REQUEST = Plain "c1.connector.v2.AssetServiceGetAssetRequest" {
        1 "asset" Single Message(&ASSET_REF);
    }
    ASSET_SERVICE_GET_ASSET_RESPONSE = Plain "c1.connector.v2.AssetServiceGetAssetResponse" {
        1 "metadata" Oneof Message(&ASSET_SERVICE_GET_ASSET_RESPONSE_METADATA);
        2 "data" Oneof Message(&ASSET_SERVICE_GET_ASSET_RESPONSE_DATA);
    }
    ASSET_SERVICE_GET_ASSET_RESPONSE_METADATA = Plain "c1.connector.v2.AssetServiceGetAssetResponse.Metadata" {
        1 "contentType" Single String;
    }
    ASSET_SERVICE_GET_ASSET_RESPONSE_DATA = Plain "c1.connector.v2.AssetServiceGetAssetResponse.Data" {
        1 "data" Single Bytes;
    }

    // resource.proto
    RESOURCE_TYPES_SERVICE_LIST_RESOURCE_TYPES_REQUEST = Plain "c1.connector.v2.ResourceTypesServiceListResourceTypesRequest" {
        1 "parent" Single Message(&RESOURCE);
        2 "pageSize" Single Uint32;
        3 "pageToken" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "activeSyncId" Single String;
    }
    RESOURCE_TYPES_SERVICE_LIST_RESOURCE_TYPES_RESPONSE = Plain "c1.connector.v2.ResourceTypesServiceListResourceTypesResponse" {
        1 "list" Repeated Message(&RESOURCE_TYPE);
        2 "nextPageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    CREATE_RESOURCE_REQUEST = Plain "c1.connector.v2.CreateResourceRequest" {
        1 "resource" Single Message(&RESOURCE);
    }
    CREATE_RESOURCE_RESPONSE = Plain "c1.connector.v2.CreateResourceResponse" {
        1 "created" Single Message(&RESOURCE);
        2 "annotations" Repeated Message(&ANY);
    }
    DELETE_RESOURCE_REQUEST = Plain "c1.connector.v2.DeleteResourceRequest" {
        1 "resourceId" Single Message(&RESOURCE_ID);
        2 "parentResourceId" Single Message(&RESOURCE_ID);
    }
    DELETE_RESOURCE_RESPONSE = Plain "c1.connector.v2.DeleteResourceResponse" {
        1 "annotations" Repeated Message(&ANY);
    }
    DELETE_RESOURCE_V2_REQUEST = Plain "c1.connector.v2.DeleteResourceV2Request" {
        1 "resourceId" Single Message(&RESOURCE_ID);
        2 "parentResourceId" Single Message(&RESOURCE_ID);
    }
    DELETE_RESOURCE_V2_RESPONSE = Plain "c1.connector.v2.DeleteResourceV2Response" {
        1 "annotations" Repeated Message(&ANY);
    }
    ROTATE_CREDENTIAL_REQUEST = Plain "c1.connector.v2.RotateCredentialRequest" {
        1 "resourceId" Single Message(&RESOURCE_ID);
        2 "credentialOptions" Single Message(&CREDENTIAL_OPTIONS);
        3 "encryptionConfigs" Repeated Message(&ENCRYPTION_CONFIG);
    }
    ROTATE_CREDENTIAL_RESPONSE = Plain "c1.connector.v2.RotateCredentialResponse" {
        1 "encryptedData" Repeated Message(&ENCRYPTED_DATA);
        2 "resourceId" Single Message(&RESOURCE_ID);
        3 "annotations" Repeated Message(&ANY);
    }
    ISSUE_CREDENTIAL_REQUEST = Plain "c1.connector.v2.IssueCredentialRequest" {
        1 "identityId" Single Message(&RESOURCE_ID);
        2 "credentialOptions" Single Message(&CREDENTIAL_ISSUE_OPTIONS);
        3 "encryptionConfigs" Repeated Message(&ENCRYPTION_CONFIG);
        4 "requestId" Single String;
        5 "expiresAt" Single Message(&TIMESTAMP);
    }
    ISSUE_CREDENTIAL_RESPONSE = Plain "c1.connector.v2.IssueCredentialResponse" {
        1 "secret" Single Message(&RESOURCE);
        2 "encryptedData" Repeated Message(&ENCRYPTED_DATA);
        3 "annotations" Repeated Message(&ANY);
        4 "resourceMode" Single Enum(CREDENTIAL_RESOURCE_MODE);
        5 "requestId" Single String;
    }
    ACCOUNT_INFO = Plain "c1.connector.v2.AccountInfo" {
        1 "emails" Repeated Message(&ACCOUNT_INFO_EMAIL);
        2 "login" Single String;
        3 "loginAliases" Repeated String;
        4 "profile" Single Message(&STRUCT);
    }
    ACCOUNT_INFO_EMAIL = Plain "c1.connector.v2.AccountInfo.Email" {
        1 "address" Single String;
        2 "isPrimary" Single Bool;
    }
    KEY_GENERATION_PROFILE = Plain "c1.connector.v2.KeyGenerationProfile" {
        1 "kty" Single String;
        2 "rsaModulusBits" Oneof Uint32;
        3 "crv" Oneof String;
    }
    CREDENTIAL_ISSUE_OPTIONS = Plain "c1.connector.v2.CredentialIssueOptions" {
        100 "apiKey" Oneof Message(&CREDENTIAL_ISSUE_OPTIONS_API_KEY);
        101 "keypair" Oneof Message(&CREDENTIAL_ISSUE_OPTIONS_KEYPAIR);
        102 "token" Oneof Message(&CREDENTIAL_ISSUE_OPTIONS_TOKEN);
        103 "clientSecret" Oneof Message(&CREDENTIAL_ISSUE_OPTIONS_CLIENT_SECRET);
    }
    CREDENTIAL_ISSUE_OPTIONS_API_KEY = Plain "c1.connector.v2.CredentialIssueOptions.ApiKey" {
        1 "scopes" Repeated String;
    }
    CREDENTIAL_ISSUE_OPTIONS_KEYPAIR = Plain "c1.connector.v2.CredentialIssueOptions.Keypair" {
        1 "profile" Single Message(&KEY_GENERATION_PROFILE);
    }
    CREDENTIAL_ISSUE_OPTIONS_TOKEN = Plain "c1.connector.v2.CredentialIssueOptions.Token" {
        1 "scopes" Repeated String;
        2 "audiences" Repeated String;
    }
    CREDENTIAL_ISSUE_OPTIONS_CLIENT_SECRET = Plain "c1.connector.v2.CredentialIssueOptions.ClientSecret" {}
    CREDENTIAL_OPTIONS = Plain "c1.connector.v2.CredentialOptions" {
        1 "forceChangeAtNextLogin" Single Bool;
        100 "randomPassword" Oneof Message(&CREDENTIAL_OPTIONS_RANDOM_PASSWORD);
        101 "noPassword" Oneof Message(&CREDENTIAL_OPTIONS_NO_PASSWORD);
        102 "sso" Oneof Message(&CREDENTIAL_OPTIONS_SSO);
        103 "encryptedPassword" Oneof Message(&CREDENTIAL_OPTIONS_ENCRYPTED_PASSWORD);
    }
    CREDENTIAL_OPTIONS_RANDOM_PASSWORD = Plain "c1.connector.v2.CredentialOptions.RandomPassword" {
        1 "length" Single Int64;
        2 "constraints" Repeated Message(&PASSWORD_CONSTRAINT);
    }
    CREDENTIAL_OPTIONS_NO_PASSWORD = Plain "c1.connector.v2.CredentialOptions.NoPassword" {}
    CREDENTIAL_OPTIONS_SSO = Plain "c1.connector.v2.CredentialOptions.SSO" {
        1 "ssoProvider" Single String;
    }
    CREDENTIAL_OPTIONS_ENCRYPTED_PASSWORD = Plain "c1.connector.v2.CredentialOptions.EncryptedPassword" {
        1 "encryptedPasswords" Repeated Message(&ENCRYPTED_DATA);
    }
    LOCAL_CREDENTIAL_OPTIONS = Plain "c1.connector.v2.LocalCredentialOptions" {
        1 "forceChangeAtNextLogin" Single Bool;
        100 "randomPassword" Oneof Message(&LOCAL_CREDENTIAL_OPTIONS_RANDOM_PASSWORD);
        101 "noPassword" Oneof Message(&LOCAL_CREDENTIAL_OPTIONS_NO_PASSWORD);
        102 "sso" Oneof Message(&LOCAL_CREDENTIAL_OPTIONS_SSO);
        103 "plaintextPassword" Oneof Message(&LOCAL_CREDENTIAL_OPTIONS_PLAINTEXT_PASSWORD);
    }
    LOCAL_CREDENTIAL_OPTIONS_RANDOM_PASSWORD = Plain "c1.connector.v2.LocalCredentialOptions.RandomPassword" {
        1 "length" Single Int64;
        2 "constraints" Repeated Message(&PASSWORD_CONSTRAINT);
    }
    LOCAL_CREDENTIAL_OPTIONS_NO_PASSWORD = Plain "c1.connector.v2.LocalCredentialOptions.NoPassword" {}
    LOCAL_CREDENTIAL_OPTIONS_SSO = Plain "c1.connector.v2.LocalCredentialOptions.SSO" {
        1 "ssoProvider" Single String;
    }
    LOCAL_CREDENTIAL_OPTIONS_PLAINTEXT_PASSWORD = Plain "c1.connector.v2.LocalCredentialOptions.PlaintextPassword" {
        1 "plaintextPassword" Single String;
    }
    PASSWORD_CONSTRAINT = Plain "c1.connector.v2.PasswordConstraint" {
        1 "charSet" Single String;
        2 "minCount" Single Uint32;
    }
    CREATE_ACCOUNT_REQUEST = Plain "c1.connector.v2.CreateAccountRequest" {
        1 "accountInfo" Single Message(&ACCOUNT_INFO);
        2 "credentialOptions" Single Message(&CREDENTIAL_OPTIONS);
        3 "encryptionConfigs" Repeated Message(&ENCRYPTION_CONFIG);
        4 "resourceTypeId" Single String;
    }
    CREATE_ACCOUNT_RESPONSE = Plain "c1.connector.v2.CreateAccountResponse" {
        2 "encryptedData" Repeated Message(&ENCRYPTED_DATA);
        3 "annotations" Repeated Message(&ANY);
        100 "success" Oneof Message(&CREATE_ACCOUNT_RESPONSE_SUCCESS_RESULT);
        101 "actionRequired" Oneof Message(&CREATE_ACCOUNT_RESPONSE_ACTION_REQUIRED_RESULT);
        102 "alreadyExists" Oneof Message(&CREATE_ACCOUNT_RESPONSE_ALREADY_EXISTS_RESULT);
        103 "inProgress" Oneof Message(&CREATE_ACCOUNT_RESPONSE_IN_PROGRESS_RESULT);
    }
    CREATE_ACCOUNT_RESPONSE_SUCCESS_RESULT = Plain "c1.connector.v2.CreateAccountResponse.SuccessResult" {
        1 "resource" Single Message(&RESOURCE);
        2 "isCreateAccountResult" Single Bool;
        3 "invitationExpiresAt" Single Message(&TIMESTAMP);
    }
    CREATE_ACCOUNT_RESPONSE_ACTION_REQUIRED_RESULT = Plain "c1.connector.v2.CreateAccountResponse.ActionRequiredResult" {
        1 "resource" Single Message(&RESOURCE);
        2 "message" Single String;
        3 "isCreateAccountResult" Single Bool;
    }
    CREATE_ACCOUNT_RESPONSE_ALREADY_EXISTS_RESULT = Plain "c1.connector.v2.CreateAccountResponse.AlreadyExistsResult" {
        1 "resource" Single Message(&RESOURCE);
        2 "isCreateAccountResult" Single Bool;
    }
    CREATE_ACCOUNT_RESPONSE_IN_PROGRESS_RESULT = Plain "c1.connector.v2.CreateAccountResponse.InProgressResult" {
        1 "resource" Single Message(&RESOURCE);
        2 "isCreateAccountResult" Single Bool;
    }
    ENCRYPTED_DATA = Plain "c1.connector.v2.EncryptedData" {
        1 "provider" Single String;
        2 "keyId" Single String;
        3 "name" Single String;
        4 "description" Single String;
        5 "schema" Single String;
        6 "encryptedBytes" Single Bytes;
        7 "keyIds" Repeated String;
    }
    PLAINTEXT_DATA = Plain "c1.connector.v2.PlaintextData" {
        1 "name" Single String;
        2 "description" Single String;
        3 "schema" Single String;
        4 "bytes" Single Bytes;
    }
    ENCRYPTION_CONFIG = Plain "c1.connector.v2.EncryptionConfig" {
        1 "principal" Single Message(&RESOURCE);
        2 "provider" Single String;
        3 "keyId" Single String;
        100 "jwkPublicKeyConfig" Oneof Message(&ENCRYPTION_CONFIG_JWK_PUBLIC_KEY_CONFIG);
        101 "ageRecipientConfig" Oneof Message(&ENCRYPTION_CONFIG_AGE_RECIPIENT_CONFIG);
    }
    ENCRYPTION_CONFIG_JWK_PUBLIC_KEY_CONFIG = Plain "c1.connector.v2.EncryptionConfig.JWKPublicKeyConfig" {
        1 "pubKey" Single Bytes;
    }
    ENCRYPTION_CONFIG_AGE_RECIPIENT_CONFIG = Plain "c1.connector.v2.EncryptionConfig.AgeRecipientConfig" {
        1 "recipient" Single String;
    }
    RESOURCES_SERVICE_LIST_RESOURCES_REQUEST = Plain "c1.connector.v2.ResourcesServiceListResourcesRequest" {
        1 "resourceTypeId" Single String;
        2 "parentResourceId" Single Message(&RESOURCE_ID);
        3 "pageSize" Single Uint32;
        4 "pageToken" Single String;
        5 "annotations" Repeated Message(&ANY);
        6 "activeSyncId" Single String;
        7 "trait" Single Enum(TRAIT);
    }
    RESOURCES_SERVICE_LIST_RESOURCES_RESPONSE = Plain "c1.connector.v2.ResourcesServiceListResourcesResponse" {
        1 "list" Repeated Message(&RESOURCE);
        2 "nextPageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    RESOURCE_GETTER_SERVICE_GET_RESOURCE_REQUEST = Plain "c1.connector.v2.ResourceGetterServiceGetResourceRequest" {
        1 "resourceId" Single Message(&RESOURCE_ID);
        2 "parentResourceId" Single Message(&RESOURCE_ID);
        3 "annotations" Repeated Message(&ANY);
        4 "activeSyncId" Single String;
    }
    RESOURCE_GETTER_SERVICE_GET_RESOURCE_RESPONSE = Plain "c1.connector.v2.ResourceGetterServiceGetResourceResponse" {
        1 "resource" Single Message(&RESOURCE);
        2 "annotations" Repeated Message(&ANY);
    }

    // entitlement.proto
    ENTITLEMENTS_SERVICE_LIST_ENTITLEMENTS_REQUEST = Plain "c1.connector.v2.EntitlementsServiceListEntitlementsRequest" {
        1 "resource" Single Message(&RESOURCE);
        2 "pageSize" Single Uint32;
        3 "pageToken" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "activeSyncId" Single String;
    }
    ENTITLEMENTS_SERVICE_LIST_ENTITLEMENTS_RESPONSE = Plain "c1.connector.v2.EntitlementsServiceListEntitlementsResponse" {
        1 "list" Repeated Message(&ENTITLEMENT);
        2 "nextPageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    ENTITLEMENTS_SERVICE_LIST_STATIC_ENTITLEMENTS_REQUEST = Plain "c1.connector.v2.EntitlementsServiceListStaticEntitlementsRequest" {
        1 "resourceTypeId" Single String;
        2 "pageSize" Single Uint32;
        3 "pageToken" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "activeSyncId" Single String;
    }
    ENTITLEMENTS_SERVICE_LIST_STATIC_ENTITLEMENTS_RESPONSE = Plain "c1.connector.v2.EntitlementsServiceListStaticEntitlementsResponse" {
        1 "list" Repeated Message(&ENTITLEMENT);
        2 "nextPageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }

    // grant.proto
    GRANTS_SERVICE_LIST_GRANTS_REQUEST = Plain "c1.connector.v2.GrantsServiceListGrantsRequest" {
        1 "resource" Single Message(&RESOURCE);
        2 "pageSize" Single Uint32;
        3 "pageToken" Single String;
        4 "annotations" Repeated Message(&ANY);
        5 "activeSyncId" Single String;
    }
    GRANTS_SERVICE_LIST_GRANTS_RESPONSE = Plain "c1.connector.v2.GrantsServiceListGrantsResponse" {
        1 "list" Repeated Message(&GRANT);
        2 "nextPageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    GRANT_MANAGER_SERVICE_GRANT_REQUEST = Plain "c1.connector.v2.GrantManagerServiceGrantRequest" {
        1 "entitlement" Single Message(&ENTITLEMENT);
        2 "principal" Single Message(&RESOURCE);
        3 "annotations" Repeated Message(&ANY);
    }
    GRANT_MANAGER_SERVICE_GRANT_RESPONSE = Plain "c1.connector.v2.GrantManagerServiceGrantResponse" {
        1 "annotations" Repeated Message(&ANY);
        2 "grants" Repeated Message(&GRANT);
    }
    GRANT_MANAGER_SERVICE_REVOKE_REQUEST = Plain "c1.connector.v2.GrantManagerServiceRevokeRequest" {
        1 "grant" Single Message(&GRANT);
        2 "annotations" Repeated Message(&ANY);
    }
    GRANT_MANAGER_SERVICE_REVOKE_RESPONSE = Plain "c1.connector.v2.GrantManagerServiceRevokeResponse" {
        1 "annotations" Repeated Message(&ANY);
    }

    // connector.proto
    CONNECTOR_SERVICE_CLEANUP_REQUEST = Plain "c1.connector.v2.ConnectorServiceCleanupRequest" {
        1 "annotations" Repeated Message(&ANY);
        2 "activeSyncId" Single String;
    }
    CONNECTOR_SERVICE_CLEANUP_RESPONSE = Plain "c1.connector.v2.ConnectorServiceCleanupResponse" {
        1 "annotations" Repeated Message(&ANY);
    }
    CONNECTOR_METADATA = Plain "c1.connector.v2.ConnectorMetadata" {
        1 "displayName" Single String;
        2 "helpUrl" Single String;
        3 "icon" Single Message(&ASSET_REF);
        4 "logo" Single Message(&ASSET_REF);
        5 "profile" Single Message(&STRUCT);
        6 "annotations" Repeated Message(&ANY);
        7 "description" Single String;
        8 "capabilities" Single Message(&CONNECTOR_CAPABILITIES);
        9 "accountCreationSchema" Single Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA);
    }
    CREDENTIAL_DETAILS = Plain "c1.connector.v2.CredentialDetails" {
        1 "capabilityAccountProvisioning" Single Message(&CREDENTIAL_DETAILS_ACCOUNT_PROVISIONING);
        2 "capabilityCredentialRotation" Single Message(&CREDENTIAL_DETAILS_CREDENTIAL_ROTATION);
    }
    CREDENTIAL_DETAILS_ACCOUNT_PROVISIONING = Plain "c1.connector.v2.CredentialDetailsAccountProvisioning" {
        1 "supportedCredentialOptions" Repeated Enum(CAPABILITY_DETAIL_CREDENTIAL_OPTION);
        2 "preferredCredentialOption" Single Enum(CAPABILITY_DETAIL_CREDENTIAL_OPTION);
    }
    CREDENTIAL_DETAILS_CREDENTIAL_ROTATION = Plain "c1.connector.v2.CredentialDetailsCredentialRotation" {
        1 "supportedCredentialOptions" Repeated Enum(CAPABILITY_DETAIL_CREDENTIAL_OPTION);
        2 "preferredCredentialOption" Single Enum(CAPABILITY_DETAIL_CREDENTIAL_OPTION);
    }
    CREDENTIAL_DETAILS_CREDENTIAL_ISSUE = Plain "c1.connector.v2.CredentialDetailsCredentialIssue" {
        1 "options" Repeated Message(&CREDENTIAL_ISSUE_OPTION_DESCRIPTOR);
        2 "preferredOption" Single Enum(CAPABILITY_DETAIL_CREDENTIAL_OPTION);
    }
    CREDENTIAL_ISSUE_OPTION_DESCRIPTOR = Plain "c1.connector.v2.CredentialIssueOptionDescriptor" {
        1 "option" Single Enum(CAPABILITY_DETAIL_CREDENTIAL_OPTION);
        2 "keyProfiles" Repeated Message(&KEY_GENERATION_PROFILE);
        3 "expiry" Single Message(&ISSUANCE_EXPIRY_CAPABILITY);
        4 "scopes" Repeated String;
        5 "customScopesAllowed" Single Bool;
        6 "customAudiencesAllowed" Single Bool;
        7 "audiences" Repeated String;
        8 "resourceMode" Single Enum(CREDENTIAL_RESOURCE_MODE);
        9 "secretResourceTypeId" Single String;
    }
    ISSUANCE_EXPIRY_CAPABILITY = Plain "c1.connector.v2.IssuanceExpiryCapability" {
        1 "min" Single Message(&DURATION);
        2 "max" Single Message(&DURATION);
    }
    CONNECTOR_CAPABILITIES = Plain "c1.connector.v2.ConnectorCapabilities" {
        1 "resourceTypeCapabilities" Repeated Message(&RESOURCE_TYPE_CAPABILITY);
        2 "connectorCapabilities" Repeated Enum(CAPABILITY);
        3 "credentialDetails" Single Message(&CREDENTIAL_DETAILS);
    }
    CAPABILITY_PERMISSION = Plain "c1.connector.v2.CapabilityPermission" {
        1 "permission" Single String;
    }
    CAPABILITY_PERMISSIONS = Plain "c1.connector.v2.CapabilityPermissions" {
        1 "permissions" Repeated Message(&CAPABILITY_PERMISSION);
    }
    OPT_IN_REQUIRED = Plain "c1.connector.v2.OptInRequired" {}
    DEPRECATED = Plain "c1.connector.v2.Deprecated" {}
    SKIP_SYNC_ANOMALY_DETECTION = Plain "c1.connector.v2.SkipSyncAnomalyDetection" {}
    RESOURCE_TYPE_CAPABILITY = Plain "c1.connector.v2.ResourceTypeCapability" {
        1 "resourceType" Single Message(&RESOURCE_TYPE);
        2 "capabilities" Repeated Enum(CAPABILITY);
        3 "permissions" Single Message(&CAPABILITY_PERMISSIONS);
        4 "optInRequired" Single Bool;
        5 "skipSyncAnomalyDetection" Single Bool;
        6 "credentialIssue" Single Message(&CREDENTIAL_DETAILS_CREDENTIAL_ISSUE);
        7 "deprecated" Single Bool;
    }
    CONNECTOR_SERVICE_GET_METADATA_REQUEST = Plain "c1.connector.v2.ConnectorServiceGetMetadataRequest" {}
    CONNECTOR_SERVICE_GET_METADATA_RESPONSE = Plain "c1.connector.v2.ConnectorServiceGetMetadataResponse" {
        1 "metadata" Single Message(&CONNECTOR_METADATA);
    }
    CONNECTOR_SERVICE_VALIDATE_REQUEST = Plain "c1.connector.v2.ConnectorServiceValidateRequest" {}
    CONNECTOR_SERVICE_VALIDATE_RESPONSE = Plain "c1.connector.v2.ConnectorServiceValidateResponse" {
        1 "annotations" Repeated Message(&ANY);
        2 "sdkVersion" Single String;
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA = Plain "c1.connector.v2.ConnectorAccountCreationSchema" {
        1 "fieldMap" Repeated Map(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD_MAP_ENTRY, &CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD);
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD_MAP_ENTRY = Plain "c1.connector.v2.ConnectorAccountCreationSchema.FieldMapEntry" {
        1 "key" Single String;
        2 "value" Single Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD);
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD = Plain "c1.connector.v2.ConnectorAccountCreationSchema.Field" {
        1 "displayName" Single String;
        2 "required" Single Bool;
        3 "description" Single String;
        4 "placeholder" Single String;
        5 "order" Single Int32;
        6 "deprecated" Single Bool;
        100 "stringField" Oneof Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_STRING_FIELD);
        101 "boolField" Oneof Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_BOOL_FIELD);
        102 "stringListField" Oneof Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_STRING_LIST_FIELD);
        103 "intField" Oneof Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_INT_FIELD);
        104 "mapField" Oneof Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_MAP_FIELD);
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_STRING_FIELD = Plain "c1.connector.v2.ConnectorAccountCreationSchema.StringField" {
        1 "defaultValue" Optional String;
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_BOOL_FIELD = Plain "c1.connector.v2.ConnectorAccountCreationSchema.BoolField" {
        1 "defaultValue" Optional Bool;
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_STRING_LIST_FIELD = Plain "c1.connector.v2.ConnectorAccountCreationSchema.StringListField" {
        1 "defaultValue" Repeated String;
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_INT_FIELD = Plain "c1.connector.v2.ConnectorAccountCreationSchema.IntField" {
        1 "defaultValue" Optional Int32;
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_MAP_FIELD = Plain "c1.connector.v2.ConnectorAccountCreationSchema.MapField" {
        1 "defaultValue" Repeated Map(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_MAP_FIELD_DEFAULT_VALUE_ENTRY, &CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD);
    }
    CONNECTOR_ACCOUNT_CREATION_SCHEMA_MAP_FIELD_DEFAULT_VALUE_ENTRY = Plain "c1.connector.v2.ConnectorAccountCreationSchema.MapField.DefaultValueEntry" {
        1 "key" Single String;
        2 "value" Single Message(&CONNECTOR_ACCOUNT_CREATION_SCHEMA_FIELD);
    }

    // event_feed.proto
    LIST_EVENTS_REQUEST = Plain "c1.connector.v2.ListEventsRequest" {
        1 "cursor" Single String;
        2 "startAt" Single Message(&TIMESTAMP);
        3 "pageSize" Single Uint32;
        4 "annotations" Repeated Message(&ANY);
        5 "eventFeedId" Single String;
    }
    LIST_EVENTS_RESPONSE = Plain "c1.connector.v2.ListEventsResponse" {
        1 "events" Repeated Message(&EVENT);
        2 "cursor" Single String;
        3 "hasMore" Single Bool;
        4 "annotations" Repeated Message(&ANY);
    }
    LIST_EVENT_FEEDS_REQUEST = Plain "c1.connector.v2.ListEventFeedsRequest" {
        1 "annotations" Repeated Message(&ANY);
    }
    LIST_EVENT_FEEDS_RESPONSE = Plain "c1.connector.v2.ListEventFeedsResponse" {
        1 "list" Repeated Message(&EVENT_FEED_METADATA);
        2 "annotations" Repeated Message(&ANY);
    }
    EVENT = Plain "c1.connector.v2.Event" {
        1 "id" Single String;
        2 "occurredAt" Single Message(&TIMESTAMP);
        3 "annotations" Repeated Message(&ANY);
        100 "usageEvent" Oneof Message(&USAGE_EVENT);
        101 "grantEvent" Oneof Message(&GRANT_EVENT);
        102 "revokeEvent" Oneof Message(&REVOKE_EVENT);
        103 "resourceChangeEvent" Oneof Message(&RESOURCE_CHANGE_EVENT);
        104 "createGrantEvent" Oneof Message(&CREATE_GRANT_EVENT);
        105 "createRevokeEvent" Oneof Message(&CREATE_REVOKE_EVENT);
    }
    USAGE_EVENT = Plain "c1.connector.v2.UsageEvent" {
        1 "targetResource" Single Message(&RESOURCE);
        2 "actorResource" Single Message(&RESOURCE);
    }
    GRANT_EVENT = Plain "c1.connector.v2.GrantEvent" {
        1 "grant" Single Message(&GRANT);
    }
    CREATE_GRANT_EVENT = Plain "c1.connector.v2.CreateGrantEvent" {
        1 "entitlement" Single Message(&ENTITLEMENT);
        2 "principal" Single Message(&RESOURCE);
        3 "annotations" Repeated Message(&ANY);
    }
    CREATE_REVOKE_EVENT = Plain "c1.connector.v2.CreateRevokeEvent" {
        1 "entitlement" Single Message(&ENTITLEMENT);
        2 "principal" Single Message(&RESOURCE);
        3 "annotations" Repeated Message(&ANY);
    }
    REVOKE_EVENT = Plain "c1.connector.v2.RevokeEvent" {
        1 "entitlement" Single Message(&ENTITLEMENT);
        2 "principal" Single Message(&RESOURCE);
    }
    RESOURCE_CHANGE_EVENT = Plain "c1.connector.v2.ResourceChangeEvent" {
        1 "resourceId" Single Message(&RESOURCE_ID);
        2 "parentResourceId" Single Message(&RESOURCE_ID);
    }
    EVENT_FEED_METADATA = Plain "c1.connector.v2.EventFeedMetadata" {
        1 "id" Single String;
        2 "supportedEventTypes" Repeated Enum(EVENT_TYPE);
    }
}
