//! What is written is what is read, for any inventory; and the content digest sees every change but noise.

use std::fs;
use std::path::Path;

use posthog_c1z::model::{
    AccountType, Email, Entitlement, EntitlementId, Evidence, Grant, Inventory, InventoryBuilder,
    Profile, Purpose, Resource, ResourceId, ResourceType, ResourceTypeId, Status, SyncId, SyncRun,
    SyncType, Text, Timestamp, Trait, UserTrait, Value,
};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{self, ContentDigest, Contents, ReadOptions, Snapshot, Target};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

/// The rows of an inventory before they are sorted out.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub resource_types: Vec<ResourceType>,
    pub resources: Vec<Resource>,
    pub entitlements: Vec<Entitlement>,
    pub grants: Vec<Grant>,
}

impl Rows {
    pub fn of(inventory: &Inventory) -> Self {
        Self {
            resource_types: inventory.resource_types().to_vec(),
            resources: inventory.resources().to_vec(),
            entitlements: inventory.entitlements().to_vec(),
            grants: inventory.grants().to_vec(),
        }
    }

    pub fn build(self) -> Inventory {
        let mut builder = InventoryBuilder::default();
        // In the order of a crawl that meets every reference before what it refers to.
        self.grants
            .into_iter()
            .for_each(|row| builder.add_grant(row));
        self.entitlements
            .into_iter()
            .for_each(|row| builder.add_entitlement(row));
        self.resources.into_iter().for_each(|row| {
            builder.add_resource(row);
        });
        self.resource_types
            .into_iter()
            .for_each(|row| builder.add_resource_type(row));
        builder.finish().unwrap()
    }
}

fn any_text() -> impl Strategy<Value = Text> {
    vec(any::<char>(), 0..10).prop_map(|chars| String::from_iter(chars).into())
}

/// Ids with what ids are joined by inside, and texts of which one begins another.
fn any_id() -> impl Strategy<Value = Text> {
    prop_oneof![
        3 => "[ab:-]{1,4}".prop_map(Text::from),
        1 => vec(any::<char>(), 1..10).prop_map(|chars| String::from_iter(chars).into()),
    ]
}

pub fn any_time() -> impl Strategy<Value = Timestamp> {
    let years_1_to_9999 = -62_135_596_800_i64..253_402_300_800;
    let nanos = prop_oneof![
        Just(0),
        (0..1_000_000).prop_map(|micros| micros * 1_000),
        0..1_000_000_000
    ];
    (years_1_to_9999, nanos)
        .prop_map(|(seconds, nanos)| Timestamp::from_unix(seconds, nanos).unwrap())
}

pub fn any_value() -> impl Strategy<Value = Value> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO).prop_map(Value::Number),
        any_text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            profile_of(inner).prop_map(Value::Object),
        ]
    })
}

fn profile_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Profile> {
    vec((any_text(), value), 0..4).prop_map(Profile::from_iter)
}

fn any_resource_type() -> impl Strategy<Value = ResourceType> {
    let any_trait = prop_oneof![
        Just(Trait::User),
        Just(Trait::Group),
        Just(Trait::Role),
        Just(Trait::App),
        Just(Trait::Secret),
        (6..40).prop_map(Trait::Other),
    ];
    // Ids of types are our own or another connector's words, never a stranger's: they hold no colon.
    (
        "[a-z-]{1,6}",
        any_text(),
        vec(any_trait, 0..3),
        any::<bool>(),
    )
        .prop_map(|(id, display_name, traits, skips)| ResourceType {
            id: ResourceTypeId::new(id),
            display_name,
            traits,
            skips_entitlements_and_grants: skips,
        })
}

fn any_user() -> impl Strategy<Value = UserTrait> {
    let account_type = prop_oneof![
        Just(AccountType::Unspecified),
        Just(AccountType::Human),
        Just(AccountType::Service),
        Just(AccountType::System),
    ];
    let email = (any_text(), any::<bool>()).prop_map(|(address, is_primary)| Email {
        address,
        is_primary,
    });
    let names = (any_text(), vec(any_text(), 0..3), any_text(), any_text());
    let known = (
        option::of(any_time()),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
    );
    (vec(email, 0..3), account_type, names, known).prop_map(
        |(emails, account_type, (login, login_aliases, given_name, family_name), known)| {
            UserTrait {
                emails,
                account_type,
                login,
                login_aliases,
                last_login: known.0,
                mfa_enabled: known.1,
                sso_enabled: known.2,
                given_name,
                family_name,
            }
        },
    )
}

fn any_resource() -> impl Strategy<Value = (Index, Resource)> {
    let status = prop_oneof![
        Just(Status::Unspecified),
        Just(Status::Enabled),
        Just(Status::Disabled),
        Just(Status::Deleted),
    ];
    let parent = option::of(
        ("[a-z]{1,4}", any_id())
            .prop_map(|(of_type, id)| ResourceId::new(&ResourceTypeId::new(of_type), id)),
    );
    let told = (
        any_text(),
        any_text(),
        option::of(status),
        option::of(any_time()),
        profile_of(any_value()),
    );
    (
        any::<Index>(),
        any_id(),
        parent,
        told,
        option::of(any_user()),
    )
        .prop_map(|(of_type, id, parent, told, user)| {
            let (display_name, description, status, created_at, profile) = told;
            let resource = Resource {
                id: ResourceId::new(&ResourceTypeId::new("to be chosen"), id),
                parent,
                display_name,
                description,
                status,
                created_at,
                profile,
                user: user.map(Box::new),
            };
            (of_type, resource)
        })
}

fn any_entitlement() -> impl Strategy<Value = (Index, Entitlement)> {
    let purpose = prop_oneof![
        Just(Purpose::Unspecified),
        Just(Purpose::Assignment),
        Just(Purpose::Permission),
        Just(Purpose::Ownership),
    ];
    let texts = (any_text(), any_text(), any_text());
    (
        any::<Index>(),
        any_id(),
        texts,
        purpose,
        vec(any_id(), 0..3),
    )
        .prop_map(|(on, id, texts, purpose, holders)| {
            let entitlement = Entitlement {
                id: EntitlementId::new(id),
                resource: ResourceId::new(&ResourceTypeId::new(""), "to be chosen"),
                display_name: texts.0,
                description: texts.1,
                slug: texts.2,
                purpose,
                grantable_to: holders.into_iter().map(ResourceTypeId::new).collect(),
            };
            (on, entitlement)
        })
}

type LooseGrant = (Index, Index, Option<Text>, Option<Timestamp>, Option<Text>);

fn any_grant() -> impl Strategy<Value = LooseGrant> {
    (
        any::<Index>(),
        any::<Index>(),
        option::of(any_id()),
        option::of(any_time()),
        option::of(any_text()),
    )
}

pub fn any_inventory() -> impl Strategy<Value = Inventory> {
    let types = vec(any_resource_type(), 1..4);
    let resources = vec(any_resource(), 0..8);
    let entitlements = vec(any_entitlement(), 0..6);
    let grants = vec(any_grant(), 0..12);
    (types, resources, entitlements, grants).prop_map(
        |(resource_types, resources, entitlements, grants)| {
            let resources: Vec<_> = resources
                .into_iter()
                .map(|(of_type, mut resource)| {
                    resource.id.resource_type = of_type.get(&resource_types).id.clone();
                    resource
                })
                .collect();
            let entitlements: Vec<_> = entitlements
                .into_iter()
                .filter(|_| !resources.is_empty())
                .map(|(on, mut entitlement)| {
                    entitlement.resource = on.get(&resources).id.clone();
                    entitlement
                })
                .collect();
            let grants = grants.into_iter().filter(|_| !entitlements.is_empty());
            let grants = grants.map(|(entitlement, principal, id, joined_at, membership_id)| {
                let entitlement = entitlement.get(&entitlements).id.clone();
                let grant = Grant::new(entitlement, principal.get(&resources).id.clone());
                let mut grant = match id {
                    Some(id) => grant.with_id(&id),
                    None => grant,
                };
                (grant.joined_at, grant.membership_id) =
                    (joined_at, membership_id.as_deref().map(Into::into));
                grant
            });
            Rows {
                grants: grants.collect(),
                resource_types,
                resources,
                entitlements,
            }
            .build()
        },
    )
}

pub fn some_run() -> SyncRun {
    let time = |text| Timestamp::parse(text).unwrap();
    let started_at = time("2026-11-23T01:02:03.4Z");
    SyncRun::full(
        snapshot::new_sync_id(started_at),
        started_at,
        time("2026-11-23T01:02:05Z"),
    )
}

pub fn write(
    path: &Path,
    sync_run: &SyncRun,
    inventory: &Inventory,
    evidence: Option<&Evidence>,
) -> ContentDigest {
    let contents = Contents {
        sync_run,
        inventory,
        evidence,
        organization: None,
    };
    let target = Target::File { path, mode: 0o600 };
    let (written, digest) = snapshot::write(target, &contents, None, &Silent).unwrap();
    assert_eq!(written.bytes, fs::metadata(path).unwrap().len());
    digest
}

fn digest_of(inventory: &Inventory) -> ContentDigest {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.c1z"), &some_run(), inventory, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_inventory_reads_as_it_was_written(
        inventory in any_inventory(),
        started_at in any_time(),
        ended_at in any_time(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.c1z");
        let run = SyncRun::full(SyncId::new("3MS7TGrKcamVrIQXRnz884Oif30"), started_at, ended_at);
        let digest = write(&path, &run, &inventory, None);

        let snapshot = Snapshot::open(&path, &ReadOptions::default()).unwrap();
        prop_assert_eq!(snapshot.bytes, fs::metadata(&path).unwrap().len());
        prop_assert_eq!(&snapshot.sync_runs().unwrap()[..], std::slice::from_ref(&run));
        prop_assert_eq!(snapshot.inventory(&run.id).unwrap(), inventory);
        prop_assert_eq!(snapshot.content_digest(&run.id).unwrap(), digest);
        prop_assert_eq!(snapshot.evidence(&run.id).unwrap(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn order_in_which_rows_are_added_changes_nothing(
        (inventory, shuffled) in any_inventory().prop_flat_map(|inventory| {
            let rows = Rows::of(&inventory);
            let shuffled = (
                Just(rows.resource_types).prop_shuffle(),
                Just(rows.resources).prop_shuffle(),
                Just(rows.entitlements).prop_shuffle(),
                Just(rows.grants).prop_shuffle(),
            );
            (Just(inventory), shuffled)
        }),
    ) {
        let (resource_types, resources, entitlements, grants) = shuffled;
        let rebuilt = Rows { resource_types, resources, entitlements, grants }.build();
        prop_assert_eq!(&rebuilt, &inventory);
        prop_assert_eq!(digest_of(&rebuilt), digest_of(&inventory));
    }

    #[test]
    fn noise_changes_no_digest(inventory in any_inventory(), at in option::of(any_time()), value in any_value()) {
        let mut rows = Rows::of(&inventory);
        for resource in &mut rows.resources {
            if let Some(user) = &mut resource.user {
                user.last_login = at;
            }
            let entries = resource.profile.iter().map(|(key, value)| (key.clone(), value.clone()));
            let noise = ["last_login", "updated_at"].map(|key| (key.into(), value.clone()));
            resource.profile = entries.chain(noise).collect();
        }
        let noisy = rows.build();
        prop_assert_eq!(digest_of(&noisy), digest_of(&inventory));
    }
}

const LONG_AGO: &str = "2001-02-03T04:05:06Z";

fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

fn profile(entries: &[(&str, Value)]) -> Profile {
    entries
        .iter()
        .map(|(key, value)| (Text::from(*key), value.clone()))
        .collect()
}

fn id(resource_type: &str, id: &str) -> ResourceId {
    ResourceId::new(&ResourceTypeId::new(resource_type), id)
}

/// A user whom nothing refers to, one who holds a role, a role, and a second entitlement nobody has.
fn fixture() -> Rows {
    let resource_type = |id: &str, of: Trait| ResourceType {
        id: ResourceTypeId::new(id),
        display_name: id.into(),
        traits: vec![of],
        skips_entitlements_and_grants: false,
    };
    let user = |name: &str| Resource {
        id: id("user", name),
        parent: Some(id("group", "g")),
        display_name: name.into(),
        description: "somebody".into(),
        status: Some(Status::Enabled),
        created_at: time(LONG_AGO),
        profile: profile(&[
            ("flag", Value::Bool(false)),
            ("last_login", LONG_AGO.into()),
            ("level", Value::Number(1.0)),
            ("list", Value::List(vec![Value::Null, "x".into()])),
            ("nothing", Value::Null),
            ("object", Value::Object(profile(&[("inside", "x".into())]))),
            ("text", "x".into()),
            ("updated_at", LONG_AGO.into()),
        ]),
        user: Some(Box::new(UserTrait {
            emails: ["a@example.com", "b@example.com"]
                .map(|address| Email {
                    address: address.into(),
                    is_primary: address.starts_with('a'),
                })
                .to_vec(),
            account_type: AccountType::Human,
            login: "a".into(),
            login_aliases: vec!["b".into()],
            last_login: time(LONG_AGO),
            mfa_enabled: Some(false),
            sso_enabled: None,
            given_name: "Ada".into(),
            family_name: "Lovelace".into(),
        })),
    };
    let role = Resource {
        user: None,
        status: None,
        parent: None,
        ..Resource {
            id: id("role", "r"),
            ..user("r")
        }
    };
    let entitlement = |slug: &str| Entitlement {
        id: EntitlementId::new(format!("role:r:{slug}")),
        resource: role.id.clone(),
        display_name: slug.into(),
        description: "of the role".into(),
        slug: slug.into(),
        purpose: Purpose::Assignment,
        grantable_to: vec![ResourceTypeId::new("user")],
    };
    let mut grant = Grant::new(EntitlementId::new("role:r:member"), id("user", "holder"));
    grant.joined_at = time(LONG_AGO);
    grant.membership_id = Some("m".into());
    Rows {
        resource_types: vec![
            resource_type("group", Trait::Group),
            resource_type("role", Trait::Role),
            resource_type("user", Trait::User),
        ],
        entitlements: vec![entitlement("member"), entitlement("owner")],
        resources: vec![user("holder"), user("other"), role],
        grants: vec![grant],
    }
}

/// One thing that may change.
type Change = fn(&mut Rows);

fn user_of(rows: &mut Rows) -> &mut UserTrait {
    rows.resources[1].user.as_mut().unwrap()
}

fn set(rows: &mut Rows, key: &str, value: Option<Value>) {
    let resource = &mut rows.resources[1];
    let others = resource.profile.iter().filter(|(k, _)| &***k != key);
    let mut entries: Vec<_> = others.map(|(k, v)| (k.clone(), v.clone())).collect();
    entries.extend(value.map(|value| (Text::from(key), value)));
    resource.profile = entries.into_iter().collect();
}

const CHANGES: &[(&str, Change)] = &[
    ("type gone", |rows| drop(rows.resource_types.remove(0))),
    ("type's id", |rows| {
        rows.resource_types[0].id = ResourceTypeId::new("groups");
    }),
    ("type's name", |rows| {
        rows.resource_types[0].display_name = "Groups".into();
    }),
    ("type's trait", |rows| {
        rows.resource_types[0].traits = vec![Trait::App];
    }),
    ("type's unknown trait", |rows| {
        rows.resource_types[0].traits = vec![Trait::Other(9)];
    }),
    ("type's further trait", |rows| {
        rows.resource_types[0].traits.push(Trait::Secret);
    }),
    ("type's lack of traits", |rows| {
        rows.resource_types[0].traits.clear();
    }),
    ("type's skipping", |rows| {
        rows.resource_types[0].skips_entitlements_and_grants = true;
    }),
    ("resource gone", |rows| drop(rows.resources.remove(1))),
    ("resource's type", |rows| {
        rows.resources[1].id = id("group", "other");
    }),
    ("resource's id", |rows| {
        rows.resources[1].id = id("user", "Other");
    }),
    ("resource's parent", |rows| {
        rows.resources[1].parent = Some(id("group", "h"));
    }),
    ("resource's lack of a parent", |rows| {
        rows.resources[1].parent = None;
    }),
    ("resource's name", |rows| {
        rows.resources[1].display_name = "Other".into();
    }),
    ("resource's description", |rows| {
        rows.resources[1].description = "".into();
    }),
    ("resource's status", |rows| {
        rows.resources[1].status = Some(Status::Disabled);
    }),
    ("resource's unspecified status", |rows| {
        rows.resources[1].status = Some(Status::Unspecified);
    }),
    ("resource's lack of a status", |rows| {
        rows.resources[1].status = None;
    }),
    ("resource's creation", |rows| {
        rows.resources[1].created_at = time("2001-02-03T04:05:06.000001Z");
    }),
    ("resource's lack of a creation", |rows| {
        rows.resources[1].created_at = None;
    }),
    ("profile's flag", |rows| {
        set(rows, "flag", Some(Value::Bool(true)));
    }),
    ("profile's lack of a flag", |rows| set(rows, "flag", None)),
    ("profile's null for a flag", |rows| {
        set(rows, "flag", Some(Value::Null));
    }),
    ("profile's number", |rows| {
        set(rows, "level", Some(Value::Number(8.0)));
    }),
    ("profile's zero", |rows| {
        set(rows, "level", Some(Value::Number(0.0)));
    }),
    ("profile's number as text", |rows| {
        set(rows, "level", Some("1".into()));
    }),
    ("profile's text", |rows| set(rows, "text", Some("X".into()))),
    ("profile's empty text", |rows| {
        set(rows, "text", Some("".into()));
    }),
    ("profile's lack of null", |rows| set(rows, "nothing", None)),
    ("profile's list", |rows| {
        set(
            rows,
            "list",
            Some(Value::List(vec!["x".into(), Value::Null])),
        );
    }),
    ("profile's empty list", |rows| {
        set(rows, "list", Some(Value::List(vec![])));
    }),
    ("profile's object", |rows| {
        set(
            rows,
            "object",
            Some(Value::Object(profile(&[("inside", "y".into())]))),
        );
    }),
    ("profile's empty object", |rows| {
        set(rows, "object", Some(Value::Object(Profile::default())));
    }),
    ("profile's further key", |rows| {
        set(rows, "joined_at", Some(LONG_AGO.into()));
    }),
    ("profile's key much like noise", |rows| {
        set(rows, "last_login_at", Some(LONG_AGO.into()));
    }),
    ("profile gone", |rows| {
        rows.resources[1].profile = Profile::default();
    }),
    ("user trait gone", |rows| rows.resources[1].user = None),
    ("address", |rows| {
        user_of(rows).emails[0].address = "A@example.com".into();
    }),
    ("primary address", |rows| {
        user_of(rows).emails[0].is_primary = false;
    }),
    ("order of addresses", |rows| user_of(rows).emails.reverse()),
    ("address gone", |rows| drop(user_of(rows).emails.pop())),
    ("account type", |rows| {
        user_of(rows).account_type = AccountType::Service;
    }),
    ("unspecified account type", |rows| {
        user_of(rows).account_type = AccountType::Unspecified;
    }),
    ("login", |rows| user_of(rows).login = "A".into()),
    ("login alias", |rows| {
        user_of(rows).login_aliases = vec!["c".into()];
    }),
    ("login alias gone", |rows| {
        user_of(rows).login_aliases.clear();
    }),
    ("second factor", |rows| {
        user_of(rows).mfa_enabled = Some(true);
    }),
    ("unknown second factor", |rows| {
        user_of(rows).mfa_enabled = None;
    }),
    ("linked login", |rows| {
        user_of(rows).sso_enabled = Some(true);
    }),
    ("linked login known to be off", |rows| {
        user_of(rows).sso_enabled = Some(false);
    }),
    ("given name", |rows| user_of(rows).given_name = "ada".into()),
    ("family name", |rows| user_of(rows).family_name = "".into()),
    ("entitlement gone", |rows| drop(rows.entitlements.pop())),
    ("entitlement's id", |rows| {
        rows.entitlements[1].id = EntitlementId::new("role:r:OWNER");
    }),
    ("entitlement's resource", |rows| {
        rows.entitlements[1].resource = id("user", "other");
    }),
    ("entitlement's name", |rows| {
        rows.entitlements[1].display_name = "Owner".into();
    }),
    ("entitlement's description", |rows| {
        rows.entitlements[1].description = "".into();
    }),
    ("entitlement's slug", |rows| {
        rows.entitlements[1].slug = "own".into();
    }),
    ("entitlement's purpose", |rows| {
        rows.entitlements[1].purpose = Purpose::Ownership;
    }),
    ("entitlement's unspecified purpose", |rows| {
        rows.entitlements[1].purpose = Purpose::Unspecified;
    }),
    ("entitlement's holders", |rows| {
        rows.entitlements[1].grantable_to = vec![ResourceTypeId::new("group")];
    }),
    ("entitlement's lack of holders", |rows| {
        rows.entitlements[1].grantable_to.clear();
    }),
    ("grant gone", |rows| rows.grants.clear()),
    ("grant's id", |rows| {
        rows.grants[0] = rows.grants[0].clone().with_id("its own");
    }),
    ("grant's entitlement", |rows| {
        let own_id = rows.grants[0].id().into_owned();
        rows.grants[0].entitlement = EntitlementId::new("role:r:owner");
        rows.grants[0] = rows.grants[0].clone().with_id(&own_id);
    }),
    ("grant's principal", |rows| {
        let own_id = rows.grants[0].id().into_owned();
        rows.grants[0].principal = id("user", "other");
        rows.grants[0] = rows.grants[0].clone().with_id(&own_id);
    }),
    ("grant's beginning", |rows| {
        rows.grants[0].joined_at = time("2001-02-03T04:05:07Z");
    }),
    ("grant's lack of a beginning", |rows| {
        rows.grants[0].joined_at = None;
    }),
    ("grant's membership", |rows| {
        rows.grants[0].membership_id = Some("n".into());
    }),
    ("grant's lack of a membership", |rows| {
        rows.grants[0].membership_id = None;
    }),
    ("further grant", |rows| {
        let entitlement = rows.grants[0].entitlement.clone();
        rows.grants
            .push(Grant::new(entitlement, id("user", "other")));
    }),
];

const NOISE: &[(&str, Change)] = &[
    ("nothing", |_| {}),
    ("last login", |rows| {
        user_of(rows).last_login = time("2026-11-23T00:00:00Z");
    }),
    ("lack of a last login", |rows| {
        user_of(rows).last_login = None;
    }),
    ("profile's last login", |rows| {
        set(rows, "last_login", Some("2026-11-23T00:00:00Z".into()));
    }),
    ("profile's lack of a last login", |rows| {
        set(rows, "last_login", None);
    }),
    ("profile's last update", |rows| {
        set(rows, "updated_at", Some("2026-11-23T00:00:00Z".into()));
    }),
    ("profile's lack of a last update", |rows| {
        set(rows, "updated_at", None);
    }),
    ("profile's last update as a number", |rows| {
        set(rows, "updated_at", Some(Value::Number(0.0)));
    }),
];

#[test]
fn digest_sees_every_change_and_tells_each_from_the_others() {
    let mut seen = vec![("nothing", digest_of(&fixture().build()))];
    for (name, change) in CHANGES {
        let mut rows = fixture();
        change(&mut rows);
        let digest = digest_of(&rows.build());
        for (other, known) in &seen {
            assert_ne!(
                digest, *known,
                "change of `{name}` looks like that of `{other}`"
            );
        }
        seen.push((name, digest));
    }
}

#[test]
fn digest_does_not_see_noise() {
    let expected = digest_of(&fixture().build());
    for (name, change) in NOISE {
        let mut rows = fixture();
        change(&mut rows);
        assert_eq!(digest_of(&rows.build()), expected, "{name}");
    }
}

#[test]
fn digest_sees_nothing_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.c1z");
    let inventory = fixture().build();
    let run = some_run();
    let expected = write(&path, &run, &inventory, None);
    let other_run = SyncRun {
        id: snapshot::new_sync_id(Timestamp::now()),
        sync_type: SyncType::Partial,
        started_at: time(LONG_AGO).unwrap(),
        ended_at: None,
        states_offset: false,
        parent_id: "another".to_owned(),
    };
    assert_eq!(write(&path, &other_run, &inventory, None), expected);
    let evidence = Evidence::new("https://a.example".to_owned(), "an-organization".to_owned());
    assert_eq!(write(&path, &run, &inventory, Some(&evidence)), expected);
    let snapshot = Snapshot::open(&path, &ReadOptions::default()).unwrap();
    assert_eq!(snapshot.content_digest(&run.id).unwrap(), expected);
}

#[test]
fn digest_names_its_version_and_is_sha_256() {
    let digest = digest_of(&fixture().build()).to_string();
    let hash = digest.strip_prefix("v1:").unwrap();
    assert_eq!(hash.len(), 64);
    assert!(
        hash.bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)),
        "{hash}"
    );
}

#[test]
fn evidence_reads_as_it_was_written_with_the_digest_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.c1z");
    let mut evidence = Evidence::new("https://a.example".to_owned(), "an-organization".to_owned());
    evidence.organization.name = Some("Zoë & Co\n".to_owned());
    evidence.requests = 7;
    evidence.unproved = vec!["something".to_owned()];
    let run = some_run();
    let digest = write(&path, &run, &fixture().build(), Some(&evidence));
    let snapshot = Snapshot::open(&path, &ReadOptions::default()).unwrap();
    evidence.content_digest = Some(digest.to_string());
    assert_eq!(snapshot.evidence(&run.id).unwrap(), Some(evidence));
}
