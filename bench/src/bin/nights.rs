//! Writes a folder of nightly snapshots of a synthetic organization that changes now and then, for the benchmark of `history`.
//!
//! ```text
//! cargo run --release -p posthog-c1z-bench --bin nights -- FOLDER --nights 365 --quiet 3 --people 2000 --roles 200 --grants 20000
//! ```
//!
//! Every third night (`--quiet 3`) nothing changes. On the others two role memberships end, and once a week all of one person.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use posthog_c1z::model::{Evidence, ListEvidence, SyncRun, Timestamp};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{self, Contents, Target};
use posthog_c1z_bench::inventory::inventory;
use posthog_c1z_bench::organization::Organization;
use posthog_c1z_bench::process;
use posthog_c1z_bench::shape::Shape;

/// The first night, in seconds since 1970.
const FIRST: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn main() -> ExitCode {
    process::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let (shape, others) = Shape::parse(env::args().skip(1))?;
    let (mut nights, mut quiet, mut folder) = (365, 3, None);
    let mut others = others.into_iter();
    while let Some(argument) = others.next() {
        let mut number = || others.next().and_then(|text| text.parse::<usize>().ok());
        match argument.as_str() {
            "--nights" => nights = number().ok_or("`--nights` needs a number")?,
            "--quiet" => quiet = number().ok_or("`--quiet` needs a number")?,
            _ => folder = Some(argument),
        }
    }
    let folder = folder.ok_or(
        "expected a folder, and `--nights`, `--quiet`, `--people`, `--roles`, `--grants`, `--seed`",
    )?;
    fs::create_dir_all(&folder)?;
    let mut organization = Organization::new(&shape);
    let mut evidence = Evidence::new(
        format!(
            "https://eu.posthog.com/api/organizations/{}/",
            organization.id
        ),
        organization.id.clone(),
    );
    evidence.lists = vec![
        ListEvidence::new("members/".to_owned()),
        ListEvidence::new("roles/".to_owned()),
    ];
    for night in 0..nights {
        let is_quiet = quiet > 0 && night % quiet == 0;
        if night > 0 && !is_quiet {
            change(&mut organization, night);
        }
        let at = |seconds| Timestamp::from_unix(FIRST + night as i64 * DAY + seconds, 0);
        let (Some(began), Some(ended)) = (at(0), at(5)) else {
            return Err("too many nights".into());
        };
        let sync_run = SyncRun::full(snapshot::new_sync_id(began), began, ended);
        let inventory = inventory(organization.clone())?;
        let contents = Contents {
            sync_run: &sync_run,
            inventory: &inventory,
            evidence: Some(&evidence),
            organization: None,
        };
        let path = Path::new(&folder).join(format!("posthog-{}.c1z", ended.to_day()));
        let target = Target::File {
            path: &path,
            mode: 0o600,
        };
        snapshot::write(target, &contents, None, &Silent)?;
    }
    Ok(())
}

/// One night's changes: two role memberships end, and once a week all of one person's do.
fn change(organization: &mut Organization, night: usize) {
    let roles = organization.roles.len();
    for at in [night % roles, (night * 7) % roles] {
        organization.roles[at].memberships.pop();
    }
    if night.is_multiple_of(7) {
        let gone = (night * 13 % organization.people.len()) as u32;
        for role in &mut organization.roles {
            role.memberships
                .retain(|membership| membership.person != gone);
        }
        organization.people[gone as usize].is_2fa_enabled = false;
    }
}
