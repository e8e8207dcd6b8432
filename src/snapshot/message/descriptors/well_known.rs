//! The messages of `google.protobuf`, which have special forms in JSON.

use super::types::Kind::{
    Bool, Bytes, Double, Enum, Float, Int32, Int64, Map, Message, String, Uint32, Uint64,
};
use super::types::{Descriptor, EnumNames, Field, Form, Label, has_oneof};

enums! {
    NULL {
        0 "NULL_VALUE";
    }
}

messages! {
    // duration.proto
    DURATION = Duration "google.protobuf.Duration" {
        1 "seconds" Single Int64;
        2 "nanos" Single Int32;
    }

    // timestamp.proto
    TIMESTAMP = Timestamp "google.protobuf.Timestamp" {
        1 "seconds" Single Int64;
        2 "nanos" Single Int32;
    }

    // field_mask.proto
    FIELD_MASK = FieldMask "google.protobuf.FieldMask" {
        1 "paths" Repeated String;
    }

    // any.proto
    ANY = Any "google.protobuf.Any" {
        1 "typeUrl" Single String;
        2 "value" Single Bytes;
    }

    // struct.proto
    STRUCT = Struct "google.protobuf.Struct" {
        1 "fields" Repeated Map(&STRUCT_ENTRY, &VALUE);
    }
    STRUCT_ENTRY = Plain "google.protobuf.Struct.FieldsEntry" {
        1 "key" Single String;
        2 "value" Single Message(&VALUE);
    }
    VALUE = Value "google.protobuf.Value" {
        1 "nullValue" Oneof Enum(NULL);
        2 "numberValue" Oneof Double;
        3 "stringValue" Oneof String;
        4 "boolValue" Oneof Bool;
        5 "structValue" Oneof Message(&STRUCT);
        6 "listValue" Oneof Message(&LIST_VALUE);
    }
    LIST_VALUE = ListValue "google.protobuf.ListValue" {
        1 "values" Repeated Message(&VALUE);
    }

    // wrappers.proto
    DOUBLE_VALUE = Wrapper "google.protobuf.DoubleValue" {
        1 "value" Single Double;
    }
    FLOAT_VALUE = Wrapper "google.protobuf.FloatValue" {
        1 "value" Single Float;
    }
    INT64_VALUE = Wrapper "google.protobuf.Int64Value" {
        1 "value" Single Int64;
    }
    UINT64_VALUE = Wrapper "google.protobuf.UInt64Value" {
        1 "value" Single Uint64;
    }
    INT32_VALUE = Wrapper "google.protobuf.Int32Value" {
        1 "value" Single Int32;
    }
    UINT32_VALUE = Wrapper "google.protobuf.UInt32Value" {
        1 "value" Single Uint32;
    }
    BOOL_VALUE = Wrapper "google.protobuf.BoolValue" {
        1 "value" Single Bool;
    }
    STRING_VALUE = Wrapper "google.protobuf.StringValue" {
        1 "value" Single String;
    }
    BYTES_VALUE = Wrapper "google.protobuf.BytesValue" {
        1 "value" Single Bytes;
    }
}
