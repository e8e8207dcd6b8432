//! The file of `diff --accept`: changes that were expected, one a line, as `kind id # comment`. An id with blanks or
//! other characters that would end or disguise it is in quotation marks, as a JSON string.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

use crate::model::{Change, ChangeKind, Comparison, is_harmful};
use crate::report::{diff as report, escaped_json, printable};
use crate::snapshot::Error;

/// Changes that were expected.
#[derive(Default)]
pub(super) struct Expected {
    path: PathBuf,
    /// Kinds, and the number of the line that names each, by id.
    kinds: HashMap<String, BTreeMap<ChangeKind, usize>>,
}

impl Expected {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|source| Error::Io {
            action: "reading",
            path: path.to_owned(),
            source,
        })?;
        let mut expected = Self {
            path: path.to_owned(),
            kinds: HashMap::new(),
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            let parsed =
                parse(line).with_context(|| format!("line {number} of `{}`", path.display()))?;
            if let Some((kind, id)) = parsed {
                expected
                    .kinds
                    .entry(id)
                    .or_default()
                    .entry(kind)
                    .or_insert(number);
            }
        }
        Ok(expected)
    }

    /// Whether every meaning of the change was expected.
    pub fn covers(&self, change: &Change) -> bool {
        self.kinds
            .get(&change.id)
            .is_some_and(|kinds| change.kinds.iter().all(|kind| kinds.contains_key(kind)))
    }

    /// Lines that accepted nothing, in words, in the order of the file.
    pub fn not_met(&self, changes: &[Change], accepted: &[Change]) -> Vec<String> {
        let mut used: BTreeSet<usize> = BTreeSet::new();
        let mut told: BTreeMap<usize, String> = BTreeMap::new();
        for change in accepted {
            used.extend(self.lines_of(change).map(|(_, number)| number));
        }
        for change in changes {
            let also: Vec<_> = change
                .kinds
                .iter()
                .filter(|kind| !self.lines_of(change).any(|(named, _)| named == **kind))
                .map(|kind| format!("`{kind}`"))
                .collect();
            for (_, number) in self.lines_of(change) {
                let problem = format!(
                    "does not accept `{}`, which is also {}",
                    change.id,
                    also.join(" and ")
                );
                told.insert(number, problem);
            }
        }
        let lines = self
            .kinds
            .iter()
            .flat_map(|(id, kinds)| kinds.iter().map(move |(kind, number)| (*number, *kind, id)));
        for (number, kind, id) in lines {
            told.entry(number)
                .or_insert_with(|| format!("matches nothing: {kind} {id}"));
        }
        told.into_iter()
            .filter(|(number, _)| !used.contains(number))
            .map(|(number, problem)| {
                format!("line {number} of `{}` {problem}", self.path.display())
            })
            .collect()
    }

    fn lines_of<'e>(
        &'e self,
        change: &'e Change,
    ) -> impl Iterator<Item = (ChangeKind, usize)> + 'e {
        self.kinds
            .get(&change.id)
            .into_iter()
            .flatten()
            .filter(|(kind, _)| change.kinds.contains(kind))
            .map(|(kind, number)| (*kind, *number))
    }
}

/// What a line expects; nothing if it is empty or a comment.
fn parse(line: &str) -> Result<Option<(ChangeKind, String)>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let kind = kind.parse().map_err(|problem: String| {
        let all: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        anyhow!("{problem}; there are {}", all.join(", "))
    })?;
    let rest = rest.trim_start();
    let (id, behind) = if rest.starts_with('"') {
        let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let id = texts
            .next()
            .transpose()
            .context("the id in quotation marks is no JSON string")?
            .unwrap_or_default();
        (id, &rest[texts.byte_offset()..])
    } else {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        ensure!(!rest.starts_with('#'), "expected a kind and an id");
        (rest[..end].to_owned(), &rest[end..])
    };
    ensure!(!id.is_empty(), "expected a kind and an id");
    let behind = behind.trim_start();
    ensure!(
        behind.is_empty() || behind.starts_with('#'),
        "expected nothing behind the id but a `#` comment"
    );
    Ok(Some((kind, id)))
}

/// The lines that would accept every change; warnings stand above them as comments.
pub(super) fn write_lines(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    for warning in &comparison.warnings {
        writeln!(out, "# warning: {}", printable(warning))?;
    }
    for change in comparison.changes.iter().chain(&comparison.accepted) {
        let comment = report::in_words(change);
        for kind in &change.kinds {
            writeln!(out, "{kind} {}  # {comment}", quoted(&change.id))?;
        }
    }
    Ok(())
}

/// An id as [`parse`] reads it back.
fn quoted(id: &str) -> String {
    let plain =
        !id.starts_with(['"', '#']) && !id.chars().any(|c| c.is_whitespace() || is_harmful(c));
    match plain {
        true => id.to_owned(),
        false => escaped_json(&serde_json::Value::from(id).to_string()).into_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_id_survives_being_written_and_read() {
        for id in [
            "user:1",
            "a b",
            "a # b",
            "#a",
            "\"a\"",
            "a\nb",
            " a ",
            "é\u{2028}",
            "\u{9b}\u{202e}\u{7f}",
        ] {
            let line = format!("other-changed {}  # x", quoted(id));
            assert!(!line.chars().any(is_harmful), "{line:?}");
            let read = parse(&line).unwrap().unwrap();
            assert_eq!(read, (ChangeKind::OtherChanged, id.to_owned()), "{line}");
        }
    }

    #[test]
    fn lines_that_say_nothing_clear_are_refused() {
        for line in [
            "grant-added",
            "grant-added # x",
            "grant-added a b",
            "granted a",
            "grant-added \"a",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        for line in ["", "  ", "# x", "  # x"] {
            assert!(parse(line).unwrap().is_none(), "{line}");
        }
    }
}
