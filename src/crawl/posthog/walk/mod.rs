//! One walk over a list in overlapping pages, without the network: which page to ask for next, and how it joins what
//! was read before.
//!
//! What makes a walk complete is the overlap. Each page begins with a row that is known already, so nothing lies
//! unseen between two pages, whatever left or joined in the meantime:
//!
//! - Somebody leaves: later rows move towards the front, and a page may begin after the last known row. The stretch in
//!   between is read, and the page is joined to it.
//! - Somebody joins: in a list that is sorted by the time of joining, they come last.
//!
//! In a list that is sorted by that time, the times prove it: a page that begins with somebody who joined before the last
//! known row has everybody in between, even where rows of the same time change places. For that its pages overlap by two
//! rows, or by all rows of the last time. Where they cannot, the overlap alone shows nothing about the order of the rows.

mod window;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use self::window::{Times, Window};
use super::list::ListRow;
use crate::model::{Text, Timestamp};

/// Rows by which a page is asked for earlier when it did not overlap, at first; four times as many with each attempt.
const FIRST_STEP_BACK: u64 = 16;
/// Rows by which a stretch reaches into the page that it leads to.
const STRETCH_INTO_PAGE: u64 = 8;
/// Smaller pages overlap by one row alone: with two they would hardly lead anywhere.
const SMALLEST_VOUCHED_PAGE: u64 = 4;
/// Pages that bring nothing new before a walk is given up.
const MAX_DETOURS: u32 = 50;

/// A page to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// Rows before it in the server's list.
    pub offset: u64,
    /// Rows that are needed; `None` for as many as a page has.
    pub rows: Option<u64>,
}

/// What follows from a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More is to be read.
    Ask(Ask),
    /// The list was read to its end, and its pages overlap.
    Whole,
    /// The pages do not fit together.
    Broken,
}

/// What shows that a list is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// All of it came in one answer, at one moment.
    OneAnswer,
    /// It is sorted by the time of joining, and the times show that its pages leave nobody out.
    OldestFirst,
    /// Its pages overlap, in an order that may have changed in between.
    Overlap,
}

/// A page that begins after rows that were not seen yet.
struct Ahead<T> {
    page: Vec<T>,
    is_last: bool,
}

/// What the time of a page's first row says about the rows between it and the last known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Border {
    /// The page has them all.
    Vouched,
    /// A page that begins earlier would have them all.
    TooLate,
    /// Nothing: the list is not sorted, or too many rows have the same time.
    Unknown,
}

/// How a page fits what was read before.
#[derive(Debug, PartialEq, Eq)]
enum Join<T> {
    /// It overlaps and has new rows.
    Grown,
    /// It overlaps and has nothing new.
    Same,
    /// It has none of the rows that were read.
    Apart(Vec<T>),
    /// Its rows come in another order than before.
    Tangled,
}

/// A walk from the first page of a list to the last.
pub(super) struct Walk<T> {
    /// In the server's order. Rows that have gone or moved stay here to the end, although `places` no longer has them.
    rows: Vec<T>,
    /// Where each of them was when it was seen last, as an index in the server's list.
    indexes: Vec<u64>,
    /// Every row ever seen, and its index in `rows` unless it has gone.
    places: HashMap<Text, Option<usize>>,
    /// Rows that appeared among those that had been read already.
    late: HashMap<Text, T>,
    /// Rows of walks that failed.
    aside: Vec<T>,
    /// Index of the last row in the server's list.
    at: u64,
    /// Rows before the last one with which the next page begins. Grows with the pace at which people leave.
    overlap: u64,
    /// How far before the last row the page begins that was asked for.
    reach: u64,
    ahead: Option<Ahead<T>>,
    detours: u32,
    pages: u32,
    /// Rows of the shortest page after which more were to come.
    page_size: u64,
    /// Whether every row so far has a time of joining, and they come in that order.
    is_sorted: bool,
    /// Whether the times have vouched for every page after the first.
    is_vouched: bool,
    shifted: u64,
    repeats: u64,
}

impl<T: ListRow> Walk<T> {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            indexes: Vec::new(),
            places: HashMap::new(),
            late: HashMap::new(),
            aside: Vec::new(),
            at: 0,
            overlap: 0,
            reach: 0,
            ahead: None,
            detours: 0,
            pages: 0,
            page_size: u64::MAX,
            is_sorted: true,
            is_vouched: true,
            shifted: 0,
            repeats: 0,
        }
    }

    /// Begins again at the first page. Rows seen before still count as seen.
    pub(super) fn restart(&mut self) -> Ask {
        let mut before = std::mem::replace(self, Self::new());
        before.aside.append(&mut before.rows);
        let late = before.late.drain().map(|(_, row)| row);
        before.aside.extend(late);
        before.set_ahead_aside();
        before.places.values_mut().for_each(|place| *place = None);
        self.places = before.places;
        self.aside = before.aside;
        self.shifted = before.shifted;
        Ask {
            offset: 0,
            rows: None,
        }
    }

    /// Asks for the end of the list again, which has about `expected` rows by now.
    pub(super) fn resume(&mut self, expected: u64) -> Ask {
        if self.rows.is_empty() {
            return self.restart();
        }
        let left = self.length().saturating_sub(expected);
        let joined = expected.saturating_sub(self.length());
        self.detours = 0;
        let reach = self.overlap.max(left.saturating_mul(2));
        self.reach = reach
            .max(self.rows_of_last_time().unwrap_or(0))
            .min(self.at);
        let rows = [self.reach, joined.saturating_mul(2), FIRST_STEP_BACK];
        Ask {
            offset: self.at - self.reach,
            rows: Some(rows.into_iter().fold(0, u64::saturating_add)),
        }
    }

    /// Rows in the server's list when its end was read.
    pub(super) fn length(&self) -> u64 {
        if self.rows.is_empty() { 0 } else { self.at + 1 }
    }

    /// Rows of the server's list that repeat a person.
    pub(super) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Rows by which pages had moved towards the front.
    pub(super) fn shifted(&self) -> u64 {
        self.shifted
    }

    /// Rows of the list as it was read, each once.
    pub(super) fn kept(&self) -> u64 {
        let live = self.places.values().flatten().count();
        (live + self.late.len()) as u64
    }

    /// Rows of the shortest page after which more were to come.
    pub(super) fn page_size(&self) -> u64 {
        self.page_size
    }

    /// Different rows ever seen, in failed walks too.
    pub(super) fn distinct(&self) -> u64 {
        self.places.len() as u64
    }

    /// What shows that the list is whole, once it was read to its end.
    pub(super) fn proof(&self) -> Proof {
        if self.pages == 1 {
            Proof::OneAnswer
        } else if self.is_sorted && self.is_vouched {
            Proof::OldestFirst
        } else {
            Proof::Overlap
        }
    }

    /// A number that is the same for the same rows, whatever their order.
    pub(super) fn fingerprint(&self) -> u64 {
        let hash = |row: &T| {
            let mut hasher = DefaultHasher::new();
            (row.key(), row.joined_at()).hash(&mut hasher);
            hasher.finish()
        };
        let rows = self.rows.iter().enumerate();
        let live = rows.filter(|(at, _)| self.is_live(*at)).map(|(_, row)| row);
        live.chain(self.late.values())
            .map(hash)
            .fold(0, u64::wrapping_add)
    }

    /// The list, each row once.
    pub(super) fn into_rows(self) -> Vec<T> {
        let Self {
            rows, places, late, ..
        } = self;
        let rows = rows.into_iter().enumerate();
        let rows = rows.filter(|(at, row)| places.get(row.key()) == Some(&Some(*at)));
        let mut rows: Vec<T> = rows.map(|(_, row)| row).collect();
        let is_late = |row: &T| places.get(row.key()) == Some(&None);
        rows.extend(late.into_values().filter(is_late));
        rows
    }

    /// Every row that any walk has seen, each once, as it was seen last.
    pub(super) fn everything_seen(mut self) -> Vec<T> {
        self.set_ahead_aside();
        let mut rows = self.aside;
        rows.extend(self.rows.into_iter().chain(self.late.into_values()));
        newest(rows)
    }

    /// Takes the page that `ask` asked for, and says what to do next.
    pub(super) fn take(&mut self, ask: Ask, page: Vec<T>, is_last: bool) -> Step {
        self.pages += 1;
        if ask.rows.is_none() && !is_last {
            self.page_size = self.page_size.min(page.len() as u64);
        }
        let (mut has_grown, mut is_last) = match self.join(ask.offset, page, is_last) {
            Join::Grown => (true, is_last),
            Join::Same => (false, is_last),
            Join::Tangled => return Step::Broken,
            Join::Apart(page) => {
                return self.step_back(ask.offset, Ahead { page, is_last });
            }
        };
        if let Some(ahead) = self.ahead.take()
            && !is_last
        {
            is_last = ahead.is_last;
            match self.join_ahead(ahead.page) {
                Some(rows) => has_grown |= rows > 0,
                None => is_last = false,
            }
        }
        if is_last {
            return Step::Whole;
        }
        // Nothing new, although more is said to come: it is after the rows that are known, or nowhere.
        if !has_grown && (self.reach == 0 || !self.afford_detour()) {
            return Step::Broken;
        }
        self.reach = if has_grown { self.wanted_overlap() } else { 0 };
        Step::Ask(Ask {
            offset: self.at - self.reach,
            rows: None,
        })
    }

    /// Rows before the last one with which the next page is to begin.
    fn wanted_overlap(&self) -> u64 {
        // A page must lead beyond the rows that are known already, and not by a little.
        let overlap = self.overlap.min(self.page_size / 4);
        let tied = self.rows_of_last_time().unwrap_or(0);
        overlap.max(tied).min(self.at)
    }

    /// Known rows that joined last, all at the same time. A page that begins before the first of them has them all, and
    /// others of their time. `None` if they are too many for a page, pages are too small, or nobody is known who joined
    /// earlier.
    fn rows_of_last_time(&self) -> Option<u64> {
        let last = self
            .last_time()
            .filter(|_| self.page_size >= SMALLEST_VOUCHED_PAGE)?;
        let most = usize::try_from(self.page_size / 2).unwrap_or(usize::MAX);
        let rows = self.rows.iter().rev().take(most.saturating_add(1));
        let tied = rows.take_while(|row| row.joined_at() == Some(last)).count();
        (tied <= most && tied < self.rows.len()).then_some(tied as u64)
    }

    /// When the last row that was seen joined, if the list is sorted by that.
    fn last_time(&self) -> Option<Timestamp> {
        let last = self.rows.last().filter(|_| self.is_sorted)?;
        last.joined_at()
    }

    /// The page at `offset` does not overlap: asks for the stretch before it.
    fn step_back(&mut self, offset: u64, ahead: Ahead<T>) -> Step {
        if offset == 0 || !self.afford_detour() {
            self.set_aside(ahead.page);
            return Step::Broken;
        }
        // The page of a stretch that was too short is no use; the one it was to lead to still is.
        self.ahead.get_or_insert(ahead);
        let reach = self.reach.saturating_mul(4).max(FIRST_STEP_BACK);
        self.reach = reach.min(self.at);
        Step::Ask(Ask {
            offset: self.at - self.reach,
            rows: Some(self.reach + STRETCH_INTO_PAGE),
        })
    }

    /// Whether another page that leads no further is acceptable.
    fn afford_detour(&mut self) -> bool {
        self.detours += 1;
        self.detours <= MAX_DETOURS
    }

    /// Joins the page at `offset` to what was read before.
    fn join(&mut self, offset: u64, page: Vec<T>, is_last: bool) -> Join<T> {
        let end = offset + page.len() as u64;
        self.note_order(&page);
        let mut page = Window::new(offset, page);
        let border = self.border(offset, &page);
        let is_vouched = border == Border::Vouched;
        if is_vouched {
            // Among rows of the same time the order means nothing. Known ones first, so that they are one overlap.
            page.rows
                .sort_by_key(|(_, row)| (row.joined_at(), self.place(row).unwrap_or(usize::MAX)));
        }
        let places: Vec<Option<usize>> = page.rows.iter().map(|(_, row)| self.place(row)).collect();
        let known = places.iter().enumerate();
        let overlap = known.filter_map(|(index, place)| Some(((*place)?, index)));
        let Some((place, index)) = overlap.max() else {
            // Before the first page is nothing: where rows are sorted, the known ones have all gone.
            let is_beginning = self.rows.is_empty() || offset == 0 && self.is_sorted;
            if !is_beginning {
                return Join::Apart(page.into_rows());
            }
            self.places.values_mut().for_each(|place| *place = None);
            self.at = end.saturating_sub(1);
            self.repeats = page.repeats;
            return self.add(page.rows);
        };
        if border == Border::TooLate {
            return Join::Apart(page.into_rows());
        }
        self.is_vouched &= is_vouched;
        let (before, after) = (&places[..index], &places[index + 1..]);
        if !is_vouched && before.contains(&None) || after.iter().any(Option::is_some) {
            // Rows came in where others were read already, or changed places. More may have, elsewhere.
            self.set_aside(page.into_rows());
            return Join::Tangled;
        }

        let reaches_on = is_last || !after.is_empty();
        let (then, now) = (self.indexes[place], page.rows[index].0);
        let shift = then.saturating_sub(now);
        self.shifted += shift;
        if shift > 0 {
            self.overlap = self.overlap.max(shift.saturating_mul(4).saturating_add(4));
        }
        // A row that is later than before says that others came in, and nothing about those that are missing.
        if is_vouched || !self.is_sorted && now <= then {
            let times = is_vouched.then(|| page.times(is_last));
            self.drop_gone(&places, place, reaches_on, times);
        }
        if reaches_on {
            self.at = end - 1;
            self.repeats += page.repeats;
        } else {
            self.at = self.at.saturating_sub(shift).max(now);
        }
        let mut page = page.rows;
        let new = page.split_off(index + 1);
        for ((index, row), place) in page.into_iter().zip(places) {
            match place {
                Some(place) => self.indexes[place] = index,
                None => {
                    self.places.insert(row.key().clone(), None);
                    self.late.insert(row.key().clone(), row);
                }
            }
        }
        self.add(new)
    }

    /// What the times say about a page that begins at `offset`.
    fn border(&self, offset: u64, page: &Window<T>) -> Border {
        let Some(last) = self.last_time() else {
            return Border::Unknown;
        };
        if offset == 0 || page.first_time() < Some(last) {
            return Border::Vouched;
        }
        let rows = page.rows.iter();
        let tied = rows.take_while(|(_, row)| row.joined_at() == Some(last));
        let fits = tied.count() as u64 <= self.page_size / 2;
        if fits && self.rows_of_last_time().is_some() {
            Border::TooLate
        } else {
            Border::Unknown
        }
    }

    fn add(&mut self, rows: Vec<(u64, T)>) -> Join<T> {
        let join = if rows.is_empty() {
            Join::Same
        } else {
            Join::Grown
        };
        for (index, row) in rows {
            self.places.insert(row.key().clone(), Some(self.rows.len()));
            self.indexes.push(index);
            self.rows.push(row);
        }
        join
    }

    /// Joins a page that was read before the stretch that leads to it. Returns how many rows it adds, or `None` if it
    /// does not surely fit; then it is read again.
    fn join_ahead(&mut self, page: Vec<T>) -> Option<usize> {
        let new: Vec<T> = match self.last_time() {
            Some(last) if page.first()?.joined_at() < Some(last) => {
                // Rows that are unknown and earlier have gone since.
                let rows = page.into_iter();
                rows.filter(|row| row.joined_at() >= Some(last) && self.place(row).is_none())
                    .collect()
            }
            Some(_) => return None,
            None => {
                let mut rows = self.rows.iter().enumerate().rev();
                let last = rows.find_map(|(at, row)| self.is_live(at).then(|| row.key()))?;
                let overlap = page.iter().position(|row| row.key() == last)?;
                let mut page = page;
                let new = page.split_off(overlap + 1);
                let is_known = |row: &T| self.place(row).is_some();
                if !page.iter().all(is_known) || new.iter().any(is_known) {
                    return None;
                }
                new
            }
        };
        let count = new.len();
        // Some may have left since, which the next page shows.
        self.add((self.at + 1..).zip(new).collect());
        self.at += count as u64;
        Some(count)
    }

    /// The index of a row in `rows`, unless it is new: somebody who left and joined again is, too.
    fn place(&self, row: &T) -> Option<usize> {
        let place = self.places.get(row.key()).copied().flatten()?;
        let is_same = !self.is_sorted || self.rows[place].joined_at() == row.joined_at();
        is_same.then_some(place)
    }

    fn is_live(&self, place: usize) -> bool {
        self.places.get(self.rows[place].key()) == Some(&Some(place))
    }

    /// Forgets known rows that a page, whose known rows are at `places` and end at `overlap`, would have if they were
    /// still there. `times` are those of which it surely has every row.
    fn drop_gone(
        &mut self,
        places: &[Option<usize>],
        overlap: usize,
        reaches_on: bool,
        times: Option<Times>,
    ) {
        let on_page: HashSet<usize> = places.iter().flatten().copied().collect();
        let from = match times {
            Some(_) => on_page.iter().min().copied().unwrap_or(overlap),
            None => overlap + 1,
        };
        let to = if reaches_on { self.rows.len() } else { overlap };
        for place in from..to.max(from) {
            let row = &self.rows[place];
            let is_expected = times.is_none_or(|times| times.include(row.joined_at()));
            if is_expected && !on_page.contains(&place) && self.is_live(place) {
                let key = row.key().clone();
                self.places.insert(key, None);
            }
        }
    }

    /// Notes whether the rows come in the order in which they joined.
    fn note_order(&mut self, page: &[T]) {
        self.is_sorted &= page.iter().all(|row| row.joined_at().is_some())
            && page.is_sorted_by_key(ListRow::joined_at);
    }

    fn set_ahead_aside(&mut self) {
        if let Some(ahead) = self.ahead.take() {
            self.set_aside(ahead.page);
        }
    }

    /// Keeps rows whose place in the list is not known.
    fn set_aside(&mut self, rows: Vec<T>) {
        for row in rows {
            self.places.entry(row.key().clone()).or_insert(None);
            self.aside.push(row);
        }
    }
}

/// Each row once, as it comes last.
fn newest<T: ListRow>(rows: Vec<T>) -> Vec<T> {
    let mut known = HashSet::new();
    let rows = rows.into_iter().rev();
    let mut rows: Vec<T> = rows.filter(|row| known.insert(row.key().clone())).collect();
    rows.reverse();
    rows
}
