//! The Review sheet of an access review: its columns, the decisions that reviewers write into it, and what became of them.

use std::fmt;
use std::str::FromStr;

use super::Side;

macro_rules! review_columns {
    ($($(#[$doc:meta])* $name:ident = $head:literal,)*) => {
        /// A column of the Review sheet. The workbook writes them in this order, and `diff --decisions` finds them by their
        /// heads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReviewColumn {
            $($(#[$doc])* $name,)*
        }

        impl ReviewColumn {
            /// All of them, in the order of the sheet.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns its head.
            pub fn head(self) -> &'static str {
                match self {
                    $(Self::$name => $head,)*
                }
            }
        }
    };
}

review_columns! {
    /// Whether the row is about a person or a grant: a [`ReviewedKind`].
    Kind = "Kind",
    /// The name of the person, or of the holder of the grant.
    Name = "Name",
    /// The same person's e-mail address.
    Email = "E-mail",
    /// The same person's seat.
    Seat = "Seat",
    /// Of a grant: the role, or the other resource that it is on.
    Role = "Role",
    /// Of a grant: the entitlement's short name.
    Entitlement = "Entitlement",
    /// When the person joined, or the grant was given.
    Since = "Since (UTC)",
    /// The person's last login.
    LastLogin = "Last login (UTC)",
    /// What the audit found.
    Findings = "Findings",
    /// The [`Decision`]; empty if there is none yet.
    Decision = "Decision",
    /// Who decided.
    Reviewer = "Reviewer",
    /// When it was decided.
    Date = "Date",
    /// Why it was decided.
    Comment = "Comment",
    /// The id of the resource (`user:018e…`) or of the grant, by which the row is found again.
    Id = "ID",
}

macro_rules! words {
    ($(#[$docs:meta])* $name:ident: $problem:literal, $($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns its word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            /// Takes the word in any case.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut all = Self::ALL.iter().copied();
                all.find(|word| word.as_str().eq_ignore_ascii_case(text))
                    .ok_or($problem)
            }
        }
    };
}

words! {
    /// What a row of the Review sheet is about.
    ReviewedKind: "the kind is neither `person` nor `grant`",
    /// A user resource.
    Person = "person",
    /// A grant.
    Grant = "grant",
}

words! {
    /// What a reviewer decided.
    Decision: "the decision is neither `Keep`, `Revoke` nor `Change`",
    /// The access stays as it is.
    Keep = "Keep",
    /// The access is to be taken away.
    Revoke = "Revoke",
    /// The access is to become another one: a person's seat, or something else in place of a grant.
    Change = "Change",
}

/// What became of a decision, what needs attention first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecisionStatus {
    /// What was decided has not happened.
    NotDone,
    /// A snapshot did not read what the decision is about.
    NotJudged,
    /// Something else happened.
    ChangedOtherwise,
    /// The old snapshot does not have what the decision is about.
    Unknown,
    /// What was decided has happened.
    Done,
}

impl DecisionStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NotDone,
        Self::NotJudged,
        Self::ChangedOtherwise,
        Self::Unknown,
        Self::Done,
    ];

    /// Returns its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDone => "not-done",
            Self::NotJudged => "not-judged",
            Self::ChangedOtherwise => "changed-otherwise",
            Self::Unknown => "unknown",
            Self::Done => "done",
        }
    }
}

/// A row of the Review sheet that has a decision. Texts are as in the sheet, and empty if it does not have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    /// The line of the file.
    pub line: u64,
    /// What it is about; `None` if the sheet does not say.
    pub kind: Option<ReviewedKind>,
    /// The id of the resource or grant.
    pub id: String,
    /// The name of the person or holder.
    pub name: String,
    /// The same person's e-mail address.
    pub email: String,
    /// Of a grant: the role or other resource.
    pub role: String,
    /// Of a grant: the entitlement's short name.
    pub entitlement: String,
    /// What was decided.
    pub decision: Decision,
    /// Who decided.
    pub reviewer: String,
    /// When.
    pub date: String,
    /// Why.
    pub comment: String,
}

/// A decision, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedDecision {
    /// The row, with names as the snapshots have them, and the kind if it is known.
    pub row: ReviewRow,
    /// What became of it.
    pub status: DecisionStatus,
    /// What the new snapshot has, in words.
    pub found: String,
}

/// What became of the decisions of an access review.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionReview {
    /// The snapshot that was reviewed.
    pub old: Side,
    /// The snapshot that shows what was done.
    pub new: Side,
    /// Warnings about the inputs.
    pub warnings: Vec<String>,
    /// The number of rows without a decision.
    pub undecided: usize,
    /// In the order of the sheet.
    pub decisions: Vec<JudgedDecision>,
}

impl DecisionReview {
    /// Returns the number of decisions with this status.
    pub fn count(&self, status: DecisionStatus) -> usize {
        let decisions = self.decisions.iter();
        decisions.filter(|judged| judged.status == status).count()
    }

    /// Returns the decisions to take away access that have this status.
    pub fn revocations(&self, status: DecisionStatus) -> impl Iterator<Item = &JudgedDecision> {
        let decisions = self.decisions.iter();
        decisions.filter(move |judged| {
            judged.row.decision == Decision::Revoke && judged.status == status
        })
    }
}
