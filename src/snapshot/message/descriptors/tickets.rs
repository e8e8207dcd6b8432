//! Tickets, actions, and the forms that describe them. Rare in a snapshot, like the messages of `services.rs`.

use super::config::{CONFIG_CONSTRAINT, CONFIG_FIELD, VALIDATE_STRING_RULES};
use super::rows::{ASSET_REF, RESOURCE};
use super::types::Kind::{Bool, Enum, Int32, Map, Message, String, Uint32};
use super::types::{Descriptor, EnumNames, Field, Form, Label, has_oneof};
use super::well_known::{ANY, DURATION, FLOAT_VALUE, STRUCT, TIMESTAMP};

enums! {
    ACTION_STATUS {
        0 "BATON_ACTION_STATUS_UNSPECIFIED";
        1 "BATON_ACTION_STATUS_UNKNOWN";
        2 "BATON_ACTION_STATUS_PENDING";
        3 "BATON_ACTION_STATUS_RUNNING";
        4 "BATON_ACTION_STATUS_COMPLETE";
        5 "BATON_ACTION_STATUS_FAILED";
    }
    ACTION_TYPE {
        0 "ACTION_TYPE_UNSPECIFIED";
        1 "ACTION_TYPE_DYNAMIC";
        2 "ACTION_TYPE_ACCOUNT";
        3 "ACTION_TYPE_ACCOUNT_UPDATE_PROFILE";
        4 "ACTION_TYPE_ACCOUNT_DISABLE";
        5 "ACTION_TYPE_ACCOUNT_ENABLE";
        6 "ACTION_TYPE_RESOURCE_CREATE";
        7 "ACTION_TYPE_RESOURCE_DELETE";
        8 "ACTION_TYPE_RESOURCE_ENABLE";
        9 "ACTION_TYPE_RESOURCE_DISABLE";
    }
}

messages! {
    // ticket.proto
    TICKET_SCHEMA = Plain "c1.connector.v2.TicketSchema" {
        1 "id" Single String;
        2 "displayName" Single String;
        3 "types" Repeated Message(&TICKET_TYPE);
        4 "statuses" Repeated Message(&TICKET_STATUS);
        5 "customFields" Repeated Map(&TICKET_SCHEMA_CUSTOM_FIELDS_ENTRY, &TICKET_CUSTOM_FIELD);
        6 "annotations" Repeated Message(&ANY);
    }
    TICKET_SCHEMA_CUSTOM_FIELDS_ENTRY = Plain "c1.connector.v2.TicketSchema.CustomFieldsEntry" {
        1 "key" Single String;
        2 "value" Single Message(&TICKET_CUSTOM_FIELD);
    }
    TICKET_CUSTOM_FIELD = Plain "c1.connector.v2.TicketCustomField" {
        1 "id" Single String;
        2 "displayName" Single String;
        3 "required" Single Bool;
        4 "annotations" Repeated Message(&ANY);
        100 "stringValue" Oneof Message(&TICKET_CUSTOM_FIELD_STRING_VALUE);
        101 "stringValues" Oneof Message(&TICKET_CUSTOM_FIELD_STRING_VALUES);
        102 "boolValue" Oneof Message(&TICKET_CUSTOM_FIELD_BOOL_VALUE);
        103 "timestampValue" Oneof Message(&TICKET_CUSTOM_FIELD_TIMESTAMP_VALUE);
        104 "pickStringValue" Oneof Message(&TICKET_CUSTOM_FIELD_PICK_STRING_VALUE);
        105 "pickMultipleStringValues" Oneof Message(&TICKET_CUSTOM_FIELD_PICK_MULTIPLE_STRING_VALUES);
        106 "pickObjectValue" Oneof Message(&TICKET_CUSTOM_FIELD_PICK_OBJECT_VALUE);
        107 "pickMultipleObjectValues" Oneof Message(&TICKET_CUSTOM_FIELD_PICK_MULTIPLE_OBJECT_VALUES);
        108 "numberValue" Oneof Message(&TICKET_CUSTOM_FIELD_NUMBER_VALUE);
    }
    TICKET_CUSTOM_FIELD_STRING_VALUE = Plain "c1.connector.v2.TicketCustomFieldStringValue" {
        1 "value" Single String;
        2 "defaultValue" Single String;
    }
    TICKET_CUSTOM_FIELD_STRING_VALUES = Plain "c1.connector.v2.TicketCustomFieldStringValues" {
        1 "values" Repeated String;
        2 "defaultValues" Repeated String;
    }
    TICKET_CUSTOM_FIELD_BOOL_VALUE = Plain "c1.connector.v2.TicketCustomFieldBoolValue" {
        1 "value" Single Bool;
    }
    TICKET_CUSTOM_FIELD_NUMBER_VALUE = Plain "c1.connector.v2.TicketCustomFieldNumberValue" {
        1 "value" Single Message(&FLOAT_VALUE);
        2 "defaultValue" Single Message(&FLOAT_VALUE);
    }
    TICKET_CUSTOM_FIELD_TIMESTAMP_VALUE = Plain "c1.connector.v2.TicketCustomFieldTimestampValue" {
        1 "value" Single Message(&TIMESTAMP);
        2 "defaultValue" Single Message(&TIMESTAMP);
    }
    TICKET_CUSTOM_FIELD_PICK_STRING_VALUE = Plain "c1.connector.v2.TicketCustomFieldPickStringValue" {
        1 "value" Single String;
        2 "allowedValues" Repeated String;
        3 "defaultValue" Single String;
    }
    TICKET_CUSTOM_FIELD_PICK_MULTIPLE_STRING_VALUES = Plain "c1.connector.v2.TicketCustomFieldPickMultipleStringValues" {
        1 "values" Repeated String;
        2 "allowedValues" Repeated String;
        3 "defaultValues" Repeated String;
    }
    TICKET_CUSTOM_FIELD_PICK_OBJECT_VALUE = Plain "c1.connector.v2.TicketCustomFieldPickObjectValue" {
        1 "value" Single Message(&TICKET_CUSTOM_FIELD_OBJECT_VALUE);
        2 "allowedValues" Repeated Message(&TICKET_CUSTOM_FIELD_OBJECT_VALUE);
        3 "defaultValue" Single Message(&TICKET_CUSTOM_FIELD_OBJECT_VALUE);
    }
    TICKET_CUSTOM_FIELD_PICK_MULTIPLE_OBJECT_VALUES = Plain "c1.connector.v2.TicketCustomFieldPickMultipleObjectValues" {
        1 "values" Repeated Message(&TICKET_CUSTOM_FIELD_OBJECT_VALUE);
        2 "allowedValues" Repeated Message(&TICKET_CUSTOM_FIELD_OBJECT_VALUE);
        3 "defaultValues" Repeated Message(&TICKET_CUSTOM_FIELD_OBJECT_VALUE);
    }
    TICKET_CUSTOM_FIELD_OBJECT_VALUE = Plain "c1.connector.v2.TicketCustomFieldObjectValue" {
        1 "id" Single String;
        2 "displayName" Single String;
    }
    TICKET_STATUS = Plain "c1.connector.v2.TicketStatus" {
        1 "id" Single String;
        2 "displayName" Single String;
    }
    TICKETS_SERVICE_GET_TICKET_SCHEMA_REQUEST = Plain "c1.connector.v2.TicketsServiceGetTicketSchemaRequest" {
        1 "id" Single String;
        2 "annotations" Repeated Message(&ANY);
    }
    TICKETS_SERVICE_GET_TICKET_SCHEMA_RESPONSE = Plain "c1.connector.v2.TicketsServiceGetTicketSchemaResponse" {
        1 "schema" Single Message(&TICKET_SCHEMA);
        2 "annotations" Repeated Message(&ANY);
    }
    TICKETS_SERVICE_LIST_TICKET_SCHEMAS_REQUEST = Plain "c1.connector.v2.TicketsServiceListTicketSchemasRequest" {
        1 "pageSize" Single Uint32;
        2 "pageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    TICKETS_SERVICE_LIST_TICKET_SCHEMAS_RESPONSE = Plain "c1.connector.v2.TicketsServiceListTicketSchemasResponse" {
        1 "list" Repeated Message(&TICKET_SCHEMA);
        2 "nextPageToken" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    TICKET = Plain "c1.connector.v2.Ticket" {
        1 "id" Single String;
        2 "displayName" Single String;
        3 "description" Single String;
        4 "assignees" Repeated Message(&RESOURCE);
        5 "reporter" Single Message(&RESOURCE);
        7 "status" Single Message(&TICKET_STATUS);
        8 "type" Single Message(&TICKET_TYPE);
        9 "labels" Repeated String;
        10 "url" Single String;
        11 "customFields" Repeated Map(&TICKET_CUSTOM_FIELDS_ENTRY, &TICKET_CUSTOM_FIELD);
        12 "createdAt" Single Message(&TIMESTAMP);
        13 "updatedAt" Single Message(&TIMESTAMP);
        14 "completedAt" Single Message(&TIMESTAMP);
        15 "requestedFor" Single Message(&RESOURCE);
    }
    TICKET_CUSTOM_FIELDS_ENTRY = Plain "c1.connector.v2.Ticket.CustomFieldsEntry" {
        1 "key" Single String;
        2 "value" Single Message(&TICKET_CUSTOM_FIELD);
    }
    TICKET_TYPE = Plain "c1.connector.v2.TicketType" {
        1 "id" Single String;
        2 "displayName" Single String;
    }
    TICKET_REQUEST = Plain "c1.connector.v2.TicketRequest" {
        1 "displayName" Single String;
        2 "description" Single String;
        3 "status" Single Message(&TICKET_STATUS);
        4 "type" Single Message(&TICKET_TYPE);
        5 "labels" Repeated String;
        6 "customFields" Repeated Map(&TICKET_REQUEST_CUSTOM_FIELDS_ENTRY, &TICKET_CUSTOM_FIELD);
        7 "requestedFor" Single Message(&RESOURCE);
    }
    TICKET_REQUEST_CUSTOM_FIELDS_ENTRY = Plain "c1.connector.v2.TicketRequest.CustomFieldsEntry" {
        1 "key" Single String;
        2 "value" Single Message(&TICKET_CUSTOM_FIELD);
    }
    TICKETS_SERVICE_CREATE_TICKET_REQUEST = Plain "c1.connector.v2.TicketsServiceCreateTicketRequest" {
        1 "request" Single Message(&TICKET_REQUEST);
        2 "schema" Single Message(&TICKET_SCHEMA);
        8 "annotations" Repeated Message(&ANY);
    }
    TICKETS_SERVICE_CREATE_TICKET_RESPONSE = Plain "c1.connector.v2.TicketsServiceCreateTicketResponse" {
        1 "ticket" Single Message(&TICKET);
        2 "annotations" Repeated Message(&ANY);
        3 "error" Single String;
    }
    TICKETS_SERVICE_GET_TICKET_REQUEST = Plain "c1.connector.v2.TicketsServiceGetTicketRequest" {
        1 "id" Single String;
        2 "annotations" Repeated Message(&ANY);
    }
    TICKETS_SERVICE_GET_TICKET_RESPONSE = Plain "c1.connector.v2.TicketsServiceGetTicketResponse" {
        1 "ticket" Single Message(&TICKET);
        2 "annotations" Repeated Message(&ANY);
        3 "error" Single String;
    }
    TICKETS_SERVICE_BULK_CREATE_TICKETS_REQUEST = Plain "c1.connector.v2.TicketsServiceBulkCreateTicketsRequest" {
        1 "ticketRequests" Repeated Message(&TICKETS_SERVICE_CREATE_TICKET_REQUEST);
    }
    TICKETS_SERVICE_BULK_CREATE_TICKETS_RESPONSE = Plain "c1.connector.v2.TicketsServiceBulkCreateTicketsResponse" {
        1 "tickets" Repeated Message(&TICKETS_SERVICE_CREATE_TICKET_RESPONSE);
    }
    TICKETS_SERVICE_BULK_GET_TICKETS_REQUEST = Plain "c1.connector.v2.TicketsServiceBulkGetTicketsRequest" {
        1 "ticketRequests" Repeated Message(&TICKETS_SERVICE_GET_TICKET_REQUEST);
    }
    TICKETS_SERVICE_BULK_GET_TICKETS_RESPONSE = Plain "c1.connector.v2.TicketsServiceBulkGetTicketsResponse" {
        1 "tickets" Repeated Message(&TICKETS_SERVICE_GET_TICKET_RESPONSE);
    }

    // action.proto
    BATON_ACTION_SCHEMA = Plain "c1.connector.v2.BatonActionSchema" {
        1 "name" Single String;
        2 "arguments" Repeated Message(&CONFIG_FIELD);
        3 "constraints" Repeated Message(&CONFIG_CONSTRAINT);
        4 "returnTypes" Repeated Message(&CONFIG_FIELD);
        5 "displayName" Single String;
        6 "description" Single String;
        7 "actionType" Repeated Enum(ACTION_TYPE);
        8 "resourceTypeId" Single String;
    }
    INVOKE_ACTION_REQUEST = Plain "c1.connector.v2.InvokeActionRequest" {
        1 "name" Single String;
        2 "args" Single Message(&STRUCT);
        3 "annotations" Repeated Message(&ANY);
        4 "resourceTypeId" Single String;
        5 "inlineWait" Single Message(&DURATION);
    }
    INVOKE_ACTION_RESPONSE = Plain "c1.connector.v2.InvokeActionResponse" {
        1 "id" Single String;
        2 "status" Single Enum(ACTION_STATUS);
        3 "annotations" Repeated Message(&ANY);
        4 "response" Single Message(&STRUCT);
        5 "name" Single String;
    }
    GET_ACTION_STATUS_REQUEST = Plain "c1.connector.v2.GetActionStatusRequest" {
        1 "name" Single String;
        2 "id" Single String;
        3 "annotations" Repeated Message(&ANY);
    }
    GET_ACTION_STATUS_RESPONSE = Plain "c1.connector.v2.GetActionStatusResponse" {
        1 "name" Single String;
        2 "id" Single String;
        3 "status" Single Enum(ACTION_STATUS);
        4 "annotations" Repeated Message(&ANY);
        5 "response" Single Message(&STRUCT);
    }
    GET_ACTION_SCHEMA_REQUEST = Plain "c1.connector.v2.GetActionSchemaRequest" {
        1 "name" Single String;
        2 "annotations" Repeated Message(&ANY);
    }
    GET_ACTION_SCHEMA_RESPONSE = Plain "c1.connector.v2.GetActionSchemaResponse" {
        1 "schema" Single Message(&BATON_ACTION_SCHEMA);
        2 "annotations" Repeated Message(&ANY);
    }
    LIST_ACTION_SCHEMAS_REQUEST = Plain "c1.connector.v2.ListActionSchemasRequest" {
        1 "annotations" Repeated Message(&ANY);
        2 "resourceTypeId" Single String;
    }
    LIST_ACTION_SCHEMAS_RESPONSE = Plain "c1.connector.v2.ListActionSchemasResponse" {
        1 "schemas" Repeated Message(&BATON_ACTION_SCHEMA);
        2 "annotations" Repeated Message(&ANY);
    }

    // config.proto
    SCHEMA_SERVICE_GET_SCHEMA_REQUEST = Plain "c1.connector.v2.SchemaServiceGetSchemaRequest" {}
    SCHEMA_SERVICE_GET_SCHEMA_RESPONSE = Plain "c1.connector.v2.SchemaServiceGetSchemaResponse" {
        1 "version" Single String;
        2 "schema" Single Message(&CONFIG_SCHEMA);
    }
    CONFIG_SCHEMA = Plain "c1.connector.v2.ConfigSchema" {
        1 "fields" Repeated Message(&FIELD);
        2 "displayName" Single String;
        3 "helpUrl" Single String;
        4 "icon" Single Message(&ASSET_REF);
        5 "logo" Single Message(&ASSET_REF);
    }
    FIELD = Plain "c1.connector.v2.Field" {
        1 "name" Single String;
        2 "helpUrl" Single String;
        3 "displayName" Single String;
        4 "placeholder" Single String;
        100 "str" Oneof Message(&STRING_FIELD);
        101 "select" Oneof Message(&SELECT_FIELD);
        102 "random" Oneof Message(&RANDOM_STRING_FIELD);
        103 "file" Oneof Message(&FILE_FIELD);
    }
    STRING_FIELD = Plain "c1.connector.v2.StringField" {
        1 "secret" Single Bool;
        2 "valueValidator" Single Message(&VALIDATE_STRING_RULES);
    }
    SELECT_FIELD = Plain "c1.connector.v2.SelectField" {
        5 "items" Repeated Message(&SELECT_FIELD_ITEM);
    }
    SELECT_FIELD_ITEM = Plain "c1.connector.v2.SelectField.Item" {
        1 "displayName" Single String;
        2 "value" Single String;
    }
    RANDOM_STRING_FIELD = Plain "c1.connector.v2.RandomStringField" {
        1 "length" Single Int32;
    }
    FILE_FIELD = Plain "c1.connector.v2.FileField" {
        1 "secret" Single Bool;
        2 "valueValidator" Single Message(&VALIDATE_STRING_RULES);
        3 "allowedExtensions" Repeated String;
    }
}
