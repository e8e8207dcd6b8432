//! What the tables are made of, and how they are noted down. A file of tables imports all names that the two macros use.

/// A message type.
#[derive(Debug)]
pub(in crate::snapshot) struct Descriptor {
    /// Full name, as after the slash of a type URL.
    pub name: &'static str,
    /// How JSON shows it.
    pub form: Form,
    /// Its fields, by number.
    pub fields: &'static [Field],
    /// Whether some of its fields are members of a oneof.
    pub has_oneof: bool,
}

/// Forms that protobuf's JSON mapping treats on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Form {
    Plain,
    Any,
    Timestamp,
    Duration,
    /// Names of fields, in one text.
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// One scalar, which is shown alone.
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

/// How often a field comes, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Label {
    /// A zero value is the same as none.
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

/// What a field holds.
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
    /// A copy of an object that has a row of its own. Only the field of this number identifies it; the rest is
    /// shown, but says nothing about the holder.
    Embedded(&'static Descriptor, u32),
    /// `map<string, message>`: the message that an entry is, and the one that its value is.
    Map(&'static Descriptor, &'static Descriptor),
}

impl Descriptor {
    /// The field under `number`.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        // Most tables have their fields under 1, 2, 3 and so on.
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

/// Whether one of `labels` is that of a oneof's member.
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

/// Makes a static of each message, and `ALL`, a list of them.
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

/// Makes a constant of each enum.
macro_rules! enums {
    ($($constant:ident { $($number:literal $name:literal;)* })*) => {
        $(pub(super) const $constant: EnumNames = &[$(($number, $name)),*];)*
    };
}
