//! The schema of all messages of SDK v0.25.0, as tables: number, JSON name and kind of each field (FORMAT.md,
//! "Messages"). With it, files of any connector can be printed and compared.
//!
//! | file | holds |
//! |---|---|
//! | `types.rs` | the types of the tables, and macros |
//! | `well_known.rs` | `google.protobuf` |
//! | `rows.rs` | the messages in rows |
//! | `annotations.rs` | traits and other annotations |
//! | `services.rs` | requests and responses of a connector's services |
//! | `tickets.rs` | tickets, actions, forms |
//! | `config.rs` | settings of a connector, rules for values |
//!
//! The tables are used where a whole message must be read: for its JSON and its canonical form. Messages that we write
//! also have prost structs, in `proto.rs`.
//!
//! The tables affect the content digest: once a field is added here, it is compared by meaning instead of by its bytes.
//! So a change here may change the digest of files with that field, and needs a line in CHANGELOG.md.

#[macro_use]
mod types;

mod annotations;
mod config;
mod rows;
mod services;
mod tickets;
mod well_known;

pub(in crate::snapshot) use annotations::*;
pub(in crate::snapshot) use rows::*;
pub(in crate::snapshot) use types::{Descriptor, EnumNames, Field, Form, Kind, Label, enum_name};
#[cfg(test)]
pub(in crate::snapshot) use well_known::*;

use std::collections::HashMap;
use std::sync::LazyLock;

/// The start of every annotation's type URL.
pub(in crate::snapshot) const TYPE_URL_PREFIX: &str = "type.googleapis.com/";

/// The message of a type URL, if known.
pub(in crate::snapshot) fn by_type_url(type_url: &[u8]) -> Option<&'static Descriptor> {
    let name = type_url.strip_prefix(TYPE_URL_PREFIX.as_bytes())?;
    let mut usual = USUAL.iter().copied();
    usual
        .find(|descriptor| descriptor.name.as_bytes() == name)
        .or_else(|| BY_NAME.get(name).copied())
}

/// The types of nearly all annotations.
static USUAL: [&Descriptor; 8] = [
    &USER_TRAIT,
    &ROLE_TRAIT,
    &GRANT_METADATA,
    &SKIP_ENTITLEMENTS_AND_GRANTS,
    &GROUP_TRAIT,
    &APP_TRAIT,
    &SECRET_TRAIT,
    &SCOPE_BINDING_TRAIT,
];

/// All types, by name.
static BY_NAME: LazyLock<HashMap<&[u8], &Descriptor>> = LazyLock::new(|| {
    let named = all().map(|descriptor| (descriptor.name.as_bytes(), descriptor));
    named.collect()
});

/// All known messages.
fn all() -> impl Iterator<Item = &'static Descriptor> {
    [
        well_known::ALL,
        rows::ALL,
        annotations::ALL,
        services::ALL,
        tickets::ALL,
        config::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The problems of a table.
    fn defect(descriptor: &'static Descriptor) -> Option<&'static str> {
        let fields = descriptor.fields;
        let are = |fits: fn(&Field) -> bool| fields.iter().all(fits);
        let json: HashSet<_> = fields.iter().map(|field| field.json).collect();
        let found = by_type_url(format!("{TYPE_URL_PREFIX}{}", descriptor.name).as_bytes());
        [
            (
                fields.is_sorted_by(|a, b| a.number < b.number),
                "its numbers do not ascend",
            ),
            (
                json.len() == fields.len(),
                "two fields have one name in JSON",
            ),
            (
                fields
                    .iter()
                    .all(|field| std::ptr::eq(descriptor.field(field.number).unwrap(), field)),
                "a number leads to another field",
            ),
            (
                found.is_some_and(|found| std::ptr::eq(found, descriptor)),
                "its type URL leads elsewhere",
            ),
            (
                are(|field| match field.kind {
                    Kind::Enum(names) => {
                        names.first().is_some_and(|(number, _)| *number == 0)
                            && names.is_sorted_by(|a, b| a.0 < b.0)
                    }
                    _ => true,
                }),
                "an enum's numbers do not ascend from zero",
            ),
            // Assumptions of the walk and of JSON.
            (
                are(|field| !matches!(field.kind, Kind::Map(..)) || field.label == Label::Repeated),
                "a map is not repeated",
            ),
            (
                are(|field| match field.kind {
                    Kind::Bytes | Kind::Float | Kind::Double => field.label != Label::Repeated,
                    _ => true,
                }),
                "a kind is repeated that the walk takes for single",
            ),
            (
                descriptor.form != Form::Wrapper || fields.len() == 1,
                "a wrapper does not have one field",
            ),
            (
                are(|field| match field.kind {
                    Kind::Map(entry, value) => {
                        matches!(entry.fields, [
                            Field { number: 1, kind: Kind::String, .. },
                            Field { number: 2, kind: Kind::Message(inner), .. },
                        ] if std::ptr::eq(*inner, value))
                    }
                    _ => true,
                }),
                "a map's entry is not made of its key and value",
            ),
        ]
        .into_iter()
        .find_map(|(holds, defect)| (!holds).then_some(defect))
    }

    #[test]
    fn every_table_is_well_formed_and_is_found_by_its_name() {
        let wrong: Vec<_> = all()
            .filter_map(|descriptor| Some((descriptor.name, defect(descriptor)?)))
            .collect();
        assert_eq!(wrong, []);
        let names: HashSet<_> = all().map(|descriptor| descriptor.name).collect();
        assert_eq!(names.len(), all().count(), "two tables have one name");
    }

    #[test]
    fn a_type_url_that_is_not_exactly_that_of_a_message_leads_nowhere() {
        for url in [
            "",
            "c1.connector.v2.UserTrait",
            "type.googleapis.com/",
            "type.googleapis.com/c1.connector.v2.",
            "type.googleapis.com/c1.connector.v2.UserTrai",
            "type.googleapis.com/c1.connector.v2.UserTraits",
            "type.googleapis.com/c1.connector.v3.UserTrait",
        ] {
            assert!(by_type_url(url.as_bytes()).is_none(), "{url}");
        }
    }
}
