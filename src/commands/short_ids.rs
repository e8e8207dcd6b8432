//! Ids as tables show them: only as much of each as no other begins with, since `-r`, `-e` and `access` take that.

use std::collections::HashSet;

/// The shortest beginning that is shown, in bytes: enough to distinguish ids at a glance.
const SHORTEST: usize = 8;

/// All ids of a kind.
pub(super) struct ShortIds {
    ids: Vec<Box<str>>,
    /// Those that several rows have, of different types.
    repeated: HashSet<Box<str>>,
}

impl ShortIds {
    pub(super) fn of(mut ids: Vec<Box<str>>) -> Self {
        ids.sort_unstable();
        let pairs = ids.windows(2).filter(|pair| pair[0] == pair[1]);
        let repeated = pairs.map(|pair| pair[0].clone()).collect();
        ids.dedup();
        Self { ids, repeated }
    }

    /// Whether several rows have an id, which then means none of them.
    pub(super) fn is_repeated(&self, id: &str) -> bool {
        self.repeated.contains(id)
    }

    /// The beginning of an id that belongs to no other.
    pub(super) fn shorten<'i>(&self, id: &'i str) -> &'i str {
        let at = self.ids.partition_point(|other| &**other < id);
        let before = at.checked_sub(1).and_then(|at| self.ids.get(at));
        let after = self.ids[at..].iter().find(|other| &***other != id);
        let shared = [before, after]
            .into_iter()
            .flatten()
            .map(|other| shared_bytes(id, other))
            .max();
        let mut end = SHORTEST
            .max(shared.map_or(0, |shared| shared + 1))
            .min(id.len());
        while !id.is_char_boundary(end) {
            end += 1;
        }
        &id[..end]
    }
}

fn shared_bytes(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_up_to_where_it_differs_from_all_others() {
        let all = [
            "018e06b6-b674-0000-151f",
            "018e06b6-b674-0000-2fe5",
            "0293c000-0000",
            "ü👩‍👩‍👧‍👦a",
            "ü👩‍👩‍👧‍👦b",
            "7",
            "70",
        ];
        let short = ShortIds::of(
            all.iter()
                .chain(["7"].iter())
                .map(|id| (*id).into())
                .collect(),
        );
        assert!(short.is_repeated("7") && !short.is_repeated("70"));
        let shown: Vec<_> = all.iter().map(|id| short.shorten(id)).collect();
        assert_eq!(
            shown,
            [
                "018e06b6-b674-0000-1",
                "018e06b6-b674-0000-2",
                "0293c000",
                "ü👩‍👩‍👧‍👦a",
                "ü👩‍👩‍👧‍👦b",
                "7",
                "70"
            ]
        );
        assert_eq!(short.shorten("an id of no row"), "an id of");
    }
}
