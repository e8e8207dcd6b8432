//! One person, one role, and leavers over time.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::nights::{Wanted, for_each_night};
use super::survey::{AllNames, FoundRun, Known, Names};
use crate::history::{AccessSeen, PersonStory, RoleStory, judge_leaver};
use crate::model::{Leaver, ResourceId, Span, SpanOf, SpanValue, Story, Timestamp, folded_address};

/// One person over time.
pub(super) fn person(id: &ResourceId, runs: &[FoundRun], all: &AllNames) -> Result<Story> {
    let mut story = PersonStory::default();
    let wanted = HashSet::from([id.clone()]);
    for_each_night(runs, Wanted::People(&wanted), |night| {
        let person = night.people.get(id);
        story.observe(night.at, night.reach, person, night.grants_of(id));
    })?;
    let mut spans = story.finish();
    let roles = by_id(&all.roles);
    for span in spans.iter_mut().filter(|span| span.of == SpanOf::Role) {
        let role = value(span).and_then(|id| roles.get(id));
        span.name = role.map(|(id, known)| known.name(id));
    }
    Ok(told(id, &all.people, spans))
}

/// One role over time.
pub(super) fn role(id: &ResourceId, runs: &[FoundRun], all: &AllNames) -> Result<Story> {
    let mut story = RoleStory::default();
    for_each_night(runs, Wanted::Role(id), |night| {
        story.observe(night.at, night.reach, night.grants_of(id));
    })?;
    let mut spans = story.finish();
    let people = by_id(&all.people);
    for span in &mut spans {
        if let Some((id, known)) = value(span).and_then(|id| people.get(id)) {
            span.name = Some(known.name(id));
            span.email = known.email();
        }
    }
    Ok(told(id, &all.roles, spans))
}

fn told(id: &ResourceId, names: &Names, spans: Vec<Span>) -> Story {
    let known = names.get(id);
    Story {
        id: id.resource.to_string(),
        name: known.map_or_else(|| id.resource.to_string(), |known| known.name(id)),
        email: known.and_then(Known::email),
        spans,
    }
}

fn value(span: &Span) -> Option<&str> {
    match &span.value {
        Some(SpanValue::Text(text)) => Some(text),
        _ => None,
    }
}

/// Names by the ids without their types, as spans have them.
fn by_id(names: &Names) -> HashMap<&str, (&ResourceId, &Known)> {
    let names = names.iter();
    names
        .map(|(id, known)| (&*id.resource, (id, known)))
        .collect()
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
    let mut seen: HashMap<ResourceId, Vec<(Timestamp, Option<bool>)>> = HashMap::new();
    if !wanted.is_empty() {
        for_each_night(runs, Wanted::People(&wanted), |night| {
            for id in &wanted {
                let is_listed = night.people.get(id).is_some_and(|person| person.is_listed);
                let has_access = if is_listed || !night.grants_of(id).is_empty() {
                    Some(true)
                } else {
                    let is_proof = night.reach.knows_roles && night.reach.is_complete;
                    is_proof.then_some(false)
                };
                let of_person = seen.entry(id.clone()).or_default();
                of_person.push((night.at, has_access));
            }
        })?;
    }
    let mut leavers = Vec::new();
    for (address, left_at) in left {
        let ids = ids_of(address);
        let mut judge = |person: Option<(String, &AccessSeen)>| {
            leavers.push(judge_leaver(address.to_owned(), left_at, person, within));
        };
        if ids.is_empty() {
            judge(None);
        }
        for id in ids {
            let seen = seen.get(id).map_or(&[][..], Vec::as_slice);
            judge(Some((id.resource.to_string(), seen)));
        }
    }
    Ok(leavers)
}
