//! The numbers that sum a report up, and what its charts show.

use std::collections::BTreeMap;

use super::{AccessReport, PersonRow};
use crate::model::{FoundDocument, History, HistoryRun, Invitation, Seat, Severity, Timestamp};

/// One number, with what it counts.
pub(super) struct Figure {
    pub(super) label: String,
    pub(super) value: u64,
    /// What the number leaves out; empty if it leaves out nothing.
    pub(super) note: String,
}

/// What a chart shows: a title, and a number for each label, in order.
pub(super) struct Series {
    pub(super) title: &'static str,
    /// Whether the labels are periods of time, without gaps.
    pub(super) is_time: bool,
    pub(super) bars: Vec<(String, u64)>,
}

/// The title of the chart over time.
const JOINED: &str = "Joined";
/// The most roles that a chart names.
const ROLES: usize = 12;

/// How many charts there are at a glance.
pub(super) const MAX_SERIES: usize = 4;

/// The numbers that a report begins with. What is not known is not among them.
pub(super) fn figures(report: &AccessReport) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |label: &str, value: u64, note: String| {
        figures.push(Figure {
            label: label.to_owned(),
            value,
            note,
        });
    };
    let listed: Vec<&PersonRow> = listed(report).collect();
    let count =
        |is: &dyn Fn(&PersonRow) -> bool| listed.iter().filter(|person| is(person)).count() as u64;
    let unlisted = (report.people.len() - listed.len()) as u64;
    let people = if report.evidence.is_some() {
        "Members"
    } else {
        "Users"
    };
    add(people, listed.len() as u64, String::new());
    if unlisted > 0 {
        add("Not in the member list", unlisted, String::new());
    }
    let has_seats = listed.iter().any(|person| person.seat.is_some());
    if has_seats {
        add(
            "Owners",
            count(&|p| p.seat == Some(Seat::Owner)),
            String::new(),
        );
        let administrators = count(&|p| p.seat == Some(Seat::Administrator));
        add("Administrators", administrators, String::new());
    }
    let unknown = count(&|person| person.two_factor.is_none());
    if unknown < listed.len() as u64 {
        let without = count(&|person| person.two_factor == Some(false));
        add("Without 2FA", without, unknown_note(unknown));
    }
    if let Some(dormant) = report.dormant {
        let label = format!("No login for {} days", report.dormant_days);
        add(&label, dormant, String::new());
    }
    if report.roles_unknown.is_none() {
        let grants = report.roles.iter().map(|role| role.grants).sum();
        let (roles, held) = if report.has_plain_roles() {
            ("Roles", "Role memberships")
        } else {
            ("Roles and resources held", "Grants")
        };
        add(roles, report.roles.len() as u64, String::new());
        add(held, grants, String::new());
    }
    if let FoundDocument::Found(document) = &report.document
        && let Some(invitations) = &document.invitations
    {
        let is_expired = |row: &&Invitation| row.is_expired.flatten() == Some(true);
        let expired = invitations.iter().filter(is_expired).count() as u64;
        let note = match expired {
            0 => String::new(),
            n => format!("and {n} expired"),
        };
        add(
            "Pending invitations",
            invitations.len() as u64 - expired,
            note,
        );
    }
    for severity in Severity::ALL {
        let label = match severity {
            Severity::High => "Findings: high",
            Severity::Medium => "Findings: medium",
            Severity::Low => "Findings: low",
        };
        add(label, report.audit.count(severity) as u64, String::new());
    }
    figures
}

fn unknown_note(unknown: u64) -> String {
    match unknown {
        0 => String::new(),
        n => format!("not known for {n}"),
    }
}

/// People in the member list; for other connectors, all users.
fn listed(report: &AccessReport) -> impl Iterator<Item = &PersonRow> {
    report.people.iter().filter(|person| person.is_listed)
}

/// What the charts show; without those about which nothing is known.
pub(super) fn series(report: &AccessReport) -> Vec<Series> {
    let all: [_; MAX_SERIES] = [
        ("Seats", seats(report)),
        ("Last login", last_logins(report)),
        (JOINED, joined(report)),
        (
            if report.has_plain_roles() {
                "Holders per role"
            } else {
                "Grants per role or resource"
            },
            holders(report),
        ),
    ];
    all.into_iter()
        .filter(|(_, bars)| bars.iter().any(|(_, n)| *n > 0))
        .map(|(title, bars)| Series {
            title,
            is_time: title == JOINED,
            bars,
        })
        .collect()
}

/// The most periods of a chart over time, so that each can be seen.
const MAX_PERIODS: usize = 120;

/// What the charts of a history show: the numbers of every run or, if there are many, of evenly spaced ones, the newest
/// among them.
pub(super) fn history_series(history: &History) -> Vec<Series> {
    type Number = fn(&HistoryRun) -> Option<u64>;
    const NUMBERS: [(&str, Number); 4] = [
        ("Members", |run| Some(run.figures?.members)),
        ("Owners and administrators", |run| {
            Some(run.figures?.privileged)
        }),
        ("Findings", |run| Some(run.figures?.findings)),
        ("Grants", |run| run.content.grants),
    ];
    let step = history.runs.len().div_ceil(MAX_PERIODS).max(1);
    let newest = history.runs.len().saturating_sub(1);
    let is_shown = |at: usize| (newest - at).is_multiple_of(step);
    let shown = || {
        let runs = history.runs.iter().enumerate();
        runs.filter(move |(at, _)| is_shown(*at))
            .map(|(_, run)| run)
    };
    NUMBERS
        .into_iter()
        .map(|(title, number)| Series {
            title,
            is_time: true,
            bars: shown()
                .filter_map(|run| Some((run.captured_at.as_utc.to_day(), number(run)?)))
                .collect(),
        })
        .collect()
}

fn seats(report: &AccessReport) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::<(i64, &str), u64>::new();
    for person in listed(report).filter(|person| !person.seat_word.is_empty()) {
        let level = person.seat.map_or(0, Seat::level);
        // The highest first.
        *counts.entry((-level, &*person.seat_word)).or_default() += 1;
    }
    let bars = counts.into_iter();
    bars.map(|((_, seat), n)| (seat.to_owned(), n)).collect()
}

/// Upper bounds of the age of a login in days, and their names.
const AGES: [(u64, &str); 5] = [
    (7, "last 7 days"),
    (30, "8 to 30 days"),
    (90, "31 to 90 days"),
    (365, "91 to 365 days"),
    (u64::MAX, "over a year"),
];

fn last_logins(report: &AccessReport) -> Vec<(String, u64)> {
    let mut counts = [0; AGES.len()];
    let mut unknown = 0;
    for person in listed(report) {
        match person.last_login {
            None => unknown += 1,
            Some(at) => {
                let days = report.audit.judged_at.millis_since(at) / 86_400_000;
                let age = AGES.iter().position(|(most, _)| days <= *most);
                counts[age.unwrap_or(AGES.len() - 1)] += 1;
            }
        }
    }
    if counts == [0; AGES.len()] {
        return Vec::new();
    }
    let ages = AGES.iter().zip(counts);
    let mut bars: Vec<_> = ages.map(|((_, name), n)| ((*name).to_owned(), n)).collect();
    // Only our own member list says that somebody never logged in.
    let without = match report.evidence {
        Some(_) => "never",
        None => "not known",
    };
    bars.push((without.to_owned(), unknown));
    bars
}

/// The most periods in the chart of joining.
const PERIODS: usize = 40;

/// By month if that are few enough, else by quarter, else by year. Periods without anybody are among them.
fn joined(report: &AccessReport) -> Vec<(String, u64)> {
    let times: Vec<Timestamp> = listed(report)
        .filter_map(|person| person.joined_at)
        .collect();
    for period in [Period::Month, Period::Quarter, Period::Year] {
        let numbers = times.iter().map(|at| period.number(*at));
        let (Some(first), Some(last)) = (numbers.clone().min(), numbers.clone().max()) else {
            return Vec::new();
        };
        let is_last = matches!(period, Period::Year);
        if last - first >= PERIODS as i64 && !is_last {
            continue;
        }
        let first = first.max(last - PERIODS as i64 + 1);
        let mut bars: Vec<(String, u64)> = (first..=last)
            .map(|number| (period.name(number), 0))
            .collect();
        for number in numbers {
            // What is before the first period shown counts with it.
            let at = (number - first).max(0) as usize;
            bars[at].1 += 1;
        }
        return bars;
    }
    Vec::new()
}

#[derive(Clone, Copy)]
enum Period {
    Month,
    Quarter,
    Year,
}

impl Period {
    /// The number of the period that a time is in.
    fn number(self, at: Timestamp) -> i64 {
        let day = at.to_day();
        let mut parts = day.split('-').map(|part| part.parse::<i64>().unwrap_or(1));
        let (year, month) = (parts.next().unwrap_or(1), parts.next().unwrap_or(1));
        match self {
            Self::Month => year * 12 + month - 1,
            Self::Quarter => year * 4 + (month - 1) / 3,
            Self::Year => year,
        }
    }

    fn name(self, number: i64) -> String {
        match self {
            Self::Month => format!("{:04}-{:02}", number / 12, number % 12 + 1),
            Self::Quarter => format!("{:04} Q{}", number / 4, number % 4 + 1),
            Self::Year => format!("{number:04}"),
        }
    }
}

fn holders(report: &AccessReport) -> Vec<(String, u64)> {
    let mut roles: Vec<_> = report.roles.iter().collect();
    // By name where numbers are equal, since they are sorted by it.
    roles.sort_by_key(|role| std::cmp::Reverse(role.grants));
    let shown = roles.iter().take(ROLES);
    let mut bars: Vec<_> = shown
        .map(|role| (role.name.to_string(), role.grants))
        .collect();
    if roles.len() > ROLES {
        let rest = roles[ROLES..].iter().map(|role| role.grants).sum();
        bars.push((format!("{} others", roles.len() - ROLES), rest));
    }
    bars
}
