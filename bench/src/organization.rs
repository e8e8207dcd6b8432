//! An organization generated from a seed: people, roles and role memberships. The same seed gives the same bytes.
//!
//! The sizes of roles are realistic: a default role that most people hold, a few large ones, many small ones. Ids have
//! PostHog's form, which starts with the time; timestamps have six fractional digits.

use std::collections::HashSet;

use crate::shape::Shape;

/// A member with its user account.
#[derive(Clone)]
pub struct Person {
    pub uuid: String,
    pub number: u64,
    pub distinct_id: String,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    pub is_email_verified: Option<bool>,
    pub job: Option<&'static str>,
    pub member_id: String,
    pub level: u8,
    pub joined_at: String,
    pub updated_at: String,
    pub is_2fa_enabled: bool,
    pub has_social_auth: bool,
    pub last_login: Option<String>,
    joined_micros: u64,
}

#[derive(Clone)]
pub struct Role {
    pub id: String,
    pub name: String,
    pub created_at: String,
    pub is_default: bool,
    /// Ordered by time, then by id, as the API lists them.
    pub memberships: Vec<Membership>,
}

/// A role membership. There are many of these, so they own no text on the heap.
#[derive(Clone, Copy)]
pub struct Membership {
    /// Index of the person.
    pub person: u32,
    id: [u8; 36],
    joined_at: [u8; 27],
}

impl Membership {
    pub fn id(&self) -> &str {
        ascii(&self.id)
    }

    pub fn joined_at(&self) -> &str {
        ascii(&self.joined_at)
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("made of ASCII alone")
}

#[derive(Clone)]
pub struct Organization {
    pub id: String,
    /// In order of joining.
    pub people: Vec<Person>,
    /// Unordered, as the API lists them.
    pub roles: Vec<Role>,
}

const FIRST_NAMES: [&str; 24] = [
    "Ada",
    "Noé",
    "Grace",
    "Łukasz",
    "Margaret",
    "Zoë",
    "Katherine",
    "Olu",
    "Dorothy",
    "Wei",
    "Annie",
    "Priya",
    "Mary",
    "Tomás",
    "Hedy",
    "Jürgen",
    "Radia",
    "Amina",
    "Barbara",
    "Søren",
    "Frances",
    "Mei",
    "Jean",
    "Ravi",
];
const LAST_NAMES: [&str; 24] = [
    "Lovelace",
    "Hopper",
    "Hamilton",
    "Nowak",
    "Johnson",
    "Vaughan",
    "Okafor",
    "Zhang",
    "Easley",
    "Iyer",
    "Jackson",
    "García",
    "Lamarr",
    "Müller",
    "Perlman",
    "Diallo",
    "Liskov",
    "Kierkegaard",
    "Allen",
    "Chen",
    "Bartik",
    "Patel",
    "Van der Berg",
    "",
];
const JOBS: [Option<&str>; 6] = [
    Some("engineering"),
    Some("data"),
    Some("product"),
    Some("marketing"),
    Some("sales"),
    None,
];
const TEAMS: [&str; 16] = [
    "Billing", "Growth", "Platform", "Support", "Research", "Security", "Finance", "Legal",
    "Mobile", "Web", "Data", "Sales", "People", "Infra", "Design", "Field",
];
const RIGHTS: [&str; 8] = [
    "readers",
    "editors",
    "admins",
    "on call",
    "auditors",
    "analysts",
    "contractors",
    "leads",
];

/// 2020-01-01T00:00:00Z, in microseconds.
const START: u64 = 1_577_836_800_000_000;
/// 2026-01-01T00:00:00Z, in microseconds.
const END: u64 = 1_767_225_600_000_000;

impl Organization {
    pub fn new(shape: &Shape) -> Self {
        let mut random = Random(shape.seed);
        let id = random.uuid_text(START);
        let step = (END - START) / 2 / shape.people as u64;
        let people: Vec<Person> = (0..shape.people)
            .map(|at| {
                let joined = START + at as u64 * step + random.below(step.max(1));
                Person::new(at, joined, &mut random)
            })
            .collect();
        let mut roles = roles(shape.roles, &mut random);
        let sizes = sizes(shape);
        // Always a permutation: its first entries, swapped in at random, are distinct people.
        let mut order: Vec<u32> = (0..shape.people as u32).collect();
        for (role, size) in roles.iter_mut().zip(sizes) {
            for at in 0..size {
                let other = at + random.below((order.len() - at) as u64) as usize;
                order.swap(at, other);
            }
            role.memberships = order[..size]
                .iter()
                .map(|&person| membership(person, &people[person as usize], &mut random))
                .collect();
        }
        // The large ones are not all on the first page.
        for at in (1..roles.len()).rev() {
            roles.swap(at, random.below(at as u64 + 1) as usize);
        }
        let mut organization = Self { id, people, roles };
        if shape.changed {
            organization.change(&mut Random(shape.seed ^ 0x5eed));
        }
        for role in &mut organization.roles {
            role.memberships
                .sort_unstable_by_key(|held| (held.joined_at, held.id));
        }
        organization
    }

    pub fn grants(&self) -> usize {
        self.roles.iter().map(|role| role.memberships.len()).sum()
    }

    /// Changes about 1 % of the people: most are modified, some leave and lose all roles, and the same number join.
    /// Changes about 1 % of the grants: half are revoked, and the same number added. Renames one role in a hundred.
    fn change(&mut self, random: &mut Random) {
        let mut leavers = HashSet::new();
        for (at, person) in self.people.iter_mut().enumerate() {
            match random.below(1_000) {
                0..2 => {
                    leavers.insert(at as u32);
                }
                2..5 => person.level = if person.level == 1 { 8 } else { 1 },
                5..10 => {
                    person.is_2fa_enabled = !person.is_2fa_enabled;
                    person.updated_at = stamp(END);
                }
                _ => {}
            }
        }
        let newcomers: Vec<u32> = (0..leavers.len())
            .map(|more| {
                let at = self.people.len();
                self.people.push(Person::new(at, END + more as u64, random));
                at as u32
            })
            .collect();
        let people = self.people.len() as u64;
        for role in &mut self.roles {
            let before = role.memberships.len();
            role.memberships
                .retain(|held| !leavers.contains(&held.person) && random.below(1_000) >= 5);
            let mut holders: HashSet<u32> =
                role.memberships.iter().map(|held| held.person).collect();
            let wanted = if role.is_default {
                newcomers.as_slice()
            } else {
                &[]
            };
            let others = (0..before - role.memberships.len()).map(|_| random.below(people) as u32);
            let new: Vec<u32> = wanted
                .iter()
                .copied()
                .chain(others.collect::<Vec<_>>())
                .collect();
            for person in new {
                if role.memberships.len() < before
                    && !leavers.contains(&person)
                    && holders.insert(person)
                {
                    let holder = &self.people[person as usize];
                    role.memberships.push(membership(person, holder, random));
                }
            }
            if random.below(100) == 0 {
                role.name += " (renamed)";
            }
        }
        self.leave(&leavers);
    }

    /// Removes people who left, and closes the gaps.
    fn leave(&mut self, leavers: &HashSet<u32>) {
        let mut moved = vec![0; self.people.len()];
        let mut kept = 0;
        for (at, to) in moved.iter_mut().enumerate() {
            *to = kept;
            kept += u32::from(!leavers.contains(&(at as u32)));
        }
        let mut at = 0;
        self.people.retain(|_| {
            at += 1;
            !leavers.contains(&(at - 1))
        });
        for held in self.roles.iter_mut().flat_map(|role| &mut role.memberships) {
            held.person = moved[held.person as usize];
        }
    }
}

impl Person {
    fn new(at: usize, joined_micros: u64, random: &mut Random) -> Self {
        let first_name = FIRST_NAMES[random.below(24) as usize];
        let last_name = LAST_NAMES[random.below(24) as usize];
        let number = at as u64 + 100_001;
        Self {
            uuid: random.uuid_text(joined_micros),
            number,
            distinct_id: format!(
                "{:016x}{:016x}{:011x}",
                random.number(),
                random.number(),
                random.number() >> 20
            ),
            first_name,
            last_name,
            email: format!("person.{number}@team{}.example.com", random.below(20)),
            is_email_verified: [Some(true), Some(true), Some(false), None]
                [random.below(4) as usize],
            job: JOBS[random.below(6) as usize],
            member_id: random.uuid_text(joined_micros),
            level: match random.below(1_000) {
                0..2 => 15,
                2..40 => 8,
                _ => 1,
            },
            joined_at: stamp(joined_micros),
            updated_at: stamp(joined_micros + random.below(END - START)),
            is_2fa_enabled: random.below(3) > 0,
            has_social_auth: random.below(2) == 0,
            last_login: (random.below(20) > 0)
                .then(|| stamp(END - random.below(30 * 86_400_000_000))),
            joined_micros,
        }
    }
}

fn membership(person: u32, holder: &Person, random: &mut Random) -> Membership {
    let at = holder.joined_micros + random.below((END - START) / 2);
    Membership {
        person,
        id: random.uuid(at),
        joined_at: stamp_bytes(at),
    }
}

fn roles(wanted: usize, random: &mut Random) -> Vec<Role> {
    (0..wanted)
        .map(|at| {
            let created = START + random.below(END - START);
            Role {
                id: random.uuid_text(created),
                name: match at {
                    0 => "Everyone".to_owned(),
                    _ => format!("{} {} {at}", TEAMS[at % 16], RIGHTS[at / 16 % 8]),
                },
                created_at: stamp(created),
                is_default: at == 0,
                memberships: Vec::new(),
            }
        })
        .collect()
}

/// The number of people in each role, which add up to the requested number of grants. The first role is the default
/// one, with up to 90 % of the people but at most a quarter of all grants; the others shrink with their rank.
fn sizes(shape: &Shape) -> Vec<usize> {
    let (people, grants) = (shape.people, shape.grants);
    let mut sizes = vec![0; shape.roles];
    sizes[0] = (people * 9 / 10).min(grants / 4);
    let weight = |rank: usize| 1.0 / (rank as f64 + 4.0).powf(0.9);
    let total: f64 = (1..shape.roles).map(weight).sum();
    let rest = (grants - sizes[0]) as f64;
    for (rank, size) in sizes.iter_mut().enumerate().skip(1) {
        *size = ((rest * weight(rank) / total) as usize).min(people);
    }
    // Distributes the remainder from rounding and full roles.
    let mut missing = grants - sizes.iter().sum::<usize>();
    while missing > 0 {
        for size in &mut sizes {
            if missing > 0 && *size < people {
                *size += 1;
                missing -= 1;
            }
        }
    }
    sizes
}

/// A SplitMix64 generator.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// PostHog's form: 48 bits of milliseconds, 16 bits of a series, 64 at random, and no version bits.
    fn uuid(&mut self, micros: u64) -> [u8; 36] {
        let low = self.number();
        let number = (u128::from(micros / 1_000) << 80) | u128::from(low);
        let mut text = [b'-'; 36];
        let mut digits = (0..32).rev().map(|at| (number >> (at * 4)) as usize & 15);
        for (at, place) in text.iter_mut().enumerate() {
            if ![8, 13, 18, 23].contains(&at) {
                *place = b"0123456789abcdef"[digits.next().unwrap_or(0)];
            }
        }
        text
    }

    fn uuid_text(&mut self, micros: u64) -> String {
        ascii(&self.uuid(micros)).to_owned()
    }
}

fn stamp(micros: u64) -> String {
    ascii(&stamp_bytes(micros)).to_owned()
}

/// Formats a time as `2024-05-06T07:08:09.123456Z`. Never a whole second, whose text would be shorter.
fn stamp_bytes(micros: u64) -> [u8; 27] {
    let micros = micros | 1;
    let (days, time) = (micros / 86_400_000_000, micros % 86_400_000_000);
    // Days since 0000-03-01, so that a leap day is the last day of its year.
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let parts = [
        (year, 0, 4),
        (month, 5, 2),
        (day_of_year - (153 * shifted + 2) / 5 + 1, 8, 2),
        (time / 3_600_000_000, 11, 2),
        (time / 60_000_000 % 60, 14, 2),
        (time / 1_000_000 % 60, 17, 2),
        (time % 1_000_000, 20, 6),
    ];
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (mut number, from, digits) in parts {
        for place in text[from..from + digits].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    text
}
