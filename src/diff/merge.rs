//! Merges two sorted sequences, holding one item of each.

use std::cmp::Ordering;

use crate::model::Action;

/// One step of the merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Only the old sequence has it.
    Old(T),
    /// Only the new sequence has it.
    New(T),
    /// Both sequences have an item with this key.
    Both(T, T),
}

impl<T> Step<T> {
    /// What happened to the object.
    pub fn action(&self) -> Action {
        match self {
            Self::Old(_) => Action::Removed,
            Self::New(_) => Action::Added,
            Self::Both(..) => Action::Changed,
        }
    }

    /// The newest version of the item: the only one, or the new one.
    pub fn newest(&self) -> &T {
        match self {
            Self::Old(item) | Self::New(item) | Self::Both(_, item) => item,
        }
    }

    /// Borrows the items.
    pub fn as_ref(&self) -> Step<&T> {
        match self {
            Self::Old(old) => Step::Old(old),
            Self::New(new) => Step::New(new),
            Self::Both(old, new) => Step::Both(old, new),
        }
    }

    /// Maps the items.
    ///
    /// # Errors
    /// The first error of `map`.
    pub fn try_map<U, E>(self, mut map: impl FnMut(T) -> Result<U, E>) -> Result<Step<U>, E> {
        Ok(match self {
            Self::Old(old) => Step::Old(map(old)?),
            Self::New(new) => Step::New(map(new)?),
            Self::Both(old, new) => Step::Both(map(old)?, map(new)?),
        })
    }
}

/// Calls `each` for every item of two sequences, which must be sorted by `order` and have unique keys.
///
/// # Errors
/// The first error of either sequence or of `each` ends the walk.
pub fn merge<T, E>(
    old: impl IntoIterator<Item = Result<T, E>>,
    new: impl IntoIterator<Item = Result<T, E>>,
    order: impl Fn(&T, &T) -> Ordering,
    mut each: impl FnMut(Step<T>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut old, mut new) = (old.into_iter(), new.into_iter());
    let (mut left, mut right) = (old.next().transpose()?, new.next().transpose()?);
    loop {
        let step = match (left.take(), right.take()) {
            (None, None) => return Ok(()),
            (Some(a), None) => Step::Old(a),
            (None, Some(b)) => Step::New(b),
            (Some(a), Some(b)) => match order(&a, &b) {
                Ordering::Equal => Step::Both(a, b),
                Ordering::Less => {
                    right = Some(b);
                    Step::Old(a)
                }
                Ordering::Greater => {
                    left = Some(a);
                    Step::New(b)
                }
            },
        };
        let (took_old, took_new) = match step {
            Step::Old(_) => (true, false),
            Step::New(_) => (false, true),
            Step::Both(..) => (true, true),
        };
        each(step)?;
        if took_old {
            left = old.next().transpose()?;
        }
        if took_new {
            right = new.next().transpose()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    type Rows = BTreeMap<u8, u8>;

    fn steps(old: &Rows, new: &Rows) -> Vec<Step<(u8, u8)>> {
        let rows = |rows: &Rows| {
            rows.clone()
                .into_iter()
                .map(Ok::<_, Infallible>)
                .collect::<Vec<_>>()
        };
        let mut steps = Vec::new();
        merge(
            rows(old),
            rows(new),
            |a, b| a.0.cmp(&b.0),
            |step| {
                steps.push(step);
                Ok(())
            },
        )
        .unwrap();
        steps
    }

    proptest! {
        #[test]
        fn applying_the_steps_from_a_to_b_gives_b(old: Rows, new: Rows) {
            let mut applied = old.clone();
            for step in steps(&old, &new) {
                match step {
                    Step::Old((key, _)) => {
                        applied.remove(&key);
                    }
                    Step::New((key, value)) | Step::Both(_, (key, value)) => {
                        applied.insert(key, value);
                    }
                }
            }
            prop_assert_eq!(applied, new);
        }

        #[test]
        fn steps_from_b_to_a_are_those_from_a_to_b_reversed(old: Rows, new: Rows) {
            let turned: Vec<_> = steps(&old, &new)
                .into_iter()
                .map(|step| match step {
                    Step::Old(row) => Step::New(row),
                    Step::New(row) => Step::Old(row),
                    Step::Both(a, b) => Step::Both(b, a),
                })
                .collect();
            prop_assert_eq!(steps(&new, &old), turned);
        }
    }

    #[test]
    fn error_of_either_walk_ends_it() {
        let sound = vec![Ok(1), Ok(2)];
        let broken = vec![Ok(1), Err("broken")];
        for (old, new) in [(sound.clone(), broken.clone()), (broken, sound)] {
            assert_eq!(merge(old, new, i32::cmp, |_| Ok(())), Err("broken"));
        }
    }
}
