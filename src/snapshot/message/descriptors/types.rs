//! The types of the schema tables, and macros to write them. A file of tables must import all names that the two macros
//! use.

/// A message type.
#[derive(Debug)]
pub(in crate::snapshot) struct Descriptor {
    /// Full name, as after the slash of a type URL.
    pub name: &'static str,
    /// Its form in JSON.
    pub form: Form,
    /// Its fields, by number.
    pub fields: &'static [Field],
    /// Whether some of its fields are members of a oneof.
    pub has_oneof: bool,
}

/// Special forms of protobuf's JSON mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Form {
    Plain,
    Any,
    Timestamp,
    Duration,
    /// Field names, joined in one text.
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// One scalar, written without its wrapper.
    Wrapper,
}

/// A field of a message.
#[derive(Debug)]
pub(in crate::snapshot) struct Field {
    pub number: u32,
    pub json: &'static str,
    pub kind: Kind,
    pub label: Label,
}

/// How often a field occurs, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Label {
    /// A zero value is the same as absence.
    Single,
    /// Present even when zero.
    Optional,
    /// A member of the message's oneof: present even when zero, and only if no other member comes after it.
    Oneof,
    /// A member of the message's other oneof.
    SecondOneof,
    Repeated,
}

/// Names of an enum's numbers, by number.
pub(in crate::snapshot) type EnumNames = &'static [(i32, &'static str)];

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(in crate::snapshot) enum Kind {
    String,
    Bytes,
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Float,
    Double,
    Enum(EnumNames),
    Message(&'static Descriptor),
    /// A copy of an object that has its own row. Only the field of this number identifies it; the rest is printed, but
    /// is not a fact about the containing object.
    Embedded(&'static Descriptor, u32),
    /// `map<string, message>`: the messages of an entry and of its value.
    Map(&'static Descriptor, &'static Descriptor),
}

impl Descriptor {
    /// The field with this number.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        // Most tables number their fields 1, 2, 3 and so on.
        let likely = self.fields.get((number as usize).wrapping_sub(1));
        likely
            .filter(|field| field.number == number)
            .or_else(|| self.fields.iter().find(|field| field.number == number))
    }
}

/// The name of an enum's number, if it has one.
pub(in crate::snapshot) fn enum_name(names: EnumNames, number: i32) -> Option<&'static str> {
    let found = names.iter().find(|(known, _)| *known == number);
    found.map(|(_, name)| *name)
}

/// Whether one of `labels` marks a member of a oneof.
pub(super) const fn has_oneof(labels: &[Label]) -> bool {
    let mut at = 0;
    while at < labels.len() {
        if matches!(labels[at], Label::Oneof | Label::SecondOneof) {
            return true;
        }
        at += 1;
    }
    false
}

/// Defines a static for each message, and `ALL`, a list of them.
macro_rules! messages {
    ($($constant:ident = $form:ident $name:literal { $($number:literal $json:literal $label:ident $kind:expr;)* })*) => {
        $(
            pub(in crate::snapshot) static $constant: Descriptor = Descriptor {
                name: $name,
                form: Form::$form,
                fields: &[$(Field {
                    number: $number,
                    json: $json,
                    kind: $kind,
                    label: Label::$label,
                }),*],
                has_oneof: has_oneof(&[$(Label::$label),*]),
            };
        )*
        pub(super) static ALL: &[&Descriptor] = &[$(&$constant),*];
    };
}

/// Defines a constant for each enum.
macro_rules! enums {
    ($($constant:ident { $($number:literal $name:literal;)* })*) => {
        $(pub(in crate::snapshot) const $constant: EnumNames = &[$(($number, $name)),*];)*
    };
}
