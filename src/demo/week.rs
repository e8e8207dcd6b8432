//! The changes in the sample organization between Monday, 7 September 2026, and the Monday after.
//!
//! The first half of the function has the changes that `diff` should report, the second half the noise that it should
//! ignore.

use super::organization::Organization;
use crate::model::Seat;

/// Returns the organization one week later.
pub(super) fn a_week_later(mut week: Organization) -> Organization {
    // Noor leaves and loses four roles.
    week.leave("noor");

    // Tove and Ravi join and get the default role; Tove gets a second role the same day.
    week.join("tove");
    week.accept_invitation("tove.aaltonen@example.com");
    week.grant(
        "everyone",
        "tove",
        "01a08514-1980-0000-d90e-eba67a19c6d5",
        "2026-09-09T07:31:22.112537Z",
    );
    week.grant(
        "engineering",
        "tove",
        "01a085d5-b10a-0000-745c-1b31f2ebe76b",
        "2026-09-09T11:02:49.354895Z",
    );
    week.join("ravi");
    week.grant(
        "everyone",
        "ravi",
        "01a0905d-240d-0000-8954-8e53c00a26a9",
        "2026-09-11T12:06:58.317244Z",
    );

    // Three existing members get one more role each.
    week.grant(
        "approvers",
        "hana",
        "01a08133-68bd-0000-302c-6434cbfba723",
        "2026-09-08T13:27:05.149647Z",
    );
    week.grant(
        "analytics_lower",
        "ilse",
        "01a08a7f-3e8b-0000-616a-ed42c5fba84e",
        "2026-09-10T08:46:30.027713Z",
    );
    week.grant(
        "revenue",
        "lena",
        "01a09621-e980-0000-aa19-65197c23abb2",
        "2026-09-12T15:00:00Z",
    );

    // Callum stays but loses a role.
    week.revoke("engineering", "callum");

    // Daniel becomes an administrator; Chiara disables 2FA.
    let daniel = week.seat_mut("daniel");
    daniel.level = Seat::Administrator.level();
    daniel.updated_at = "2026-09-10T14:20:11.906318Z".to_owned();
    week.seat_mut("chiara").is_2fa_enabled = false;

    // Elif gets a new e-mail address, and a role is renamed.
    week.user_mut("elif").email = "elif.aydin-demir@example.com".to_owned();
    week.role_mut("approvers").name = "Release approvers".to_owned();

    // Members no longer need a second factor.
    week.enforce_2fa = false;

    // Noise: people logged in, and the server updated rows without changing their content.
    for (key, last_login) in [
        ("amara", "2026-09-14T05:41:19.330482Z"),
        ("henrik", "2026-09-13T17:08:54.071926Z"),
        ("beatriz", "2026-09-14T05:02:37.618250Z"),
        ("kofi", "2026-09-11T16:00:00Z"),
        ("robin", "2026-09-13T20:45:03.297741Z"),
        ("chiara", "2026-09-10T09:33:28.854106Z"),
        ("daniel", "2026-09-14T04:58:46.512083Z"),
        ("dana", "2026-09-08T13:11:30.746955Z"),
    ] {
        week.seat_mut(key).last_login = Some(last_login.to_owned());
    }
    for (key, updated_at) in [
        ("tomasz", "2026-09-08T10:14:02.663817Z"),
        ("mateus", "2026-09-09T18:27:40.190534Z"),
        ("marit", "2026-09-11T06:50:55.428671Z"),
    ] {
        week.seat_mut(key).updated_at = updated_at.to_owned();
    }
    week.updated_at = "2026-09-10T14:20:11.911046Z".to_owned();
    week.access_key.last_used_at = "2026-09-14T02:00:03.870229Z".to_owned();

    week
}
