//! Annotations that connectors write: the traits of resources, and marks on rows of every kind.

use super::rows::{ASSET_REF, RESOURCE_ID, TRAIT};
use super::types::Kind::{Bool, Double, Enum, Int64, Message, String, Uint32};
use super::types::{Descriptor, EnumNames, Field, Form, Label, has_oneof};
use super::well_known::{BOOL_VALUE, STRUCT, TIMESTAMP};

enums! {
    SEVERITY {
        0 "SEVERITY_UNSPECIFIED";
        1 "SEVERITY_LOW";
        2 "SEVERITY_MEDIUM";
        3 "SEVERITY_HIGH";
        4 "SEVERITY_CRITICAL";
    }
    RATE_LIMIT_STATUS {
        0 "STATUS_UNSPECIFIED";
        1 "STATUS_OK";
        2 "STATUS_OVERLIMIT";
        3 "STATUS_ERROR";
    }
    SOURCE_CACHE_MODE {
        0 "MODE_UNSPECIFIED";
        1 "MODE_DISABLED";
        2 "MODE_READ_WRITE";
    }
    RENEWAL_STATUS {
        0 "RENEWAL_STATUS_UNSPECIFIED";
        1 "RENEWAL_STATUS_NOT_STARTED";
        2 "RENEWAL_STATUS_INITIATED";
        3 "RENEWAL_STATUS_RENEWED";
        4 "RENEWAL_STATUS_CANCELLED";
        5 "RENEWAL_STATUS_REJECTED";
        6 "RENEWAL_STATUS_EXPIRED";
    }
    PRICING_MODEL {
        0 "PRICING_MODEL_UNSPECIFIED";
        1 "PRICING_MODEL_UNKNOWN";
        2 "PRICING_MODEL_PER_SEAT";
        3 "PRICING_MODEL_PER_LICENSE";
        4 "PRICING_MODEL_FLAT";
        5 "PRICING_MODEL_TIERED";
        6 "PRICING_MODEL_USAGE";
    }
    USER_STATUS {
        0 "STATUS_UNSPECIFIED";
        1 "STATUS_ENABLED";
        2 "STATUS_DISABLED";
        3 "STATUS_DELETED";
    }
    ACCOUNT_TYPE {
        0 "ACCOUNT_TYPE_UNSPECIFIED";
        1 "ACCOUNT_TYPE_HUMAN";
        2 "ACCOUNT_TYPE_SERVICE";
        3 "ACCOUNT_TYPE_SYSTEM";
    }
    APP_FLAG {
        0 "APP_FLAG_UNSPECIFIED";
        1 "APP_FLAG_HIDDEN";
        2 "APP_FLAG_INACTIVE";
        3 "APP_FLAG_SAML";
        4 "APP_FLAG_OIDC";
        5 "APP_FLAG_BOOKMARK";
    }
    CREDENTIAL_TYPE {
        0 "CREDENTIAL_TYPE_UNSPECIFIED";
        1 "CREDENTIAL_TYPE_STATIC_SECRET";
        2 "CREDENTIAL_TYPE_ASYMMETRIC_KEY";
        3 "CREDENTIAL_TYPE_CERTIFICATE";
    }
    NHI_TYPE {
        0 "NHI_TYPE_UNSPECIFIED";
        1 "NHI_TYPE_APP_REGISTRATION";
        2 "NHI_TYPE_ASSUMABLE_ROLE";
        3 "NHI_TYPE_MANAGED_IDENTITY";
    }
    AGENT_STATUS {
        0 "AGENT_STATUS_UNSPECIFIED";
        1 "AGENT_STATUS_READY";
        2 "AGENT_STATUS_DISABLED";
        3 "AGENT_STATUS_DELETED";
    }
    DEVICE_TYPE {
        0 "DEVICE_TYPE_UNSPECIFIED";
        1 "DEVICE_TYPE_SERVER";
        2 "DEVICE_TYPE_DESKTOP";
        3 "DEVICE_TYPE_LAPTOP";
        4 "DEVICE_TYPE_TABLET";
        5 "DEVICE_TYPE_MOBILE";
        6 "DEVICE_TYPE_VIRTUAL";
        99 "DEVICE_TYPE_OTHER";
    }
    MANAGEMENT_STATE {
        0 "MANAGEMENT_STATE_UNSPECIFIED";
        1 "MANAGEMENT_STATE_MANAGED";
        2 "MANAGEMENT_STATE_UNMANAGED";
        3 "MANAGEMENT_STATE_PENDING";
        4 "MANAGEMENT_STATE_RETIRED";
        5 "MANAGEMENT_STATE_WIPED";
    }
    COMPLIANCE {
        0 "COMPLIANCE_UNSPECIFIED";
        1 "COMPLIANCE_COMPLIANT";
        2 "COMPLIANCE_NONCOMPLIANT";
        3 "COMPLIANCE_IN_GRACE_PERIOD";
        4 "COMPLIANCE_ERROR";
    }
    OS_TYPE {
        0 "OS_TYPE_UNSPECIFIED";
        1 "OS_TYPE_WINDOWS";
        2 "OS_TYPE_WINDOWS_MOBILE";
        3 "OS_TYPE_LINUX";
        4 "OS_TYPE_ANDROID";
        5 "OS_TYPE_MACOS";
        6 "OS_TYPE_IOS";
        7 "OS_TYPE_IPADOS";
        8 "OS_TYPE_SOLARIS";
        9 "OS_TYPE_AIX";
        10 "OS_TYPE_HPUX";
        11 "OS_TYPE_CHROMEOS";
        99 "OS_TYPE_OTHER";
    }
}

messages! {
    // annotation_resource_tree.proto
    CHILD_RESOURCE_TYPE = Plain "c1.connector.v2.ChildResourceType" {
        1 "resourceTypeId" Single String;
    }
    SKIP_ENTITLEMENTS_AND_GRANTS = Plain "c1.connector.v2.SkipEntitlementsAndGrants" {}
    SKIP_GRANTS = Plain "c1.connector.v2.SkipGrants" {}
    SKIP_ENTITLEMENTS = Plain "c1.connector.v2.SkipEntitlements" {}

    // annotation_security_insight.proto
    RISK_FACTOR = Plain "c1.connector.v2.RiskFactor" {
        1 "description" Single String;
        2 "severity" Single Enum(SEVERITY);
    }
    RISK_SCORE = Plain "c1.connector.v2.RiskScore" {
        1 "value" Single String;
        2 "factors" Repeated String;
        3 "normalizedScore" Single Uint32;
        4 "sourceScore" Single String;
        5 "riskFactors" Repeated Message(&RISK_FACTOR);
    }
    ISSUE = Plain "c1.connector.v2.Issue" {
        1 "value" Single String;
        2 "severity" Single String;
    }
    SECURITY_INSIGHT_TRAIT = Plain "c1.connector.v2.SecurityInsightTrait" {
        1 "riskScore" Oneof Message(&RISK_SCORE);
        2 "issue" Oneof Message(&ISSUE);
        3 "observedAt" Single Message(&TIMESTAMP);
        4 "user" SecondOneof Message(&SECURITY_INSIGHT_TRAIT_USER_TARGET);
        5 "resourceId" SecondOneof Message(&RESOURCE_ID);
        6 "externalResource" SecondOneof Message(&SECURITY_INSIGHT_TRAIT_EXTERNAL_RESOURCE_TARGET);
        7 "appUser" SecondOneof Message(&SECURITY_INSIGHT_TRAIT_APP_USER_TARGET);
    }
    SECURITY_INSIGHT_TRAIT_USER_TARGET = Plain "c1.connector.v2.SecurityInsightTrait.UserTarget" {
        1 "email" Single String;
    }
    SECURITY_INSIGHT_TRAIT_APP_USER_TARGET = Plain "c1.connector.v2.SecurityInsightTrait.AppUserTarget" {
        1 "email" Single String;
        2 "externalId" Single String;
    }
    SECURITY_INSIGHT_TRAIT_EXTERNAL_RESOURCE_TARGET = Plain "c1.connector.v2.SecurityInsightTrait.ExternalResourceTarget" {
        1 "externalId" Single String;
        2 "appHint" Single String;
    }

    // annotation_ratelimit.proto
    RATE_LIMIT_DESCRIPTION = Plain "c1.connector.v2.RateLimitDescription" {
        1 "status" Single Enum(RATE_LIMIT_STATUS);
        2 "limit" Single Int64;
        3 "remaining" Single Int64;
        4 "resetAt" Single Message(&TIMESTAMP);
    }
    RATE_LIMIT_WAIT_REPORT = Plain "c1.connector.v2.RateLimitWaitReport" {
        1 "waitMs" Single Int64;
    }

    // annotation_source_cache.proto
    SOURCE_CACHE_CAPABILITY = Plain "c1.connector.v2.SourceCacheCapability" {
        1 "mode" Single Enum(SOURCE_CACHE_MODE);
        2 "cacheGeneration" Single String;
        3 "configFingerprint" Single String;
    }
    SOURCE_CACHE_RECORD = Plain "c1.connector.v2.SourceCacheRecord" {
        1 "scopeKey" Single String;
        2 "cacheValidator" Single String;
        3 "deletedIds" Repeated String;
        4 "deletedPrincipalIds" Repeated String;
    }
    SOURCE_CACHE_REPLAY = Plain "c1.connector.v2.SourceCacheReplay" {
        1 "scopeKey" Single String;
        2 "cacheValidator" Single String;
        3 "overlay" Single Bool;
        4 "deletedIds" Repeated String;
        5 "deletedPrincipalIds" Repeated String;
    }
    SOURCE_CACHE_LOOKUP_OFFER = Plain "c1.connector.v2.SourceCacheLookupOffer" {}
    SOURCE_CACHE_LOOKUP_ASK = Plain "c1.connector.v2.SourceCacheLookupAsk" {
        1 "queries" Repeated Message(&SOURCE_CACHE_LOOKUP_ASK_QUERY);
    }
    SOURCE_CACHE_LOOKUP_ASK_QUERY = Plain "c1.connector.v2.SourceCacheLookupAsk.Query" {
        1 "rowKind" Single String;
        2 "scopeKey" Single String;
    }
    SOURCE_CACHE_LOOKUP_ANSWERS = Plain "c1.connector.v2.SourceCacheLookupAnswers" {
        1 "answers" Repeated Message(&SOURCE_CACHE_LOOKUP_ANSWERS_ANSWER);
    }
    SOURCE_CACHE_LOOKUP_ANSWERS_ANSWER = Plain "c1.connector.v2.SourceCacheLookupAnswers.Answer" {
        1 "rowKind" Single String;
        2 "scopeKey" Single String;
        3 "found" Single Bool;
        4 "cacheValidator" Single String;
    }

    // annotation_v1_identifier.proto
    V1_IDENTIFIER = Plain "c1.connector.v2.V1Identifier" {
        1 "id" Single String;
    }

    // annotation_session.proto
    SESSION_STORE_USAGE = Plain "c1.connector.v2.SessionStoreUsage" {
        1 "kind" Single String;
        2 "ops" Repeated Message(&SESSION_STORE_USAGE_OP_STATS);
    }
    SESSION_STORE_USAGE_OP_STATS = Plain "c1.connector.v2.SessionStoreUsage.OpStats" {
        1 "op" Single String;
        2 "count" Single Int64;
        3 "errors" Single Int64;
        4 "timeouts" Single Int64;
        5 "totalMs" Single Int64;
        6 "maxMs" Single Int64;
    }

    // annotation_etag.proto
    E_TAG = Plain "c1.connector.v2.ETag" {
        1 "value" Single String;
        2 "entitlementId" Single String;
    }
    E_TAG_METADATA = Plain "c1.connector.v2.ETagMetadata" {
        1 "metadata" Single Message(&STRUCT);
    }
    E_TAG_MATCH = Plain "c1.connector.v2.ETagMatch" {
        1 "entitlementId" Single String;
    }

    // annotation_type_scoped_entitlements.proto
    TYPE_SCOPED_ENTITLEMENTS = Plain "c1.connector.v2.TypeScopedEntitlements" {}

    // annotation_vendor.proto
    MONEY = Plain "c1.connector.v2.Money" {
        1 "amountMinor" Single Int64;
        2 "currencyCode" Single String;
    }
    VENDOR_TRAIT = Plain "c1.connector.v2.VendorTrait" {
        1 "vendorId" Single String;
        2 "vendorName" Single String;
        3 "vendorDbaName" Single String;
        4 "websiteDomain" Single String;
        5 "externalVendorId" Single String;
        6 "deepLinkUrl" Single String;
        7 "sourceBusinessId" Single String;
        8 "sourceEntityId" Single String;
        9 "trailing30dSpend" Single Message(&MONEY);
        10 "trailing365dSpend" Single Message(&MONEY);
        11 "ytdSpend" Single Message(&MONEY);
    }

    // annotation_vendor_agreement.proto
    LINE_ITEM = Plain "c1.connector.v2.LineItem" {
        1 "productOrServiceName" Single String;
        2 "quantity" Single Double;
        3 "unit" Single String;
        4 "pricePerUnit" Single Message(&MONEY);
        5 "totalPrice" Single Message(&MONEY);
    }
    VENDOR_AGREEMENT_TRAIT = Plain "c1.connector.v2.VendorAgreementTrait" {
        1 "agreementName" Single String;
        2 "startDate" Single Message(&TIMESTAMP);
        3 "endDate" Single Message(&TIMESTAMP);
        4 "lastDateToTerminate" Single Message(&TIMESTAMP);
        5 "autoRenewal" Single Bool;
        6 "renewalStatus" Single Enum(RENEWAL_STATUS);
        7 "renewalStatusRaw" Single String;
        8 "totalValue" Single Message(&MONEY);
        9 "lineItems" Repeated Message(&LINE_ITEM);
        10 "pricingModel" Single Enum(PRICING_MODEL);
        11 "externalAccountManagerEmail" Single String;
        12 "externalAccountManagerName" Single String;
    }

    // annotation_request.proto
    REQUEST_ID = Plain "c1.connector.v2.RequestId" {
        1 "requestId" Single String;
    }

    // annotation_resource_deleted.proto
    RESOURCE_DELETED = Plain "c1.connector.v2.ResourceDeleted" {
        1 "resourceId" Single Message(&RESOURCE_ID);
    }

    // annotation_grant_replaced.proto
    GRANT_REPLACED = Plain "c1.connector.v2.GrantReplaced" {
        1 "replacedGrantId" Single String;
    }

    // annotation_baton_id.proto
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
    BATON_ID = Plain "c1.connector.v2.BatonID" {}

    // annotation_grant.proto
    GRANT_METADATA = Plain "c1.connector.v2.GrantMetadata" {
        1 "metadata" Single Message(&STRUCT);
    }
    GRANT_EXPANDABLE = Plain "c1.connector.v2.GrantExpandable" {
        1 "entitlementIds" Repeated String;
        2 "shallow" Single Bool;
        3 "resourceTypeIds" Repeated String;
    }
    GRANT_IMMUTABLE = Plain "c1.connector.v2.GrantImmutable" {
        1 "sourceId" Single String;
        2 "metadata" Single Message(&STRUCT);
    }
    GRANT_ALREADY_EXISTS = Plain "c1.connector.v2.GrantAlreadyExists" {}
    GRANT_ALREADY_REVOKED = Plain "c1.connector.v2.GrantAlreadyRevoked" {}
    INSERT_RESOURCE_GRANTS = Plain "c1.connector.v2.InsertResourceGrants" {}

    // annotation_resource.proto
    RESOURCE_DOES_NOT_EXIST = Plain "c1.connector.v2.ResourceDoesNotExist" {}

    // annotation_trait.proto
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
    GROUP_TRAIT = Plain "c1.connector.v2.GroupTrait" {
        1 "icon" Single Message(&ASSET_REF);
        2 "profile" Single Message(&STRUCT);
        3 "groupSourceType" Single String;
        4 "rawGroupSourceType" Single String;
    }
    ROLE_TRAIT = Plain "c1.connector.v2.RoleTrait" {
        1 "profile" Single Message(&STRUCT);
        2 "roleScopeConditions" Single Message(&ROLE_SCOPE_CONDITIONS);
    }
    ROLE_SCOPE_CONDITIONS = Plain "c1.connector.v2.RoleScopeConditions" {
        1 "type" Single String;
        3 "conditions" Repeated Message(&ROLE_SCOPE_CONDITION);
    }
    ROLE_SCOPE_CONDITION = Plain "c1.connector.v2.RoleScopeCondition" {
        1 "expression" Single String;
    }
    SCOPE_BINDING_TRAIT = Plain "c1.connector.v2.ScopeBindingTrait" {
        1 "roleId" Single Message(&RESOURCE_ID);
        2 "scopeResourceId" Single Message(&RESOURCE_ID);
    }
    APP_TRAIT = Plain "c1.connector.v2.AppTrait" {
        1 "helpUrl" Single String;
        2 "icon" Single Message(&ASSET_REF);
        3 "logo" Single Message(&ASSET_REF);
        4 "profile" Single Message(&STRUCT);
        5 "flags" Repeated Enum(APP_FLAG);
        6 "appSourceType" Single String;
        7 "rawAppSourceType" Single String;
    }
    SECRET_TRAIT = Plain "c1.connector.v2.SecretTrait" {
        1 "profile" Single Message(&STRUCT);
        2 "createdAt" Single Message(&TIMESTAMP);
        3 "expiresAt" Single Message(&TIMESTAMP);
        4 "lastUsedAt" Single Message(&TIMESTAMP);
        5 "createdById" Single Message(&RESOURCE_ID);
        6 "identityId" Single Message(&RESOURCE_ID);
        7 "credentialType" Single Enum(CREDENTIAL_TYPE);
        8 "credentialDetail" Single String;
    }
    LICENSE_PROFILE_TRAIT = Plain "c1.connector.v2.LicenseProfileTrait" {
        1 "licenseName" Single String;
        2 "purchasedSeats" Single Int64;
        3 "consumedSeats" Single Int64;
        4 "costPerUnitInCents" Single Int64;
        5 "currency" Single String;
        6 "entitlementIds" Repeated String;
    }
    NON_HUMAN_IDENTITY_TRAIT = Plain "c1.connector.v2.NonHumanIdentityTrait" {
        1 "nhiType" Single Enum(NHI_TYPE);
        2 "nhiDetail" Single String;
    }
    AGENT_TRAIT = Plain "c1.connector.v2.AgentTrait" {
        1 "status" Single Enum(AGENT_STATUS);
        2 "identityResourceId" Single Message(&RESOURCE_ID);
        3 "profile" Single Message(&STRUCT);
    }
    MANAGED_DEVICE_TRAIT = Plain "c1.connector.v2.ManagedDeviceTrait" {
        1 "serial" Single String;
        2 "udid" Single String;
        3 "hardwareHash" Single String;
        4 "deviceType" Single Enum(DEVICE_TYPE);
        5 "model" Single String;
        6 "vendor" Single String;
        7 "os" Single Message(&DEVICE_OS);
        8 "compliance" Single Enum(COMPLIANCE);
        9 "isEncrypted" Single Message(&BOOL_VALUE);
        10 "isSupervised" Single Message(&BOOL_VALUE);
        11 "isPersonal" Single Message(&BOOL_VALUE);
        12 "managementState" Single Enum(MANAGEMENT_STATE);
        13 "enrolledAt" Single Message(&TIMESTAMP);
    }
    DEVICE_OS = Plain "c1.connector.v2.DeviceOS" {
        1 "type" Single Enum(OS_TYPE);
        2 "name" Single String;
        3 "version" Single String;
        4 "build" Single String;
    }

    // annotation_external_link.proto
    EXTERNAL_LINK = Plain "c1.connector.v2.ExternalLink" {
        1 "url" Single String;
    }

    // annotation_exclusion_group.proto
    ENTITLEMENT_EXCLUSION_GROUP = Plain "c1.connector.v2.EntitlementExclusionGroup" {
        1 "exclusionGroupId" Single String;
        2 "order" Single Uint32;
        3 "isDefault" Single Bool;
        4 "scopeToResource" Single Bool;
    }

    // annotation_external_ticket.proto
    EXTERNAL_TICKET_SETTINGS = Plain "c1.connector.v2.ExternalTicketSettings" {
        1 "enabled" Single Bool;
    }
    EXTERNAL_TICKET_REF = Plain "c1.connector.v2.ExternalTicketRef" {
        1 "id" Single String;
        2 "externalTicketProvisionerConfigId" Single String;
    }

    // annotation_type_scoped_grants.proto
    TYPE_SCOPED_GRANTS = Plain "c1.connector.v2.TypeScopedGrants" {}
    ENQUEUE_PAGE_TOKENS = Plain "c1.connector.v2.EnqueuePageTokens" {
        1 "pageTokens" Repeated String;
        2 "estimatedTotal" Single Int64;
    }

    // annotation_id_alias.proto
    ALIASES = Plain "c1.connector.v2.Aliases" {
        1 "ids" Repeated String;
    }

    // annotation_entitlement.proto
    ENTITLEMENT_IMMUTABLE = Plain "c1.connector.v2.EntitlementImmutable" {
        1 "sourceId" Single String;
        2 "metadata" Single Message(&STRUCT);
    }

    // annotation_raw_id.proto
    RAW_ID = Plain "c1.connector.v2.RawId" {
        1 "id" Single String;
    }
}
