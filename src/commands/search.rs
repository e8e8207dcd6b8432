//! Finds the row that a person means by what they typed: an id, a name, an e-mail address, or the beginning of one.
//!
//! An id counts before a name, and the whole of one before its beginning:
//!
//! 1. an id, as it is in the file;
//! 2. a name or an e-mail address, letter for letter;
//! 3. one of these in other case, or without white space around it;
//! 4. the beginning of an id, letter for letter, as tables show it;
//! 5. the beginning of any of them, in any case.
//!
//! Only rows of the best kind of match count. One of them is the answer; several are an error that lists them.

use std::collections::HashSet;

use anyhow::Result;

use crate::model::{Entitlement, Person, Resource, ResourceId, SyncRun};
use crate::progress::{Event, Reporter};
use crate::report::printable;
use crate::snapshot::{Filter, Snapshot};

/// Rows that an error lists; the others are counted.
const LISTED: usize = 20;
/// Rows that are suggested where none matches.
const SUGGESTED: usize = 3;
/// How alike a suggestion must be to what was typed, from 0 to 1 (Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// How well a row matches; the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Id,
    Exact,
    Folded,
    BeginningOfId,
    Beginning,
}

/// More than one row that matches.
#[derive(Debug, thiserror::Error)]
#[error("{count} {what} match `{}`", wanted.escape_debug())]
pub(super) struct Ambiguous {
    wanted: String,
    what: &'static str,
    count: usize,
    /// The first of them: id, name and e-mail address.
    candidates: Vec<String>,
}

impl Ambiguous {
    /// The candidates, one a line.
    pub(super) fn hint(&self) -> String {
        let mut hint = "name one of them by its id:".to_owned();
        for candidate in &self.candidates {
            hint.push_str(&format!("\n{candidate}"));
        }
        match self.count - self.candidates.len() {
            0 => {}
            further => hint.push_str(&format!("\nand {further} more")),
        }
        hint
    }
}

/// What a search came to.
pub(super) enum Found<T> {
    One(Hit<T>),
    /// None; the names that are most like what was typed.
    Nothing(Vec<String>),
}

/// A row that was found.
pub(super) struct Hit<T> {
    row: T,
    /// Its type and name, or its id if it has no name, if what was typed is neither its id nor its whole name: "role
    /// `Administrators EU`".
    named: Option<String>,
}

impl<T> Hit<T> {
    /// The row. If what was typed is neither its id nor its whole name, says which one it is.
    pub(super) fn reported(self, reporter: &dyn Reporter) -> T {
        if let Some(named) = self.named {
            reporter.report(Event::Limited {
                message: format!("showing {named}"),
            });
        }
        self.row
    }
}

/// A search over rows that are offered one after the other.
struct Search<T> {
    wanted: String,
    folded: String,
    best: Option<Match>,
    count: usize,
    /// The first row with its type and name, and how the first rows are listed.
    first: Option<(T, String)>,
    candidates: Vec<String>,
    nearest: Vec<(f64, String)>,
}

impl<T> Search<T> {
    fn new(wanted: &str) -> Self {
        Self {
            wanted: wanted.to_owned(),
            folded: folded(wanted),
            best: None,
            count: 0,
            first: None,
            candidates: Vec::new(),
            nearest: Vec::new(),
        }
    }

    /// How well a row with these ids and names matches.
    fn matches(&self, ids: &[&str], names: &[&str]) -> Option<Match> {
        let Self { wanted, folded, .. } = self;
        // The beginning of nothing is everywhere.
        let trimmed = wanted.trim();
        if trimmed.is_empty() {
            return None;
        }
        if ids.contains(&trimmed) {
            return Some(Match::Id);
        }
        if names.contains(&wanted.as_str()) {
            return Some(Match::Exact);
        }
        let lower: Vec<_> = names.iter().map(|name| self::folded(name)).collect();
        if lower.contains(folded) {
            return Some(Match::Folded);
        }
        if ids.iter().any(|id| id.starts_with(trimmed)) {
            return Some(Match::BeginningOfId);
        }
        let begins = |text: &str| text.starts_with(folded.as_str());
        let is_beginning = lower.iter().any(|name| begins(name))
            || ids.iter().any(|id| begins(&id.to_lowercase()));
        is_beginning.then_some(Match::Beginning)
    }

    /// Takes a row into account. `row` gives it with its type and name, `line` is how a list shows it.
    fn offer(
        &mut self,
        ids: &[&str],
        names: &[&str],
        row: impl FnOnce() -> (T, String),
        line: impl Fn() -> String,
    ) {
        let Some(found) = self.matches(ids, names) else {
            if self.best.is_none() {
                self.remember_if_alike(names);
            }
            return;
        };
        if self.best.is_some_and(|best| best < found) {
            return;
        }
        if self.best != Some(found) {
            self.best = Some(found);
            self.count = 0;
            self.candidates.clear();
            self.first = Some(row());
        }
        self.count += 1;
        if self.candidates.len() < LISTED {
            self.candidates.push(line());
        }
    }

    fn remember_if_alike(&mut self, names: &[&str]) {
        let alike = |name: &&str| strsim::jaro_winkler(&self.folded, &folded(name));
        // One name of a row is enough.
        let best = names.iter().map(|name| (alike(name), *name));
        let best = best.max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((alike, name)) = best
            && alike >= ALIKE
        {
            self.nearest.push((alike, name.to_owned()));
            self.nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
            self.nearest.truncate(SUGGESTED);
        }
    }

    fn finish(self, what: &'static str) -> Result<Found<T>, Ambiguous> {
        match (self.first, self.best) {
            (Some((row, name)), Some(best)) if self.count == 1 => Ok(Found::One(Hit {
                row,
                named: (best > Match::Exact).then_some(name),
            })),
            (None, _) | (_, None) => {
                let names = self.nearest.into_iter().map(|(_, name)| name);
                Ok(Found::Nothing(names.collect()))
            }
            _ => Err(Ambiguous {
                wanted: self.wanted,
                what,
                count: self.count,
                candidates: self.candidates,
            }),
        }
    }
}

/// A text without the differences that do not count in the third kind of match.
fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The resource of `resource_type`, or of any type, that `wanted` means. If `preferred` is given, resources that it does not
/// accept count only by their whole id.
///
/// # Errors
/// [`Ambiguous`], or when the snapshot cannot be read.
pub(super) fn resource(
    wanted: &str,
    resource_type: Option<&str>,
    preferred: Option<&HashSet<ResourceId>>,
    snapshot: &Snapshot,
    run: &SyncRun,
) -> Result<Found<ResourceId>> {
    let is_of_type =
        |id: &ResourceId| resource_type.is_none_or(|wanted| wanted == id.resource_type.as_str());
    // An id, which scripts give, is found without a look into the rows.
    let mut by_id = Vec::new();
    for row in snapshot.rows::<Resource>(&run.id, Filter::EVERYTHING)? {
        let id = row?.columns.id;
        if is_of_type(&id) && id.is_written_as(wanted) {
            by_id.push(id);
        }
    }
    if let [id] = by_id.as_slice() {
        return Ok(Found::One(Hit {
            row: id.clone(),
            named: None,
        }));
    }
    let mut search = Search::new(wanted);
    for row in snapshot.rows::<Resource>(&run.id, Filter::EVERYTHING)? {
        let row = row?;
        let id = &row.columns.id;
        if !is_of_type(id) || preferred.is_some_and(|preferred| !preferred.contains(id)) {
            continue;
        }
        let resource = snapshot.decode(&row)?;
        let whole = id.to_string();
        let email = Person::of(&resource).and_then(|person| person.email());
        let names = [&*resource.display_name, email.unwrap_or_default()];
        search.offer(
            &[&whole, &id.resource],
            &names[..if email.is_some() { 2 } else { 1 }],
            || {
                let name = Some(names[0]).filter(|name| !name.is_empty());
                let name = printable(name.unwrap_or(&id.resource));
                (id.clone(), format!("{} `{name}`", id.resource_type))
            },
            || line(&whole, &names),
        );
    }
    Ok(search.finish("resources")?)
}

/// The person that `wanted` means.
///
/// # Errors
/// [`Ambiguous`], or when the snapshot cannot be read.
pub(super) fn person(wanted: &str, snapshot: &Snapshot, run: &SyncRun) -> Result<Found<Resource>> {
    let mut search = Search::new(wanted);
    for row in snapshot.rows::<Resource>(&run.id, Filter::EVERYTHING)? {
        let resource = snapshot.decode(&row?)?;
        let Some(person) = Person::of(&resource) else {
            continue;
        };
        let whole = resource.id.to_string();
        let mut names = vec![person.name()];
        names.extend(person.addresses());
        search.offer(
            &[&whole, &resource.id.resource],
            &names,
            || {
                let name = Some(person.name()).filter(|name| !name.is_empty());
                let name = name.or(person.email()).unwrap_or(&resource.id.resource);
                (resource.clone(), format!("user `{}`", printable(name)))
            },
            || {
                line(
                    &whole,
                    &[person.name(), person.email().unwrap_or("no e-mail address")],
                )
            },
        );
    }
    Ok(search.finish("people")?)
}

/// What a search over rows that were read before looks at.
pub(super) struct Candidate<'c, N> {
    /// The id.
    pub(super) id: &'c ResourceId,
    /// Every name and address.
    pub(super) names: N,
    /// The name and the address to show; empty if there is none.
    pub(super) shown: [String; 2],
}

/// The one of `candidates` that `wanted` means. `what` is what they are, in the plural.
///
/// # Errors
/// [`Ambiguous`].
pub(super) fn among<'c, N: Iterator<Item = &'c str>>(
    wanted: &str,
    what: &'static str,
    candidates: impl Iterator<Item = Candidate<'c, N>>,
) -> Result<Found<ResourceId>, Ambiguous> {
    let mut search = Search::new(wanted);
    for Candidate { id, names, shown } in candidates {
        let whole = id.to_string();
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let row = || {
            let name = printable(&shown[0]);
            (id.clone(), format!("{} `{name}`", id.resource_type))
        };
        let line = || line(&whole, &[&shown[0], &shown[1]]);
        search.offer(&[&whole, &id.resource], &names, row, line);
    }
    search.finish(what)
}

/// The entitlement that `wanted` means, on `resource` if that is given.
///
/// # Errors
/// [`Ambiguous`], or when the snapshot cannot be read.
pub(super) fn entitlement(
    wanted: &str,
    resource: Option<&ResourceId>,
    snapshot: &Snapshot,
    run: &SyncRun,
) -> Result<Found<String>> {
    let mut search = Search::new(wanted);
    for row in snapshot.rows::<Entitlement>(&run.id, Filter::EVERYTHING)? {
        let row = row?;
        if resource.is_some_and(|resource| *resource != row.columns.resource) {
            continue;
        }
        let entitlement = snapshot.decode(&row)?;
        let names = [&*entitlement.display_name, &*entitlement.slug];
        search.offer(
            &[&row.id],
            &names,
            || {
                let name = printable(&entitlement.display_name);
                (row.id.to_string(), format!("entitlement `{name}`"))
            },
            || line(&row.id, &names[..1]),
        );
    }
    Ok(search.finish("entitlements")?)
}

/// A question with the names that are most like what was typed.
pub(super) fn did_you_mean(nearest: &[String]) -> Option<String> {
    let names: Vec<_> = nearest
        .iter()
        .map(|name| format!("`{}`", printable(name)))
        .collect();
    match names.split_last()? {
        (only, []) => Some(format!("did you mean {only}?")),
        (last, others) => Some(format!("did you mean {} or {last}?", others.join(", "))),
    }
}

/// A row in a list of candidates: its id, then what people know it by.
fn line(id: &str, names: &[&str]) -> String {
    let names: Vec<_> = names
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| printable(name))
        .collect();
    format!("{} ({})", printable(id), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids and names, and what is found by what was typed.
    fn find(wanted: &str) -> Result<String, usize> {
        let rows = [
            ("role:0193a", "Admins"),
            ("role:0193b", "Admins EU"),
            ("role:0293c", "admins eu"),
            ("role:0393d", "Billing"),
            ("role:0393e", "0193a"),
            ("role:0493f", "Straße"),
        ];
        let mut search = Search::new(wanted);
        for (id, name) in rows {
            let row = || (id, name.to_owned());
            search.offer(&[id, &id[5..]], &[name], row, || id.to_owned());
        }
        let best = search.best;
        match search.finish("roles") {
            Ok(Found::One(Hit { row, .. })) => Ok(format!("{row} {:?}", best.expect("a match"))),
            Ok(Found::Nothing(nearest)) => Ok(format!("none, like {nearest:?}")),
            Err(ambiguous) => Err(ambiguous.count),
        }
    }

    #[test]
    fn an_id_counts_before_a_name_and_a_whole_one_before_its_beginning() {
        for (wanted, expected) in [
            ("role:0193a", Ok("role:0193a Id")),
            ("0193a", Ok("role:0193a Id")),
            ("Admins", Ok("role:0193a Exact")),
            ("Admins EU", Ok("role:0193b Exact")),
            ("ADMINS EU", Err(2)),
            ("admins", Ok("role:0193a Folded")),
            ("STRASSE", Ok("none, like [\"Straße\"]")),
            ("stra", Ok("role:0493f Beginning")),
            ("admins e", Err(2)),
            ("0193", Err(2)),
            ("0193a ", Ok("role:0193a Id")),
            ("role:02", Ok("role:0293c BeginningOfId")),
            ("ROLE:02", Ok("role:0293c Beginning")),
            (" bil ", Ok("role:0393d Beginning")),
            ("Biling", Ok("none, like [\"Billing\"]")),
            ("nothing of the kind", Ok("none, like []")),
            ("", Ok("none, like []")),
        ] {
            let found = find(wanted);
            assert_eq!(
                found.as_deref().map_err(|count| *count),
                expected,
                "{wanted}"
            );
        }
    }
}
