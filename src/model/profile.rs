//! A profile: the free-form facts of a resource, by key. Baton keeps it as a `google.protobuf.Struct`.

use super::Text;

/// One value of a profile.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON's null. We never write it: what is unknown is left out.
    Null,
    /// True or false.
    Bool(bool),
    /// A double, as protobuf has no other number here.
    Number(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Self>),
    /// Keys and values again.
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

/// Keys and their values, sorted by the bytes of the key, each key once. A boxed slice, not a `Vec`: there are as many of
/// these as people, and [`Value`] is a fourth smaller with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile(Box<[(Text, Value)]>);

impl Profile {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// The text under `key`; `None` when the key is absent or holds something else.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// True without any key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl FromIterator<(Text, Value)> for Profile {
    /// Sorts by key. Of a key that comes twice, the last one stays, as in a protobuf map.
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
    fn keys_are_sorted_and_the_last_of_a_repeated_key_stays() {
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
