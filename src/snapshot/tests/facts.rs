//! Tests of facts: messages, given as JSON, and the facts that they contain.

use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::{Value, json};

use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId,
};
use crate::snapshot::message::descriptors::{self, Descriptor, Form, Kind};
use crate::snapshot::message::{Weight, validate};
use crate::snapshot::table::{
    EntitlementColumns, GrantColumns, Kind as RowType, ResourceColumns, Row, descriptor,
};

fn id(of: &str) -> ResourceId {
    ResourceId::new(&ResourceTypeId::new("type"), of)
}

/// The facts of a row with this message.
fn facts<K: RowType>(columns: K::Columns<'static>, message: &Value) -> Value {
    let data = encoded(descriptor(K::KIND), message);
    assert!(
        validate(descriptor(K::KIND), &data, &[], Weight::default()).is_ok(),
        "{message}"
    );
    let row = Row::<K> {
        id: "id".into(),
        columns,
        data: data.into(),
        rowid: 1,
        own_form: None,
    };
    row.facts().into_iter().collect()
}

fn of_resource(message: &Value) -> Value {
    let columns = ResourceColumns {
        id: id("resource"),
        parent: None,
    };
    facts::<Resource>(columns, message)
}

/// The facts of a user with this trait.
fn of_trait(members: &Value) -> Value {
    of_resource(&json!({"annotations": [any("UserTrait", members)]}))
}

fn any(name: &str, members: &Value) -> Value {
    let mut any = members.clone();
    any["@type"] = format!("type.googleapis.com/c1.connector.v2.{name}").into();
    any
}

#[test]
fn what_a_trait_says_goes_by_names_that_people_know() {
    for (said, facts) in [
        (json!({"login": "a@x"}), json!({"login": "a@x"})),
        (
            json!({"profile": {"a": 1, "b": [true]}}),
            json!({"profile.a": 1, "profile.b": [true]}),
        ),
        (
            json!({"status": {"status": "STATUS_DISABLED"}}),
            json!({"status": "disabled"}),
        ),
        (
            json!({"status": {"status": "STATUS_ENABLED", "details": "d"}}),
            json!({"status": "enabled", "status_details": "d"}),
        ),
        (json!({"status": {}}), json!({"status": "unspecified"})),
        (
            json!({"mfaStatus": {"mfaEnabled": true}}),
            json!({"two_factor": true}),
        ),
        (json!({"mfaStatus": {}}), json!({"two_factor": false})),
        (
            json!({"ssoStatus": {"ssoEnabled": true}}),
            json!({"linked_login": true}),
        ),
        (json!({"ssoStatus": {}}), json!({"linked_login": false})),
        (
            json!({"accountType": "ACCOUNT_TYPE_SERVICE"}),
            json!({"account_type": "service"}),
        ),
        (
            json!({"emails": [{"address": "a@x"}]}),
            json!({"email": "a@x"}),
        ),
        (
            json!({"emails": [{"address": "a@x"}, {"address": "b@x", "isPrimary": true}]}),
            json!({
                "email": "b@x",
                "emails": [{"address": "a@x"}, {"address": "b@x", "isPrimary": true}],
            }),
        ),
        (
            json!({"structuredName": {"givenName": "A", "familyName": "B", "middleNames": ["C"]}}),
            json!({"first_name": "A", "last_name": "B", "middle_names": ["C"]}),
        ),
        (
            json!({"loginAliases": ["b"]}),
            json!({"login_aliases": ["b"]}),
        ),
        (json!({}), json!({"user_trait": true})),
    ] {
        assert_eq!(of_trait(&said), facts, "{said}");
    }
}

#[test]
fn seat_and_switches_are_those_that_the_profile_states_unless_the_trait_says_otherwise() {
    for (profile, seat) in [
        (
            json!({"organization_level": 15, "organization_role": "member"}),
            Some("owner"),
        ),
        (json!({"organization_level": 8}), Some("administrator")),
        (json!({"organization_level": 3}), Some("unknown (3)")),
        (json!({"organization_role": "member"}), Some("member")),
        (json!({"organization_role": "Chief"}), Some("Chief")),
        (json!({"organization_level": 1.5}), None),
        (json!({}), None),
    ] {
        let facts = of_resource(&json!({"profile": profile}));
        assert_eq!(facts.get("seat").and_then(Value::as_str), seat, "{profile}");
    }
    let switches = json!({"is_2fa_enabled": true, "has_social_auth": false});
    let facts = of_resource(&json!({"profile": switches}));
    assert_eq!(
        [&facts["two_factor"], &facts["linked_login"]],
        [true, false]
    );
    let facts =
        of_trait(&json!({"profile": switches, "mfaStatus": {}, "ssoStatus": {"ssoEnabled": true}}));
    assert_eq!(
        [&facts["two_factor"], &facts["linked_login"]],
        [false, true]
    );
    // A value that is not a boolean is not a switch.
    let facts = of_resource(&json!({"profile": {"is_2fa_enabled": "yes"}}));
    assert_eq!(facts, json!({"profile.is_2fa_enabled": "yes"}));
}

#[test]
fn what_the_object_says_itself_goes_before_its_trait() {
    for (of_trait, of_object, facts) in [
        // Equal values are reported once.
        (
            json!({"profile": {"a": 1}}),
            json!({"profile": {"a": 1}}),
            json!({"profile.a": 1}),
        ),
        // Different values are both reported, under different names.
        (
            json!({"profile": {"a": 1}}),
            json!({"profile": {"a": 2}}),
            json!({"profile.a": 2, "trait.profile": {"a": 1}}),
        ),
        (
            json!({"status": {"status": "STATUS_DELETED"}}),
            json!({"status": {"status": "RESOURCE_STATUS_ENABLED"}}),
            json!({"status": "enabled"}),
        ),
    ] {
        let mut object = of_object.clone();
        object["annotations"] = json!([any("UserTrait", &of_trait)]);
        assert_eq!(of_resource(&object), facts, "{of_trait} {of_object}");
    }
}

#[test]
fn other_annotations_go_by_their_own_name() {
    for (name, said, facts) in [
        ("SkipGrants", json!({}), json!({"skip_grants": true})),
        (
            "ExternalLink",
            json!({"url": "u"}),
            json!({"external_link.url": "u"}),
        ),
        // An annotation of unknown type keeps its contents in base64.
        (
            "NewThing",
            json!({"@bytes": "AQ=="}),
            json!({"new_thing.bytes": "AQ=="}),
        ),
        (
            "RoleTrait",
            json!({"profile": {"a": "b"}}),
            json!({"profile.a": "b"}),
        ),
    ] {
        let object = json!({"annotations": [any(name, &said)]});
        assert_eq!(of_resource(&object), facts, "{name}");
    }
}

#[test]
fn copies_of_other_objects_are_given_by_their_ids() {
    let other = json!({"id": {"resourceType": "type", "resource": "r"}, "displayName": "copied"});
    let said = json!({
        "resource": other,
        "id": "id",
        "displayName": "E",
        "grantableTo": [{"id": "user", "displayName": "copied"}, {"id": "group"}],
    });
    let columns = EntitlementColumns { resource: id("r") };
    let facts_of_it = json!({
        "resource": "type:r",
        "display_name": "E",
        "grantable_to": ["user", "group"],
    });
    assert_eq!(facts::<Entitlement>(columns, &said), facts_of_it);

    let metadata = json!({"metadata": {"joined_at": "t", "membership_id": "m"}});
    let said = json!({
        "entitlement": {"id": "e", "displayName": "copied"},
        "principal": other,
        "id": "id",
        "annotations": [any("GrantMetadata", &metadata)],
    });
    let expandable = json!({"entitlementIds": ["a"], "shallow": true});
    let bytes = encoded(&descriptors::GRANT_EXPANDABLE, &expandable);
    for expansion in [None, Some(bytes)] {
        let columns = GrantColumns {
            resource: id("r"),
            entitlement: EntitlementId::new("e"),
            principal: id("p"),
            expansion: expansion.clone().map(Into::into),
        };
        let mut expected = json!({
            "entitlement": "e",
            "principal": "type:p",
            "joined_at": "t",
            "membership_id": "m",
        });
        if expansion.is_some() {
            expected["expansion"] = expandable.clone();
        }
        assert_eq!(facts::<Grant>(columns, &said), expected);
    }

    let said = json!({"id": "user", "displayName": "User", "traits": ["TRAIT_USER"]});
    let expected = json!({"display_name": "User", "traits": ["TRAIT_USER"]});
    assert_eq!(facts::<ResourceType>((), &said), expected);
}

#[test]
fn a_blob_that_is_not_a_message_says_nothing() {
    let row = Row::<ResourceType> {
        id: "id".into(),
        columns: (),
        data: vec![0xff].into(),
        rowid: 1,
        own_form: None,
    };
    assert!(row.facts().is_empty());
}

/// Encodes JSON in the `baton` CLI's shape as a message.
fn encoded(descriptor: &'static Descriptor, json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let field = |name: &str| {
        let found = descriptor.fields.iter().find(|field| field.json == name);
        found.unwrap_or_else(|| panic!("{} has no {name}", descriptor.name))
    };
    match (descriptor.form, json) {
        (Form::Any, _) => {
            let url = json["@type"].as_str().unwrap();
            push_bytes(1, url.as_bytes(), &mut out);
            let mut members = json.clone();
            members.as_object_mut().unwrap().remove("@type");
            let contents = match descriptors::by_type_url(url.as_bytes()) {
                Some(inner) => encoded(inner, &members),
                None => vec![1],
            };
            push_bytes(2, &contents, &mut out);
        }
        (Form::Struct, Value::Object(members)) => {
            let Kind::Map(_, value) = field("fields").kind else {
                panic!("a Struct is a map");
            };
            for (key, member) in members {
                let mut entry = Vec::new();
                push_bytes(1, key.as_bytes(), &mut entry);
                push_bytes(2, &encoded(value, member), &mut entry);
                push_bytes(field("fields").number, &entry, &mut out);
            }
        }
        (Form::Value, _) => {
            let name = match json {
                Value::Null => "nullValue",
                Value::Bool(_) => "boolValue",
                Value::Number(_) => "numberValue",
                Value::String(_) => "stringValue",
                Value::Array(_) => "listValue",
                Value::Object(_) => "structValue",
            };
            push_field(field(name), json, &mut out);
        }
        (Form::ListValue, _) => push_field(field("values"), json, &mut out),
        (_, Value::Object(members)) => {
            for (name, member) in members {
                push_field(field(name), member, &mut out);
            }
        }
        (_, other) => panic!("{} cannot be {other}", descriptor.name),
    }
    out
}

/// Appends a field; a list is written as repeated fields, unless it is a message of its own.
fn push_field(field: &descriptors::Field, json: &Value, out: &mut Vec<u8>) {
    if let (Value::Array(items), descriptors::Label::Repeated) = (json, field.label) {
        return items.iter().for_each(|item| push_field(field, item, out));
    }
    match field.kind {
        Kind::String => push_bytes(field.number, json.as_str().unwrap().as_bytes(), out),
        Kind::Bytes | Kind::Float | Kind::Uint64 => {
            panic!("no test has a field like {}", field.json);
        }
        Kind::Double => {
            encode_key(field.number, WireType::SixtyFourBit, out);
            out.extend(json.as_f64().unwrap().to_le_bytes());
        }
        Kind::Message(inner) | Kind::Embedded(inner, _) | Kind::Map(inner, _) => {
            push_bytes(field.number, &encoded(inner, json), out);
        }
        Kind::Enum(names) => {
            let (number, _) = names.iter().find(|(_, name)| json == name).unwrap();
            encode_key(field.number, WireType::Varint, out);
            encode_varint(u64::try_from(*number).unwrap(), out);
        }
        Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32 => {
            let number = json.as_u64().unwrap_or_else(|| u64::from(json == true));
            encode_key(field.number, WireType::Varint, out);
            encode_varint(number, out);
        }
    }
}

fn push_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
