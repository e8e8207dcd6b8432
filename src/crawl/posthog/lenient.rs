//! Parses numbers sent as text and ids sent as numbers: PostHog's schema and its responses differ there, as do versions of
//! the server. What is unambiguous is accepted; anything else is an error that names the field.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// The largest whole number that a double represents exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Parses a whole number, also as text or with a fraction of zero; `None` for null.
///
/// # Errors
/// For anything else, and outside `N`.
pub(super) fn number<'de, D: Deserializer<'de>, N: TryFrom<i128>>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    deserializer.deserialize_any(NumberVisitor(PhantomData))
}

/// The same for a number that is not the field of a struct.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Number<N: TryFrom<i128>>(#[serde(deserialize_with = "number")] pub Option<N>);

struct NumberVisitor<N>(PhantomData<N>);

impl<N: TryFrom<i128>> NumberVisitor<N> {
    fn fit<E: Error>(number: i128, unexpected: Unexpected<'_>) -> Result<Option<N>, E> {
        let fitting = N::try_from(number);
        fitting
            .map(Some)
            .map_err(|_| E::invalid_value(unexpected, &"a number in the range of this field"))
    }
}

impl<'de, N: TryFrom<i128>> Visitor<'de> for NumberVisitor<N> {
    type Value = Option<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Self::fit(number.into(), Unexpected::Signed(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Self::fit(number.into(), Unexpected::Unsigned(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        if number.fract() == 0.0 && number.abs() <= MAX_EXACT {
            Self::fit(number as i128, Unexpected::Float(number))
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number => Self::fit(number, Unexpected::Str(text)),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// Parses an id, also if it is a whole number; `None` for null.
///
/// # Errors
/// For anything else.
pub(super) fn id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    deserializer.deserialize_any(IdVisitor)
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }
}
