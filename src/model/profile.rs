//! The profile of a resource: free-form values by key. Baton stores it as a `google.protobuf.Struct`.

use super::Text;

/// One value of a profile.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON's null. We never write it, since unknown values are left out.
    Null,
    /// True or false.
    Bool(bool),
    /// A double, the only number in a `google.protobuf.Struct`.
    Number(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Profile),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<Text> for Value {
    fn from(value: Text) -> Self {
        Self::Text(value)
    }
}

/// Keys and their values, sorted by the bytes of the key, each key once. A boxed slice instead of a `Vec`, since every
/// person has one, and it makes [`Value`] a quarter smaller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile(Box<[(Text, Value)]>);

impl Profile {
    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// Returns the text of `key`; `None` if the key is absent or has another type.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns whether `key` is true or false; `None` if the key is absent or has another type.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key) {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl FromIterator<(Text, Value)> for Profile {
    /// Sorts by key. If a key is repeated, its last value is kept, as in a protobuf map.
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self(entries.into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_the_last_value_of_a_repeated_key_is_kept() {
        let profile: Profile = [("b", 1.0), ("a", 2.0), ("b", 3.0)]
            .map(|(k, v)| (k.into(), Value::Number(v)))
            .into_iter()
            .collect();
        let read: Vec<_> = profile
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect();
        assert_eq!(
            read,
            [
                ("a".to_owned(), Value::Number(2.0)),
                ("b".to_owned(), Value::Number(3.0))
            ]
        );
    }
}
