//! Whether a database refers to one of its pages more than once, seen while it is unpacked. A sound one never does. One
//! that does may be without end: a few pages that lead to each other again and again hold more rows, or longer ones, than
//! any disk.
//!
//! Pages are taken as SQLite's file format has them. A page that is free, or a map of others, may look like one of a tree,
//! so what is suspected here is left to SQLite's own check to decide.

/// Kinds of pages of a tree, by their first byte.
const INTERIOR_INDEX: u8 = 2;
const INTERIOR_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;
const LEAF_TABLE: u8 = 13;

/// The head of the database stands before the first page's own.
const HEAD: usize = 100;

/// References between the pages of a database that comes in pieces.
#[derive(Default)]
pub(super) struct PageReferences {
    /// Known once the head of the database is.
    size: Option<PageSize>,
    /// The beginning of a page whose end is still to come.
    begun: Vec<u8>,
    /// The first four bytes of each page: of a page of a long value, which one comes next.
    next: Vec<u32>,
    /// By page, whether something refers to it.
    is_referred_to: Vec<bool>,
    /// First page of each long value, and how many follow it.
    long_values: Vec<(u32, u64)>,
    is_repeated: bool,
}

#[derive(Clone, Copy)]
struct PageSize {
    whole: usize,
    /// Without what is reserved at its end.
    usable: usize,
}

impl PageReferences {
    /// Takes the next piece of the database.
    pub fn take(&mut self, mut piece: &[u8]) {
        if self.is_repeated {
            return;
        }
        if self.size.is_none() && self.fill(HEAD, &mut piece) {
            self.size = Some(PageSize::of(&self.begun));
        }
        let Some(size) = self.size else {
            return;
        };
        if !self.begun.is_empty() {
            if !self.fill(size.whole, &mut piece) {
                return;
            }
            let page = std::mem::take(&mut self.begun);
            self.page(size, &page);
        }
        let mut pages = piece.chunks_exact(size.whole);
        for page in &mut pages {
            self.page(size, page);
        }
        self.begun.extend_from_slice(pages.remainder());
    }

    /// Moves from the piece what the page that is begun lacks to be of this length. True once it is.
    fn fill(&mut self, length: usize, piece: &mut &[u8]) -> bool {
        let missing = length - self.begun.len();
        let (head, rest) = piece.split_at(missing.min(piece.len()));
        self.begun.extend_from_slice(head);
        *piece = rest;
        self.begun.len() == length
    }

    /// Whether any page seems to be referred to more than once.
    pub fn seem_repeated(mut self) -> bool {
        for (mut page, following) in std::mem::take(&mut self.long_values) {
            for _ in 0..following {
                // Each page that is come to is a new one, so this ends.
                if self.is_repeated {
                    return true;
                }
                let Some(next) = self.next.get(page.wrapping_sub(1) as usize) else {
                    break;
                };
                page = *next;
                self.refer(page);
            }
        }
        self.is_repeated
    }

    fn refer(&mut self, page: u32) {
        let at = page as usize;
        if self.is_referred_to.len() <= at {
            // A page that does not exist is none that could be read.
            match at <= MAX_PAGES {
                true => self.is_referred_to.resize(at + 1, false),
                false => return,
            }
        }
        self.is_repeated |= page != 0 && std::mem::replace(&mut self.is_referred_to[at], true);
    }

    fn page(&mut self, size: PageSize, page: &[u8]) {
        let start = if self.next.is_empty() { HEAD } else { 0 };
        self.next.push(number(page, 0).unwrap_or_default());
        // What does not fit is no page of a tree, and SQLite says so.
        let _ = self.tree_page(size, page, start);
    }

    fn tree_page(&mut self, size: PageSize, page: &[u8], start: usize) -> Option<()> {
        let kind = *page.get(start)?;
        let pointers = match kind {
            INTERIOR_INDEX | INTERIOR_TABLE => {
                self.refer(number(page, start + 8)?);
                start + 12
            }
            LEAF_INDEX | LEAF_TABLE => start + 8,
            _ => return None,
        };
        let count = usize::from(short(page, start + 3)?);
        for at in 0..count {
            if self.is_repeated {
                return None;
            }
            let mut cell = usize::from(short(page, pointers + 2 * at)?);
            if matches!(kind, INTERIOR_INDEX | INTERIOR_TABLE) {
                self.refer(number(page, cell)?);
                cell += 4;
            }
            if kind == INTERIOR_TABLE {
                continue;
            }
            let (length, mut content) = varint(page, cell)?;
            if kind == LEAF_TABLE {
                content = varint(page, content)?.1;
            }
            if let Some((local, pages)) = size.long_value(kind, length) {
                let first = number(page, content + local)?;
                self.refer(first);
                self.long_values.push((first, pages - 1));
            }
        }
        Some(())
    }
}

/// As many pages as the largest database that is ever unpacked has of the smallest size, and more.
const MAX_PAGES: usize = 1 << 25;

impl PageSize {
    fn of(head: &[u8]) -> Self {
        let whole = match short(head, 16) {
            Some(1) => 1 << 16,
            Some(size) => usize::from(size).max(512),
            None => 512,
        };
        let reserved = head.get(20).map_or(0, |reserved| usize::from(*reserved));
        Self {
            whole,
            usable: whole - reserved,
        }
    }

    /// Of a value of this length that does not fit into its page: how much of it does, and on how many pages the rest
    /// stands.
    fn long_value(self, kind: u8, length: u64) -> Option<(usize, u64)> {
        let usable = self.usable as u64;
        let most = match kind {
            LEAF_TABLE => usable - 35,
            _ => (usable - 12) * 64 / 255 - 23,
        };
        if length <= most {
            return None;
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let local = match least + (length - least) % (usable - 4) {
            local if local <= most => local,
            _ => least,
        };
        let pages = (length - local).div_ceil(usable - 4);
        Some((local as usize, pages))
    }
}

fn short(page: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?))
}

fn number(page: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(page.get(at..at + 4)?.try_into().ok()?))
}

/// SQLite's own varint: seven bits a byte, the highest first, all eight of a ninth. And where it ends.
fn varint(page: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in page.get(at..)?.iter().enumerate().take(9) {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some((value, at + index + 1));
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;

    /// What is thought of a database that comes in pieces of this length.
    fn seem_repeated(database: &[u8], piece: usize) -> bool {
        let mut pages = PageReferences::default();
        database.chunks(piece).for_each(|piece| pages.take(piece));
        pages.seem_repeated()
    }

    /// A database with values that are longer than a page, in a table and in an index.
    fn with_long_values(page_size: u32) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let connection = Connection::open(file.path()).unwrap();
        connection
            .execute_batch(&format!(
                "pragma page_size = {page_size}; create table t (a, b); create index i on t (b, a);
                 with recursive n (n) as (select 1 union all select n + 1 from n where n < 300)
                 insert into t select n, cast(replace(hex(zeroblob(n * 400)), '0', char(64 + n % 20)) as blob) from n"
            ))
            .unwrap();
        connection.close().unwrap();
        fs::read(file.path()).unwrap()
    }

    #[test]
    fn sound_databases_do_not_seem_repeated_in_whatever_pieces_they_come() {
        for name in [
            "small",
            "connector-sqlite",
            "two-syncs",
            "unfinished",
            "written-by-sdk-0.7.27",
        ] {
            let file = fs::read(format!("testdata/snapshots/{name}.c1z")).unwrap();
            let database = zstd::decode_all(&file[5..]).unwrap();
            for piece in [7, 99, 100, 101, 4096, 5000, 1 << 20] {
                assert!(!seem_repeated(&database, piece), "{name} by {piece}");
            }
        }
        for page_size in [512, 1024, 4096, 65536] {
            assert!(
                !seem_repeated(&with_long_values(page_size), 10_000),
                "{page_size}"
            );
        }
    }

    #[test]
    fn a_long_value_that_leads_into_another_seems_repeated() {
        let mut database = with_long_values(512);
        let pages_of = |database: &[u8], letter: u8| -> Vec<usize> {
            let is_its = |page: &[u8]| page[4..].iter().all(|byte| *byte == letter);
            let pages = database.chunks(512).enumerate();
            pages
                .filter(|(_, page)| is_its(page))
                .map(|(at, _)| at)
                .collect()
        };
        let from = pages_of(&database, b'A')[0];
        let to = pages_of(&database, b'B')[0] + 1;
        database[512 * from..512 * from + 4].copy_from_slice(&(to as u32).to_be_bytes());
        assert!(seem_repeated(&database, 10_000));
    }

    #[test]
    fn a_page_that_is_two_pages_children_seems_repeated() {
        let mut database = with_long_values(512);
        let interior = database
            .chunks(512)
            .position(|page| page[0] == INTERIOR_TABLE)
            .unwrap();
        let page = &mut database[512 * interior..][..512];
        let cell = usize::from(short(page, 12).unwrap());
        let child: [u8; 4] = page[cell..cell + 4].try_into().unwrap();
        page[8..12].copy_from_slice(&child);
        assert!(seem_repeated(&database, 10_000));
    }
}
