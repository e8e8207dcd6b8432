//! The snapshot itself: whether it is complete, and what the key that made it may do.

use super::{Case, Found, Outcome, facts};
use crate::model::{Fact, FindingFacts, Subject, SubjectKind};

fn found(case: &Case<'_>, message: String, facts: FindingFacts) -> Outcome {
    Outcome {
        found: vec![Found {
            subject: Subject {
                kind: SubjectKind::Snapshot,
                id: case.facts.sync_id.as_str().into(),
                name: None,
                email: None,
            },
            message,
            facts,
        }],
        unknown: 0,
    }
}

pub(super) fn incomplete(case: &Case<'_>) -> Outcome {
    let unproved = case.facts.evidence.iter().flat_map(|of| &of.unproved);
    let unproved: Vec<String> = unproved.cloned().collect();
    match unproved.as_slice() {
        [] => Outcome::default(),
        [first, more @ ..] => {
            let more = match more.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            let message = format!("not proved: {first}{more}");
            found(
                case,
                message,
                facts([("unproved", Some(Fact::Texts(unproved.into())))]),
            )
        }
    }
}

pub(super) fn key_can_write(case: &Case<'_>) -> Outcome {
    let evidence = case.facts.evidence.as_ref();
    let Some(key) = evidence.and_then(|evidence| evidence.key.as_ref()) else {
        return Outcome::default();
    };
    let writing = key.writing_scopes();
    // PostHog shows a key without any scope as one with all of them.
    let message = match writing.as_slice() {
        [] if key.scopes.is_empty() => {
            "the key that made the snapshot has no list of scopes, so it may write".to_owned()
        }
        [] => return Outcome::default(),
        scopes => format!(
            "the key that made the snapshot may write: {}",
            scopes.join(", ")
        ),
    };
    let facts = facts([
        (
            "label",
            key.label.as_deref().map(|label| Fact::Text(label.into())),
        ),
        ("scopes", Some(Fact::Texts(key.scopes.clone().into()))),
    ]);
    found(case, message, facts)
}
