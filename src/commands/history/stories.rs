//! One person, one role, and leavers over time.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::names::AllNames;
use super::shown::{Subject, for_each_run};
use super::survey::FoundRun;
use crate::history::{AccessSeen, Left, PersonStory, RoleStory, judge_leaver};
use crate::model::{Leaver, Named, ResourceId, Span, Story, Timestamp, folded_address};

/// One person over time.
pub(super) fn person(id: &ResourceId, runs: &[FoundRun], all: &AllNames) -> Result<Story> {
    let mut story = PersonStory::default();
    let wanted = HashSet::from([id.clone()]);
    for_each_run(runs, Subject::People(&wanted), |shown| {
        let person = shown.people.get(id);
        story.observe(shown.at, shown.reach, person, shown.grants_of(id));
    })?;
    Ok(story_of(id, story.finish(|id| all.named(id)), all))
}

/// One role over time.
pub(super) fn role(id: &ResourceId, runs: &[FoundRun], all: &AllNames) -> Result<Story> {
    let mut story = RoleStory::default();
    for_each_run(runs, Subject::Role(id), |shown| {
        story.observe(shown.at, shown.reach, shown.grants_of(id));
    })?;
    Ok(story_of(id, story.finish(|id| all.named(id)), all))
}

fn story_of(id: &ResourceId, spans: Vec<Span>, all: &AllNames) -> Story {
    let Named { name, email, .. } = all.named(id);
    Story {
        id: id.resource.to_string(),
        name: name.unwrap_or_else(|| id.resource.to_string()),
        email,
        spans,
    }
}

/// When leavers lost access, in the order in which they are given. `within` is the limit in seconds.
pub(super) fn leavers(
    left: Vec<(&str, Option<Timestamp>)>,
    within: Option<u64>,
    runs: &[FoundRun],
    all: &AllNames,
) -> Result<Vec<Leaver>> {
    let mut ids: HashMap<String, Vec<&ResourceId>> = HashMap::new();
    for (id, known) in &all.people {
        let addresses: HashSet<String> = known
            .addresses
            .iter()
            .map(|address| folded_address(address))
            .collect();
        for address in addresses {
            ids.entry(address).or_default().push(id);
        }
    }
    let ids_of = |address: &str| {
        let found = ids.get(address).into_iter().flatten();
        let mut found: Vec<&ResourceId> = found.copied().collect();
        found.sort();
        found
    };
    let wanted: HashSet<ResourceId> = left
        .iter()
        .flat_map(|(address, _)| ids_of(address))
        .cloned()
        .collect();
    // What a run shows of a person it does not have: proof, if it read everything.
    let unseen = |run: &FoundRun| {
        let is_proof = run.reach.knows_roles && run.reach.is_complete;
        (run.captured_at.as_utc, is_proof.then_some(false))
    };
    let nobody: Vec<_> = runs.iter().map(unseen).collect();
    let mut seen: HashMap<&ResourceId, Vec<(Timestamp, Option<bool>)>> = HashMap::new();
    if !wanted.is_empty() {
        let mut at = 0;
        for_each_run(runs, Subject::People(&wanted), |shown| {
            for id in &wanted {
                let is_listed = shown.people.get(id).is_some_and(|person| person.is_listed);
                let has_access = is_listed || !shown.grants_of(id).is_empty();
                seen.entry(id).or_default().push(if has_access {
                    (shown.at, Some(true))
                } else {
                    nobody[at]
                });
            }
            at += 1;
        })?;
    }
    let mut leavers = Vec::new();
    for (address, left_at) in left {
        let mut judge = |id: Option<&ResourceId>, seen: &AccessSeen| {
            let left = Left {
                email: address.to_owned(),
                left_at,
                id: id.map(|id| id.resource.to_string()),
            };
            leavers.push(judge_leaver(left, seen, within));
        };
        let ids = ids_of(address);
        if ids.is_empty() {
            judge(None, &nobody);
        }
        for id in ids {
            judge(Some(id), seen.get(id).unwrap_or(&nobody));
        }
    }
    Ok(leavers)
}
