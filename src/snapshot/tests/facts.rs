//! Facts say what JSON says: the same row rendered as JSON, parsed back and taken apart is the oracle.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::{Map, Value};

use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId, Seat,
};
use crate::snapshot::message::descriptors::{self, Descriptor, Form, Kind, Label};
use crate::snapshot::message::validate;
use crate::snapshot::read::{Filter, ReadOptions, Readable, Snapshot};
use crate::snapshot::table::{
    AnyColumns, EntitlementColumns, GrantColumns, ResourceColumns, Row, descriptor,
};

#[test]
fn facts_of_the_rows_of_files_are_what_their_json_says() {
    let mut rows = 0;
    for entry in std::fs::read_dir("testdata/snapshots").unwrap() {
        let Ok(snapshot) = Snapshot::open(&entry.unwrap().path(), &ReadOptions::default()) else {
            continue;
        };
        for run in snapshot.sync_runs().unwrap_or_default() {
            rows += same_facts::<ResourceType>(&snapshot, &run.id)
                + same_facts::<Resource>(&snapshot, &run.id)
                + same_facts::<Entitlement>(&snapshot, &run.id)
                + same_facts::<Grant>(&snapshot, &run.id);
        }
    }
    assert!(rows > 200, "{rows}");
}

fn same_facts<K: Readable>(snapshot: &Snapshot, sync: &crate::model::SyncId) -> usize {
    let Ok(found) = snapshot.rows::<K>(sync, Filter::EVERYTHING) else {
        return 0;
    };
    found
        .map_while(Result::ok)
        .map(|row| assert_eq!(row.facts(), facts_in_json(&row), "{}", row.id))
        .count()
}

fn same_facts_of_any<K: Readable>(seed: u64, columns: K::Columns<'static>) {
    let mut data = Vec::new();
    Random(seed | 1).message(descriptor(K::KIND), 0, &mut data);
    assert!(validate(descriptor(K::KIND), &data).is_ok());
    let row = Row::<K> {
        id: "id".into(),
        columns,
        data: data.into(),
    };
    assert_eq!(row.facts(), facts_in_json(&row));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn facts_of_any_row_are_what_its_json_says(seed in any::<u64>(), kind in 0_usize..4) {
        let is_full = seed % 2 == 0;
        let id = |of: &str| ResourceId::new(&ResourceTypeId::new("type"), of);
        match kind {
            0 => same_facts_of_any::<ResourceType>(seed, ()),
            1 => same_facts_of_any::<Resource>(seed, ResourceColumns {
                id: id("resource"),
                parent: is_full.then(|| id("parent")),
            }),
            2 => same_facts_of_any::<Entitlement>(seed, EntitlementColumns {
                resource: id("resource"),
            }),
            _ => same_facts_of_any::<Grant>(seed, GrantColumns {
                resource: id("resource"),
                entitlement: EntitlementId::new("entitlement"),
                principal: id("principal"),
                expansion: is_full.then(|| vec![1, 200].into()),
            }),
        }
    }
}

/// A source of messages that follow a schema, and of some fields that it does not have.
struct Random(u64);

impl Random {
    const TYPES: [&'static str; 14] = [
        "type.googleapis.com/c1.connector.v2.UserTrait",
        "type.googleapis.com/c1.connector.v2.UserTrait",
        "type.googleapis.com/c1.connector.v2.RoleTrait",
        "type.googleapis.com/c1.connector.v2.GroupTrait",
        "type.googleapis.com/c1.connector.v2.AppTrait",
        "type.googleapis.com/c1.connector.v2.SecretTrait",
        "type.googleapis.com/c1.connector.v2.GrantMetadata",
        "type.googleapis.com/c1.connector.v2.GrantImmutable",
        "type.googleapis.com/c1.connector.v2.SkipGrants",
        "type.googleapis.com/c1.connector.v2.CapabilityPermissions",
        "type.googleapis.com/c1.connector.v2.NewTrait",
        "type.googleapis.com/c1.connector.v2.NewThing",
        "elsewhere/GrantMetadata",
        "",
    ];
    const TEXTS: [&'static str; 9] = [
        "",
        "a",
        "B\"\n\u{e9}",
        "email",
        "last_login",
        "organization_role",
        "organization_level",
        "status",
        "display_name",
    ];

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn message(&mut self, descriptor: &'static Descriptor, depth: usize, out: &mut Vec<u8>) {
        if descriptor.form == Form::Any {
            let type_url = Self::TYPES[self.below(Self::TYPES.len())];
            push_bytes(1, type_url.as_bytes(), out);
            let mut contents = Vec::new();
            if let Some(inner) = descriptors::by_type_url(type_url.as_bytes()) {
                self.message(inner, depth + 1, &mut contents);
            }
            return push_bytes(2, &contents, out);
        }
        let only = (descriptor.form == Form::Value).then(|| self.below(descriptor.fields.len()));
        for (at, field) in descriptor.fields.iter().enumerate() {
            let times = match field.label {
                Label::Oneof => usize::from(Some(at) == only),
                Label::Single => self.below(2),
                Label::Repeated => self.below(4),
            };
            for _ in 0..times {
                self.field(field.number, field.kind, depth, out);
            }
        }
        if self.below(8) == 0 {
            push_bytes(99, b"new", out);
        }
    }

    fn field(&mut self, number: u32, kind: Kind, depth: usize, out: &mut Vec<u8>) {
        match kind {
            Kind::String => {
                let text = Self::TEXTS[self.below(Self::TEXTS.len())];
                push_bytes(number, text.as_bytes(), out);
            }
            Kind::Double => {
                let value = [0.0, 15.0, -2.5, f64::INFINITY][self.below(4)];
                encode_key(number, WireType::SixtyFourBit, out);
                out.extend(value.to_le_bytes());
            }
            Kind::Message(inner) | Kind::Embedded(inner, _) | Kind::Map(inner, _) => {
                let mut nested = Vec::new();
                if depth < 12 {
                    self.message(inner, depth + 1, &mut nested);
                }
                push_bytes(number, &nested, out);
            }
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Enum(_) => {
                encode_key(number, WireType::Varint, out);
                encode_varint(self.below(5) as u64, out);
            }
        }
    }
}

fn push_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn facts_in_json<K: Readable>(row: &Row<'_, K>) -> BTreeMap<String, Value> {
    flatten(&own_json(row))
}

/// What a row says of its own object: its message without copies of other objects, and its columns.
fn own_json<K: Readable>(row: &Row<'_, K>) -> Value {
    let mut json = Vec::new();
    row.push_json(&mut json);
    let mut value: Value = serde_json::from_slice(&json).unwrap_or_default();
    let Value::Object(members) = &mut value else {
        return value;
    };
    members.remove("id");
    match row.any_columns() {
        AnyColumns::ResourceType | AnyColumns::Resource(_) => {}
        AnyColumns::Entitlement(EntitlementColumns { resource }) => {
            members.insert("resource".to_owned(), resource.to_string().into());
            if let Some(Value::Array(types)) = members.get_mut("grantableTo") {
                types
                    .iter_mut()
                    .for_each(|of| *of = of.get("id").cloned().unwrap_or_default());
            }
        }
        AnyColumns::Grant(GrantColumns {
            entitlement,
            principal,
            expansion,
            ..
        }) => {
            members.insert("entitlement".to_owned(), entitlement.to_string().into());
            members.insert("principal".to_owned(), principal.to_string().into());
            if let Some(expansion) = expansion {
                members.insert("expansion".to_owned(), expansion.to_vec().into());
            }
        }
    }
    value
}

/// Names and values of everything an object says.
fn flatten(object: &Value) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let Value::Object(members) = object else {
        return fields;
    };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("annotations", Value::Array(annotations)) => {
                annotations
                    .iter()
                    .for_each(|annotation| flatten_annotation(annotation, members, &mut fields));
            }
            ("profile", Value::Object(profile)) => flatten_profile(profile, &mut fields),
            ("status", Value::Object(status)) => flatten_status(status, &mut fields),
            _ => {
                fields.insert(snake_case(name), value.clone());
            }
        }
    }
    if let Some(seat) = seat(&fields) {
        fields.insert("seat".to_owned(), seat);
    }
    for (field, key) in [
        ("two_factor", "profile.is_2fa_enabled"),
        ("linked_login", "profile.has_social_auth"),
    ] {
        let switch = fields.get(key).filter(|value| value.is_boolean()).cloned();
        if let (false, Some(switch)) = (fields.contains_key(field), switch) {
            fields.insert(field.to_owned(), switch);
        }
    }
    fields
}

/// The word of the seat that the profile states.
fn seat(fields: &BTreeMap<String, Value>) -> Option<Value> {
    let level = fields
        .get("profile.organization_level")
        .and_then(Value::as_f64);
    let word = fields.get("profile.organization_role");
    match Seat::stated(level, word.and_then(Value::as_str)) {
        Some(seat) => Some(Value::String(seat.to_string())),
        None => word.cloned(),
    }
}

fn flatten_profile(profile: &Map<String, Value>, fields: &mut BTreeMap<String, Value>) {
    for (key, value) in profile {
        fields.insert(format!("profile.{key}"), value.clone());
    }
}

fn flatten_status(status: &Map<String, Value>, fields: &mut BTreeMap<String, Value>) {
    // `STATUS_ENABLED` in the trait and `RESOURCE_STATUS_ENABLED` in the resource are one status.
    let word = status
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or("STATUS_UNSPECIFIED");
    let word = word.rsplit("STATUS_").next().unwrap_or(word).to_lowercase();
    fields.insert("status".to_owned(), Value::String(word));
    if let Some(details) = status.get("details") {
        fields.insert("status_details".to_owned(), details.clone());
    }
}

/// An annotation's fields: a trait's under their own names, any other's under the annotation's.
fn flatten_annotation(
    annotation: &Value,
    object: &Map<String, Value>,
    fields: &mut BTreeMap<String, Value>,
) {
    let Value::Object(members) = annotation else {
        return;
    };
    let type_url = members
        .get("@type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let type_name = type_url.rsplit(['.', '/']).next().unwrap_or_default();
    let is_trait = type_name.ends_with("Trait");
    let prefix = match type_name {
        _ if is_trait => String::new(),
        "GrantMetadata" => String::new(),
        _ => format!("{}.", snake_case(type_name)),
    };
    if members.len() == 1 {
        fields.insert(snake_case(type_name), Value::Bool(true));
    }
    for (name, value) in members.iter().filter(|(name, _)| *name != "@type") {
        // What the object itself says in its newer places goes before the trait's older ones.
        let said_in_object = is_trait && object.contains_key(name);
        match (name.as_str(), value) {
            _ if said_in_object && object.get(name) == Some(value) => {}
            ("status", Value::Object(status)) if is_trait => {
                if !said_in_object {
                    flatten_status(status, fields);
                }
            }
            ("profile", Value::Object(profile)) if is_trait && !said_in_object => {
                flatten_profile(profile, fields)
            }
            ("metadata", Value::Object(metadata)) if prefix.is_empty() => {
                for (key, value) in metadata {
                    fields.insert(key.clone(), value.clone());
                }
            }
            ("emails", Value::Array(emails)) if is_trait => flatten_emails(emails, fields),
            ("mfaStatus", status) if is_trait => {
                let on = status
                    .get("mfaEnabled")
                    .and_then(Value::as_bool)
                    .unwrap_or(false);
                fields.insert("two_factor".to_owned(), Value::Bool(on));
            }
            ("ssoStatus", status) if is_trait => {
                let on = status
                    .get("ssoEnabled")
                    .and_then(Value::as_bool)
                    .unwrap_or(false);
                fields.insert("linked_login".to_owned(), Value::Bool(on));
            }
            ("structuredName", Value::Object(name)) if is_trait => flatten_name(name, fields),
            ("accountType", Value::String(kind)) if is_trait => {
                let word = kind
                    .rsplit("ACCOUNT_TYPE_")
                    .next()
                    .unwrap_or(kind)
                    .to_lowercase();
                fields.insert("account_type".to_owned(), Value::String(word));
            }
            _ if said_in_object => {
                fields.insert(format!("trait.{}", snake_case(name)), value.clone());
            }
            _ => {
                fields.insert(format!("{prefix}{}", snake_case(name)), value.clone());
            }
        }
    }
}

fn flatten_emails(emails: &[Value], fields: &mut BTreeMap<String, Value>) {
    let is_primary = |email: &&Value| email.get("isPrimary").and_then(Value::as_bool) == Some(true);
    if let Some(primary) = emails.iter().find(is_primary).or(emails.first()) {
        fields.insert(
            "email".to_owned(),
            primary.get("address").cloned().unwrap_or_default(),
        );
    }
    if emails.len() > 1 {
        fields.insert("emails".to_owned(), Value::Array(emails.to_vec()));
    }
}

fn flatten_name(name: &Map<String, Value>, fields: &mut BTreeMap<String, Value>) {
    for (key, value) in name {
        let field = match key.as_str() {
            "givenName" => "first_name".to_owned(),
            "familyName" => "last_name".to_owned(),
            other => snake_case(other),
        };
        fields.insert(field, value.clone());
    }
}

/// `displayName` into `display_name`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() {
            if at > 0 {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
    }
    snake
}
