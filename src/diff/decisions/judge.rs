//! Whether what was decided was done. Something is gone only if the new snapshot would have it; otherwise the decision
//! cannot be judged.

use super::observe::{Observed, ObservedGrant, ObservedPerson, Reach};
use crate::model::{
    Decision, DecisionStatus, JudgedDecision, Party, ReviewRow, ReviewedKind, Status, status_word,
};

/// Judges one decision about the old snapshot by the new one.
pub fn judge(row: &ReviewRow, old: &Observed, new: &Observed) -> JudgedDecision {
    let id = row.id.as_str();
    let kind = kind_of(row, old, new);
    let mut row = ReviewRow {
        kind,
        ..row.clone()
    };
    let (status, found) = match kind {
        Some(ReviewedKind::Person) => {
            let (before, now) = (old.person(id), new.person(id));
            if let Some(person) = before.or(now) {
                name(&mut row, &person.party);
            }
            Case {
                row: &row,
                old,
                new,
            }
            .person(before, now)
        }
        Some(ReviewedKind::Grant) => {
            let (before, now) = (old.grant(id), new.grant(id));
            if let Some(grant) = before.or(now) {
                name(&mut row, &grant.holder);
                row.role = grant.on.name.clone();
                row.entitlement = grant.slug.to_string();
            }
            Case {
                row: &row,
                old,
                new,
            }
            .grant(before, now)
        }
        None => Case {
            row: &row,
            old,
            new,
        }
        .neither(),
    };
    JudgedDecision { row, status, found }
}

/// What a row is about: what the snapshots have under its id or, if that does not decide, what the sheet says.
fn kind_of(row: &ReviewRow, old: &Observed, new: &Observed) -> Option<ReviewedKind> {
    let id = row.id.as_str();
    let either = |has: fn(&Observed, &str) -> bool| has(old, id) || has(new, id);
    let is_person = either(|side, id| side.person(id).is_some() || side.held_by(id) > 0);
    let is_grant = either(|side, id| side.grant(id).is_some());
    match (is_person, is_grant) {
        (true, false) => Some(ReviewedKind::Person),
        (false, true) => Some(ReviewedKind::Grant),
        (true, true) => row.kind.or(Some(ReviewedKind::Person)),
        (false, false) => row.kind,
    }
}

/// Names a person as the snapshot does.
fn name(row: &mut ReviewRow, party: &Party) {
    row.name = party.name.clone();
    if let Some(email) = &party.email {
        row.email = email.clone();
    }
}

/// A decision, and both snapshots.
struct Case<'a> {
    row: &'a ReviewRow,
    old: &'a Observed,
    new: &'a Observed,
}

type Judgement = (DecisionStatus, String);

impl Case<'_> {
    fn person(&self, before: Option<&ObservedPerson>, now: Option<&ObservedPerson>) -> Judgement {
        match self.row.decision {
            Decision::Revoke => self.person_revoked(before, now),
            decision => match (before, now) {
                (None, now) => self.unknown(now.is_some()),
                (Some(before), None) => self.person_gone(before),
                (Some(before), Some(now)) => self.person_stays(decision, before, now),
            },
        }
    }

    fn person_revoked(
        &self,
        before: Option<&ObservedPerson>,
        now: Option<&ObservedPerson>,
    ) -> Judgement {
        let reach = self.new.reach;
        let held = self.new.held_by(&self.row.id);
        let is_active = now.is_some_and(|now| now.is_active(reach));
        let grants = match held {
            1 => "1 grant".to_owned(),
            n => format!("{n} grants"),
        };
        let standing = match now {
            Some(now) => now.standing(reach),
            None if reach.knows_members => "not in the member list".to_owned(),
            None => "not a user".to_owned(),
        };
        if is_active || held > 0 {
            let found = match (is_active, held) {
                (true, 0) => format!("still {standing}"),
                (true, _) => format!("still {standing}, holds {grants}"),
                (false, _) => format!("{standing}, but still holds {grants}"),
            };
            return (DecisionStatus::NotDone, found);
        }
        if let Some(why) = self.why_unread(self.new) {
            return not_judged(format!("{standing}, but {why}"));
        }
        if before.is_none() && self.old.held_by(&self.row.id) == 0 {
            return self.unknown(now.is_some());
        }
        (DecisionStatus::Done, format!("{standing}, holds nothing"))
    }

    /// A person who was to stay and is not in the new snapshot.
    fn person_gone(&self, before: &ObservedPerson) -> Judgement {
        let reach = self.new.reach;
        // People who are not in the member list are read with the roles.
        let is_read = reach.is_full && (reach.roles || before.party.listed);
        match self.why_unread(self.new) {
            Some(why) if !is_read => not_judged(why.to_owned()),
            _ => changed_otherwise("no longer there"),
        }
    }

    fn person_stays(
        &self,
        decision: Decision,
        before: &ObservedPerson,
        now: &ObservedPerson,
    ) -> Judgement {
        let was_active = before.is_active(self.old.reach);
        let is_active = now.is_active(self.new.reach);
        let standing = now.standing(self.new.reach);
        if was_active && !is_active {
            return changed_otherwise(&standing);
        }
        if !was_active && is_active && decision == Decision::Keep {
            return changed_otherwise(&format!("now {standing}"));
        }
        match (&before.party.seat, &now.party.seat, decision) {
            (Some(before), Some(now), Decision::Keep) if before != now => {
                changed_otherwise(&format!("seat: {before} → {now}"))
            }
            (Some(before), Some(now), Decision::Change) if before != now => {
                (DecisionStatus::Done, format!("seat: {before} → {now}"))
            }
            (Some(_), Some(_), Decision::Change) => {
                (DecisionStatus::NotDone, format!("still {standing}"))
            }
            (None, None, Decision::Change) => not_judged(
                "neither snapshot has a seat, and nothing else says what was to change".to_owned(),
            ),
            (Some(_), None, _) | (None, Some(_), _) => {
                not_judged("the seat is known in one snapshot only".to_owned())
            }
            (Some(_), Some(_), _) | (None, None, _) => {
                (DecisionStatus::Done, format!("still {standing}"))
            }
        }
    }

    fn grant(&self, before: Option<&ObservedGrant>, now: Option<&ObservedGrant>) -> Judgement {
        let decision = self.row.decision;
        let is_again = match (before, now) {
            (Some(before), Some(now)) => now.was_given_again(before),
            _ => false,
        };
        // What is held is known, whatever was not read.
        if let (Some(now), Decision::Revoke) = (now, decision) {
            let mut found = now.in_words(before, is_again);
            if before.is_none() && self.why_unread(self.old).is_none() {
                found.push_str(", though not in the old snapshot");
            }
            return (DecisionStatus::NotDone, found);
        }
        let unread = [self.new, self.old].map(|side| self.why_unread(side));
        if let Some(why) = unread.into_iter().flatten().next() {
            return not_judged(why.to_owned());
        }
        let Some(before) = before else {
            return self.unknown(now.is_some());
        };
        let Some(now) = now else {
            let found = "no longer held";
            return match decision {
                Decision::Keep => changed_otherwise(found),
                Decision::Revoke | Decision::Change => (DecisionStatus::Done, found.to_owned()),
            };
        };
        let found = now.in_words(Some(before), is_again);
        match decision {
            _ if is_again => changed_otherwise(&found),
            Decision::Keep => (DecisionStatus::Done, found),
            Decision::Change | Decision::Revoke => (DecisionStatus::NotDone, found),
        }
    }

    /// Something of which not even the kind is known.
    fn neither(&self) -> Judgement {
        match self.why_unread(self.new).or(self.why_unread(self.old)) {
            Some(why) => not_judged(why.to_owned()),
            None => self.unknown(false),
        }
    }

    fn unknown(&self, is_in_new: bool) -> Judgement {
        let found = if is_in_new {
            "only in the new snapshot".to_owned()
        } else {
            let what = self
                .row
                .kind
                .map_or("person or grant", ReviewedKind::as_str);
            format!("there is no such {what} in either snapshot")
        };
        (DecisionStatus::Unknown, found)
    }

    /// Why a snapshot may lack something that is there.
    fn why_unread(&self, side: &Observed) -> Option<&'static str> {
        let is_new = std::ptr::eq(side, self.new);
        match (side.reach.is_full, side.reach.roles) {
            (false, _) if is_new => Some("the sync run of the new snapshot is not a full one"),
            (false, _) => Some("the sync run of the old snapshot is not a full one"),
            (true, false) if is_new => Some("the new snapshot was made without reading roles"),
            (true, false) => Some("the old snapshot was made without reading roles"),
            (true, true) => None,
        }
    }
}

fn not_judged(why: String) -> Judgement {
    (DecisionStatus::NotJudged, why)
}

fn changed_otherwise(found: &str) -> Judgement {
    (DecisionStatus::ChangedOtherwise, found.to_owned())
}

impl ObservedPerson {
    /// Whether the person can log in: is in the member list or, where there is none, neither disabled nor deleted.
    fn is_active(&self, reach: Reach) -> bool {
        if reach.knows_members {
            self.party.listed
        } else {
            !matches!(self.status, Some(Status::Disabled | Status::Deleted))
        }
    }

    /// What the person is, after the words "is" or "still".
    fn standing(&self, reach: Reach) -> String {
        let what = match (reach.knows_members, self.is_active(reach)) {
            (true, true) => "in the member list",
            (true, false) => "not in the member list",
            (false, true) => "an active user",
            (false, false) => status_word(self.status),
        };
        match &self.party.seat {
            Some(seat) if self.is_active(reach) => format!("{what} as {seat}"),
            _ => what.to_owned(),
        }
    }
}

impl ObservedGrant {
    /// That it is held, and since when if that is known.
    fn in_words(&self, before: Option<&Self>, is_again: bool) -> String {
        let since = match self.joined_at {
            Some(at) => format!(" since {} UTC", at.to_seconds()),
            None => String::new(),
        };
        match before {
            _ if is_again => format!("held again{since}"),
            Some(before) if before.id != self.id => format!("still held{since}, as another grant"),
            Some(_) => format!("still held{since}"),
            None => format!("held{since}"),
        }
    }
}
