//! Ids as tables show them: only as much of each as no other begins with, since `-r`, `-e` and `access` take that.

/// Shortest beginning that is shown, in bytes: what one can tell apart at a glance.
const SHORTEST: usize = 8;

/// All ids of a kind.
pub(super) struct ShortIds(Vec<Box<str>>);

impl ShortIds {
    pub(super) fn of(ids: impl Iterator<Item = Box<str>>) -> Self {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }

    /// The beginning of an id that belongs to no other.
    pub(super) fn shorten<'i>(&self, id: &'i str) -> &'i str {
        let at = self.0.partition_point(|other| &**other < id);
        let before = at.checked_sub(1).and_then(|at| self.0.get(at));
        let after = self.0[at..].iter().find(|other| &***other != id);
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
        let short = ShortIds::of(all.iter().map(|id| (*id).into()));
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
