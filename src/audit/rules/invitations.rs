//! Invitations: access that is about to begin.

use super::{Case, Found, Outcome, facts};
use crate::model::{Fact, FindingFacts, Invitation, Seat, Subject, SubjectKind, Text, Timestamp};

fn invitations<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Invitation> {
    let invitations = case.document().and_then(|found| found.invitations.as_ref());
    invitations.into_iter().flatten()
}

fn sent_at(invitation: &Invitation) -> Option<Timestamp> {
    let text = invitation.created_at.as_ref()?.as_deref()?;
    Timestamp::parse(text).ok()
}

fn found(invitation: &Invitation, message: String, facts: FindingFacts) -> Found {
    let text = |sent: &Option<Option<String>>| sent.as_ref()?.as_deref().map(Text::from);
    let inviter = invitation.created_by.as_ref().and_then(Option::as_ref);
    let mut all = facts;
    let of_invitation = [
        ("seat", text(&invitation.seat).map(Fact::Text)),
        ("level", invitation.level.flatten().map(Fact::Number)),
        (
            "is_expired",
            invitation.is_expired.flatten().map(Fact::Flag),
        ),
        ("created_at", text(&invitation.created_at).map(Fact::Text)),
        (
            "created_by",
            inviter.map(|user| Fact::Text(user.display_name.as_str().into())),
        ),
    ];
    for (name, value) in of_invitation {
        all.add(name, value);
    }
    Found {
        subject: Subject {
            kind: SubjectKind::Invitation,
            id: invitation.id.as_str().into(),
            name: text(&invitation.first_name).filter(|name| !name.is_empty()),
            email: text(&invitation.target_email),
        },
        message,
        facts: all,
    }
}

/// "invited as administrator by Ann on 2026-01-02"
fn invited(invitation: &Invitation) -> String {
    let mut words = "invited".to_owned();
    if let Some(seat) = invitation.seat() {
        words.push_str(&format!(" as {seat}"));
    }
    if let Some(user) = invitation.created_by.as_ref().and_then(Option::as_ref) {
        words.push_str(&format!(" by {}", user.display_name));
    }
    if let Some(at) = sent_at(invitation) {
        words.push_str(&format!(" on {}", at.to_day()));
    }
    words
}

/// Unless the server says that an invitation has expired, it may still be accepted.
pub(super) fn privileged(case: &Case<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for invitation in invitations(case) {
        if invitation.is_expired.flatten() == Some(true) {
            continue;
        }
        match invitation.seat() {
            Some(Seat::Owner | Seat::Administrator) => {
                outcome.found.push(found(
                    invitation,
                    invited(invitation),
                    FindingFacts::default(),
                ));
            }
            Some(_) => {}
            None => outcome.unknown += 1,
        }
    }
    outcome
}

pub(super) fn stale(case: &Case<'_>) -> Outcome {
    let before = case.judged_at.days_before(case.settings.invitation_days);
    let mut outcome = Outcome::default();
    for invitation in invitations(case) {
        let Some(at) = sent_at(invitation) else {
            outcome.unknown += 1;
            continue;
        };
        if at < before {
            let days = case.judged_at.millis_since(at) / 86_400_000;
            let state = match invitation.is_expired.flatten() {
                Some(true) => ", expired",
                _ => "",
            };
            let message = format!("{} ({days} days before{state})", invited(invitation));
            let more = facts([("days", Some(Fact::count(days)))]);
            outcome.found.push(found(invitation, message, more));
        }
    }
    outcome
}

pub(super) fn members_can_invite(case: &Case<'_>) -> Outcome {
    let settings = case.document().and_then(|found| found.settings.as_ref());
    let mut outcome = Outcome::default();
    if settings
        .and_then(|settings| settings.members_can_invite)
        .flatten()
        == Some(true)
    {
        let facts = facts([("members_can_invite", Some(Fact::Flag(true)))]);
        let message = "members below administrator may invite people";
        outcome.found.push(case.organization(message, facts));
    }
    outcome
}
