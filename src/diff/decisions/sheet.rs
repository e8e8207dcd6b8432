//! The Review sheet, saved as CSV: its rows that have a decision. Other rows are counted.

use std::collections::HashMap;
use std::str::FromStr;

use super::observe::key;
use crate::model::{BadPlace, Decision, ReviewColumn, ReviewRow, SheetReader, SheetRow};

/// The decisions of an access review.
#[derive(Debug, Default)]
pub struct ReviewSheet {
    /// The rows that have a decision, in the order of the sheet.
    pub rows: Vec<ReviewRow>,
    /// The number of rows that have none.
    pub undecided: usize,
}

impl ReviewSheet {
    /// Reads a sheet.
    ///
    /// # Errors
    /// With line and column, if the text is not CSV in UTF-8, a column is missing or there twice, a word is not one of
    /// those that it may be, a decision has no id, or two decisions about the same id differ.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadPlace> {
        let mut sheet = SheetReader::new(bytes)?;
        let places = Places::of(&sheet)?;
        let mut review = Self::default();
        while let Some(row) = sheet.next_row()? {
            let id = row.text(Some(places.id))?;
            match places.row(&row, id)? {
                Some(decided) => review.rows.push(decided),
                // Such as a line of notes.
                None if id.is_empty() => {}
                None => review.undecided += 1,
            }
        }
        review.check_agreement(&places)?;
        Ok(review)
    }

    /// Refuses two rows that decide differently about the same id.
    fn check_agreement(&self, places: &Places) -> Result<(), BadPlace> {
        let mut first = HashMap::new();
        for row in &self.rows {
            let before = *first.entry(key(&row.id)).or_insert(row);
            if before.decision != row.decision {
                let problem = format!(
                    "the decision is {}, but {} in line {} about the same ID",
                    row.decision, before.decision, before.line
                );
                return Err(BadPlace::new(row.line, places.decision as u64 + 1, problem));
            }
        }
        Ok(())
    }
}

/// Where the columns are that matter.
struct Places {
    id: usize,
    decision: usize,
    others: HashMap<ReviewColumn, usize>,
}

impl Places {
    fn of(sheet: &SheetReader<'_>) -> Result<Self, BadPlace> {
        let mut others = HashMap::new();
        for column in ReviewColumn::ALL {
            match sheet.columns_named(&[column.head()])[..] {
                [] => {}
                [at] => {
                    others.insert(*column, at);
                }
                [_, second, ..] => {
                    let problem = format!("another column is headed `{}`", column.head());
                    return Err(BadPlace::new(1, second as u64 + 1, problem));
                }
            }
        }
        let mut required = |column: ReviewColumn| {
            others.remove(&column).ok_or_else(|| {
                let problem = format!(
                    "none of the {} columns is headed `{}`",
                    sheet.columns(),
                    column.head()
                );
                BadPlace::new(1, 1, problem)
            })
        };
        Ok(Self {
            id: required(ReviewColumn::Id)?,
            decision: required(ReviewColumn::Decision)?,
            others,
        })
    }

    /// Reads a row; `None` if it has no decision.
    fn row(&self, row: &SheetRow<'_>, id: &str) -> Result<Option<ReviewRow>, BadPlace> {
        let Some(decision) = word::<Decision>(row, Some(self.decision))? else {
            return Ok(None);
        };
        if id.is_empty() {
            return Err(row.bad(self.id, "a row with a decision needs an ID"));
        }
        let at = |column: ReviewColumn| self.others.get(&column).copied();
        let text = |column: ReviewColumn| row.text(at(column)).map(ToOwned::to_owned);
        Ok(Some(ReviewRow {
            line: row.line(),
            kind: word(row, at(ReviewColumn::Kind))?,
            id: id.to_owned(),
            name: text(ReviewColumn::Name)?,
            email: text(ReviewColumn::Email)?,
            role: text(ReviewColumn::Role)?,
            entitlement: text(ReviewColumn::Entitlement)?,
            decision,
            reviewer: text(ReviewColumn::Reviewer)?,
            date: text(ReviewColumn::Date)?,
            comment: text(ReviewColumn::Comment)?,
        }))
    }
}

/// Reads a field that has one of a few words; `None` if it is empty.
fn word<W: FromStr<Err = &'static str>>(
    row: &SheetRow<'_>,
    column: Option<usize>,
) -> Result<Option<W>, BadPlace> {
    let text = row.text(column)?;
    if text.is_empty() {
        return Ok(None);
    }
    let bad = |problem| row.bad(column.unwrap_or_default(), problem);
    text.parse().map(Some).map_err(bad)
}
