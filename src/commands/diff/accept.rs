//! The file of `diff --accept`: accepted changes, one per line.
//!
//! ```text
//! KIND[+KIND…] ID FIELD OLD → NEW[, FIELD OLD → NEW…] [until YYYY-MM-DD] [# REASON]
//! ```
//!
//! A line accepts exactly the change with these kinds, this id and these values, so it does not cover later changes.
//! `none` means an absent value, and `->` is read as `→`. A text with a space, a comma, a quotation mark or any other
//! ambiguous character is written as a JSON string; other values are JSON. The `until` day is inclusive, in UTC, and
//! compared with the capture time of the new snapshot.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::model::{
    Accepted, Change, ChangeKind, Comparison, FieldChange, Scope, Timestamp, UnusedLine,
    is_harmful, keys,
};
use crate::report::{diff as report, escaped_json, printable};
use crate::snapshot::Error;

/// A file of accepted changes.
#[derive(Default)]
pub(super) struct AcceptFile {
    path: PathBuf,
    lines: Vec<Line>,
}

/// The result of applying an [`AcceptFile`] to changes.
pub(super) struct Applied {
    pub accepted: Vec<Accepted>,
    pub changes: Vec<Change>,
    /// Problems with lines, in the order of the file.
    pub unused_lines: Vec<UnusedLine>,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    number: usize,
    kinds: BTreeSet<ChangeKind>,
    id: String,
    /// Sorted. Lines of an older format have none.
    terms: Vec<Term>,
    /// `YYYY-MM-DD`
    until: Option<String>,
    reason: Option<String>,
}

/// A changed field with its old and new value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    field: String,
    old: Token,
    new: Token,
}

/// A value in a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Absent,
    Text(String),
    /// Any value that is not text, as written.
    Json(String),
}

const ABSENT: &str = "none";
const ARROW: &str = "→";
const ASCII_ARROW: &str = "->";
const UNTIL: &str = "until";

impl AcceptFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|source| Error::Io {
            action: "reading",
            path: path.to_owned(),
            source,
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            let parsed = Line::parse(number, line)
                .with_context(|| format!("line {number} of `{}`", path.display()))?;
            lines.extend(parsed);
        }
        Ok(Self {
            path: path.to_owned(),
            lines,
        })
    }

    /// Separates the changes that are accepted for a snapshot captured at this time. Each line accepts one change, and
    /// no change is accepted in part unless its fields are separate changes. If the snapshot does not record a time
    /// zone, the day of its own clock counts.
    pub(super) fn apply(
        &self,
        changes: Vec<Change>,
        captured_at: Timestamp,
        knows_members: bool,
        scope: &Scope,
    ) -> Applied {
        let today = captured_at.to_day();
        let mut by_id: HashMap<&str, Vec<&Line>> = HashMap::new();
        for line in self.lines.iter().filter(|line| !line.is_expired(&today)) {
            by_id.entry(&line.id).or_default().push(line);
        }
        // More specific lines first: a shorter one could take part of their change.
        for lines in by_id.values_mut() {
            lines.sort_by_key(|line| Reverse(line.terms.len()));
        }
        let mut used = BTreeSet::new();
        let mut applied = Applied {
            accepted: Vec::new(),
            changes: Vec::new(),
            unused_lines: Vec::new(),
        };
        for change in changes {
            let lines = by_id.get(change.id.as_str()).cloned().unwrap_or_default();
            let mut left = Some(change);
            for line in lines {
                let Some(change) = left.take() else { break };
                if used.contains(&line.number) {
                    left = Some(change);
                    continue;
                }
                let (agreed, rest) = line.split(change);
                left = rest;
                if let Some(change) = agreed {
                    used.insert(line.number);
                    applied.accepted.push(Accepted {
                        change,
                        reason: line.reason.clone(),
                        until: line.until.clone(),
                    });
                }
            }
            applied.changes.extend(left);
        }
        let unused = self
            .lines
            .iter()
            .filter(|line| !used.contains(&line.number));
        let is_compared = |line: &&Line| {
            let lacks_roles = !scope.roles && line.is_of_roles();
            let mut parts = line.kinds.iter().filter_map(|kind| kind.part());
            let lacks_part = parts.any(|part| !scope.parts.contains(&part));
            !lacks_roles && !lacks_part || line.is_expired(&today)
        };
        let (unused, not_compared): (Vec<_>, Vec<_>) = unused.partition(is_compared);
        let (of_roles, of_parts): (Vec<_>, Vec<_>) = not_compared
            .into_iter()
            .partition(|line| line.is_of_roles());
        for (lines, why) in [
            (of_roles.len(), "roles were not read"),
            (
                of_parts.len(),
                "not both snapshots have what they are about",
            ),
        ] {
            let lines = match lines {
                0 => continue,
                1 => "1 line".to_owned(),
                n => format!("{n} lines"),
            };
            let path = self.path.display();
            applied.unused_lines.push(UnusedLine {
                problem: format!("{lines} of `{path}` could not be checked because {why}"),
                instead: None,
            });
        }
        for line in unused {
            let problems = line.problems(&applied.changes, &today, knows_members);
            let place = format!("line {} of `{}`", line.number, self.path.display());
            let problems = problems.into_iter().map(|unused| UnusedLine {
                problem: format!("{place} {}", unused.problem),
                ..unused
            });
            applied.unused_lines.extend(problems);
        }
        applied
    }
}

impl Line {
    /// A line that accepts a change and is not in a file yet.
    fn of(change: &Change, until: Option<String>, reason: Option<String>) -> Self {
        Self {
            number: 0,
            kinds: kinds(change),
            id: change.id.clone(),
            terms: terms(change),
            until,
            reason,
        }
    }

    /// Parses a line; `None` if it is empty or a comment.
    fn parse(number: usize, line: &str) -> Result<Option<Self>> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (kinds, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let kinds = kinds.split('+').map(kind).collect::<Result<_>>()?;
        let rest = rest.trim_start();
        ensure!(
            !rest.is_empty() && !rest.starts_with('#'),
            "expected a kind and an id"
        );
        let (id, mut rest) = text(rest, char::is_whitespace).context("reading the id")?;
        ensure!(!id.is_empty(), "expected a kind and an id");
        let mut terms = Vec::new();
        let mut until = None;
        let mut is_list = false;
        let reason = loop {
            rest = rest.trim_start();
            if !is_list && (rest.is_empty() || rest.starts_with('#')) {
                let reason = rest.trim_start_matches('#').trim();
                break (!reason.is_empty()).then(|| reason.to_owned());
            }
            ensure!(
                until.is_none(),
                "expected nothing but `# REASON` after the date"
            );
            let after = rest.strip_prefix(UNTIL);
            if let Some(after) = after.filter(|after| !is_list && starts_apart(after)) {
                let after = after.trim_start();
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                until = Some(day(&after[..end])?);
                rest = &after[end..];
                continue;
            }
            ensure!(
                terms.is_empty() || is_list,
                "expected a comma, `{UNTIL} DATE` or `# REASON` after `{}`",
                terms.last().map(Term::to_string).unwrap_or_default()
            );
            let (term, after) = Term::parse(rest)?;
            terms.push(term);
            let after = after.trim_start();
            is_list = after.starts_with(',');
            rest = after.strip_prefix(',').unwrap_or(after);
        };
        terms.sort();
        Ok(Some(Self {
            number,
            kinds,
            id,
            terms,
            until,
            reason,
        }))
    }

    /// Whether the line is about roles, role memberships, or people who are not in the member list.
    fn is_of_roles(&self) -> bool {
        let not_listed = Token::Json("false".to_owned());
        self.kinds.iter().any(|kind| kind.is_of_roles())
            || self.id.starts_with("role:")
            || self.terms.iter().any(|term| {
                term.field == keys::LISTED_AS_MEMBER
                    && [&term.old, &term.new].contains(&&not_listed)
            })
    }

    fn is_expired(&self, today: &str) -> bool {
        self.until.as_deref().is_some_and(|until| until < today)
    }

    /// Splits a change into the part that the line accepts and the rest.
    fn split(&self, change: Change) -> (Option<Change>, Option<Change>) {
        if self.kinds != kinds(&change) || self.terms.is_empty() {
            return (None, Some(change));
        }
        if !change.is_divisible() {
            return if self.terms == terms(&change) {
                (Some(change), None)
            } else {
                (None, Some(change))
            };
        }
        let is_agreed = |field: &FieldChange| self.terms.contains(&Term::of(field));
        let fields = change.fields.iter().cloned();
        let (agreed, left): (Vec<_>, Vec<_>) = fields.partition(is_agreed);
        if agreed.len() != self.terms.len() {
            return (None, Some(change));
        }
        let rest = (!left.is_empty()).then(|| Change {
            fields: left,
            ..change.clone()
        });
        let agreed = Change {
            fields: agreed,
            ..change
        };
        (Some(agreed), rest)
    }

    /// Explains why the line accepts none of the remaining changes.
    fn problems(&self, left: &[Change], today: &str, knows_members: bool) -> Vec<UnusedLine> {
        let because = |problem: String| {
            vec![UnusedLine {
                problem,
                instead: None,
            }]
        };
        let of_id = || left.iter().filter(|change| change.id == self.id);
        if let Some(until) = self.until.as_ref().filter(|_| self.is_expired(today)) {
            return because(format!("expired after {until} and is ignored: {self}"));
        }
        if self.terms.is_empty() {
            let is_meant =
                |change: &&Change| change.kinds.iter().any(|kind| self.kinds.contains(kind));
            let instead = of_id().filter(is_meant);
            let instead = instead.flat_map(|change| lines_of(change, knows_members));
            let instead: Vec<_> = instead
                .map(|line| {
                    let line = Self {
                        until: self.until.clone(),
                        reason: self.reason.clone().or(line.reason),
                        ..line
                    };
                    UnusedLine {
                        problem: "is too broad and is ignored; replace it with:".to_owned(),
                        instead: Some(line.to_string()),
                    }
                })
                .collect();
            return if instead.is_empty() {
                because(format!("is too broad and matches nothing: {self}"))
            } else {
                instead
            };
        }
        let also = of_id().find(|change| {
            self.kinds.iter().all(|kind| change.kinds.contains(kind)) && self.terms == terms(change)
        });
        because(match also {
            Some(change) => {
                let more = change
                    .kinds
                    .iter()
                    .filter(|kind| !self.kinds.contains(kind));
                let more: Vec<_> = more.map(|kind| format!("`{kind}`")).collect();
                format!(
                    "does not accept the change to `{}`, which is also {}",
                    self.id,
                    more.join(" and ")
                )
            }
            None => format!("matches nothing: {self}"),
        })
    }
}

/// The line as it is written, without its number.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        write!(f, "{} {}", kinds.join("+"), quoted_id(&self.id))?;
        for (at, term) in self.terms.iter().enumerate() {
            write!(f, "{} {term}", if at > 0 { "," } else { "" })?;
        }
        if let Some(until) = &self.until {
            write!(f, " {UNTIL} {until}")?;
        }
        match &self.reason {
            Some(reason) => write!(f, "  # {}", printable(reason)),
            None => Ok(()),
        }
    }
}

impl Term {
    fn of(change: &FieldChange) -> Self {
        Self {
            field: change.field.clone(),
            old: Token::of(change.old.as_ref()),
            new: Token::of(change.new.as_ref()),
        }
    }

    fn parse(rest: &str) -> Result<(Self, &str)> {
        let (field, rest) = text(rest, ends_token).context("reading the field name")?;
        ensure!(!field.is_empty(), "expected a field name");
        let expected = || format!("expected `{field} OLD {ARROW} NEW`");
        let (old, rest) = Token::parse(rest.trim_start()).with_context(expected)?;
        let rest = rest.trim_start();
        let rest = rest
            .strip_prefix(ARROW)
            .or_else(|| rest.strip_prefix(ASCII_ARROW))
            .with_context(expected)?;
        let (new, rest) = Token::parse(rest.trim_start()).with_context(expected)?;
        Ok((Self { field, old, new }, rest))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = Token::Text(self.field.clone());
        write!(f, "{field} {} {ARROW} {}", self.old, self.new)
    }
}

impl Token {
    fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Absent,
            Some(Value::String(text)) => Self::Text(text.clone()),
            Some(other) => Self::Json(escaped_json(&other.to_string()).into_owned()),
        }
    }

    fn parse(rest: &str) -> Result<(Self, &str)> {
        ensure!(!rest.is_empty(), "a value is missing");
        if rest.starts_with('"') {
            let (text, rest) = text(rest, ends_token)?;
            return Ok((Self::Text(text), rest));
        }
        if rest.starts_with(['[', '{']) {
            let (_, end) = json::<Value>(rest)?;
            return Ok((Self::Json(rest[..end].to_owned()), &rest[end..]));
        }
        let (token, rest) = text(rest, ends_token)?;
        ensure!(
            !token.is_empty() && !token.starts_with('#'),
            "a value is missing"
        );
        Ok(match token.as_str() {
            ARROW | ASCII_ARROW => return Err(anyhow!("a value is missing")),
            ABSENT => (Self::Absent, rest),
            _ if is_json(&token) => (Self::Json(token), rest),
            _ => (Self::Text(token), rest),
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(ABSENT),
            Self::Json(json) => f.write_str(json),
            Self::Text(text) => {
                let is_plain = !text.is_empty()
                    && !text.starts_with(['[', '{'])
                    && !text.contains(|c: char| {
                        c.is_whitespace() || is_harmful(c) || matches!(c, '"' | ',' | '#')
                    })
                    && ![ABSENT, ARROW, ASCII_ARROW, UNTIL].contains(&text.as_str())
                    && !is_json(text);
                if is_plain {
                    f.write_str(text)
                } else {
                    f.write_str(&json_text(text))
                }
            }
        }
    }
}

fn kind(text: &str) -> Result<ChangeKind> {
    text.parse().map_err(|problem: String| {
        let all: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        anyhow!("{problem}; the kinds are {}", all.join(", "))
    })
}

/// Parses a day, which is kept and compared as text.
fn day(text: &str) -> Result<String> {
    let expected = || format!("expected a date such as `2026-12-31` after `{UNTIL}`");
    ensure!(text.len() == 10, expected());
    Timestamp::parse(&format!("{text}T00:00:00Z")).with_context(expected)?;
    Ok(text.to_owned())
}

/// Takes a text from the start: a JSON string, or everything up to a character that `ends` it. Returns it and the rest.
fn text(rest: &str, ends: impl Fn(char) -> bool) -> Result<(String, &str)> {
    if rest.starts_with('"') {
        let (text, end) = json(rest)?;
        return Ok((text, &rest[end..]));
    }
    let end = rest.find(ends).unwrap_or(rest.len());
    Ok((rest[..end].to_owned(), &rest[end..]))
}

/// Parses a JSON value at the start. Returns it and its end.
fn json<T: for<'de> serde::Deserialize<'de>>(rest: &str) -> Result<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => Ok((value, values.byte_offset())),
        _ => Err(anyhow!("a value that starts like JSON is not valid JSON")),
    }
}

fn ends_token(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// Whether the rest is separated from what precedes it.
fn starts_apart(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(char::is_whitespace)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

fn json_text(text: &str) -> String {
    escaped_json(&Value::from(text).to_string()).into_owned()
}

/// An id, quoted if [`text`] needs it.
fn quoted_id(id: &str) -> String {
    let is_plain =
        !id.starts_with(['"', '#']) && !id.chars().any(|c| c.is_whitespace() || is_harmful(c));
    if is_plain {
        id.to_owned()
    } else {
        json_text(id)
    }
}

fn kinds(change: &Change) -> BTreeSet<ChangeKind> {
    change.kinds.iter().copied().collect()
}

/// The terms that a line needs to accept a change.
fn terms(change: &Change) -> Vec<Term> {
    let mut terms: Vec<_> = change.terms().map(Term::of).collect();
    terms.sort();
    terms
}

/// The lines that would accept a change, with a description as the reason: one for each field that is a separate
/// change.
fn lines_of(change: &Change, knows_members: bool) -> Vec<Line> {
    let reason = |change: &Change| report::in_words(change, knows_members);
    let line = |change: &Change| Line::of(change, None, Some(reason(change)));
    if !change.is_divisible() {
        return vec![line(change)];
    }
    let fields = change.fields.iter().map(|field| Change {
        fields: vec![field.clone()],
        ..change.clone()
    });
    fields.map(|part| line(&part)).collect()
}

/// Writes the lines that would accept every change, those of accepted changes unchanged. Warnings are comments above
/// them.
pub(super) fn write_lines(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    for warning in comparison.all_warnings() {
        writeln!(out, "# warning: {}", printable(&warning))?;
    }
    for change in &comparison.changes {
        for line in lines_of(change, comparison.knows_members) {
            writeln!(out, "{line}")?;
        }
    }
    for accepted in &comparison.accepted {
        let Accepted {
            change,
            reason,
            until,
        } = accepted;
        let line = Line::of(change, until.clone(), reason.clone());
        writeln!(out, "{line}")?;
    }
    Ok(())
}
