//! What becomes of people, roles and who holds them, however oddly PostHog tells of them.

use posthog_c1z::model::{
    AccountType, Email, Purpose, Resource, Status, Timestamp, Trait, UserTrait, Value,
};
use serde_json::{Value as Json, json};

use crate::support::{
    Organization, Sandbox, Written, bare_membership, member, membership, role, role_id, user,
    user_id, with, without,
};

/// An organization of these members, without roles.
fn crawl_members(rows: impl IntoIterator<Item = Json>) -> Written {
    Sandbox::new().sync(&Organization::new().members(rows).serve())
}

/// User 1, as a member given so becomes it.
fn crawl_member(row: Json) -> Resource {
    crawl_members([row]).user(1).clone()
}

fn trait_of(user: &Resource) -> &UserTrait {
    user.user.as_ref().unwrap()
}

/// Keys and values of a profile, told as in a JSON object.
fn profile(resource: &Resource) -> Json {
    let entries = resource.profile.iter().map(|(key, value)| {
        let value = match value {
            Value::Bool(value) => json!(value),
            Value::Number(value) => json!(value),
            Value::Text(value) => json!(**value),
            other => panic!("{key} is {other:?}"),
        };
        (key.to_string(), value)
    });
    Json::Object(entries.collect())
}

fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

#[test]
fn resource_types_are_those_of_conductorones_own_connector() {
    let written = crawl_members([member(1)]);
    let [role, user] = written.inventory.resource_types() else {
        panic!("{:?}", written.inventory.resource_types());
    };
    assert_eq!(
        (user.id.as_str(), &user.traits[..]),
        ("user", &[Trait::User][..])
    );
    assert!(user.skips_entitlements_and_grants);
    assert_eq!(
        (role.id.as_str(), &role.traits[..]),
        ("role", &[Trait::Role][..])
    );
    assert!(!role.skips_entitlements_and_grants);
}

#[test]
fn member_becomes_a_user_with_everything_that_is_known() {
    let user = crawl_member(member(1));
    assert_eq!(&*user.display_name, "First1 Last1");
    assert_eq!(user.status, Some(Status::Enabled));
    assert_eq!(user.created_at, time("2024-05-06T07:08:09.123456Z"));
    let expected = UserTrait {
        emails: vec![Email {
            address: "user1@example.com".into(),
            is_primary: true,
        }],
        account_type: AccountType::Human,
        login: "user1@example.com".into(),
        login_aliases: vec![],
        last_login: time("2026-11-01T10:11:12.131415Z"),
        mfa_enabled: Some(true),
        sso_enabled: Some(false),
        given_name: "First1".into(),
        family_name: "Last1".into(),
    };
    assert_eq!(trait_of(&user), &expected);
    let expected = json!({
        "user_id": user_id(1),
        "first_name": "First1",
        "last_name": "Last1",
        "email": "user1@example.com",
        "email_verified": true,
        "membership_id": member(1)["id"],
        "posthog_user_id": 1001.0,
        "distinct_id": "distinct-1",
        "joined_at": "2024-05-06T07:08:09.123456Z",
        "updated_at": "2025-01-02T03:04:05.000001Z",
        "last_login": "2026-11-01T10:11:12.131415Z",
        "is_2fa_enabled": true,
        "has_social_auth": false,
        "role_at_organization": "engineering",
        "organization_level": 1.0,
        "organization_role": "member",
    });
    assert_eq!(profile(&user), expected);
}

#[test]
fn what_is_absent_or_null_is_absent_and_never_false_or_zero_or_empty() {
    let optional_of_user = [
        "id",
        "distinct_id",
        "first_name",
        "last_name",
        "email",
        "is_email_verified",
        "role_at_organization",
    ];
    let optional_of_member = [
        "id",
        "level",
        "joined_at",
        "updated_at",
        "is_2fa_enabled",
        "has_social_auth",
        "last_login",
    ];
    let mut null = member(1);
    let mut absent = member(1);
    for key in optional_of_user {
        null["user"][key] = Json::Null;
        absent["user"] = without(absent["user"].clone(), key);
    }
    for key in optional_of_member {
        null[key] = Json::Null;
        absent = without(absent, key);
    }
    for row in [null, absent] {
        let user = crawl_member(row);
        assert_eq!(profile(&user), json!({"user_id": user_id(1)}));
        assert_eq!(user.created_at, None);
        let expected = UserTrait {
            emails: vec![],
            account_type: AccountType::Human,
            login: "".into(),
            login_aliases: vec![],
            last_login: None,
            mfa_enabled: None,
            sso_enabled: None,
            given_name: "".into(),
            family_name: "".into(),
        };
        assert_eq!(trait_of(&user), &expected);
        assert!(!user.display_name.is_empty());
    }
}

#[test]
fn false_that_was_told_is_kept() {
    let user = crawl_member(with(
        member(1),
        json!({"is_2fa_enabled": false, "has_social_auth": false, "user": {"is_email_verified": false}}),
    ));
    assert_eq!(trait_of(&user).mfa_enabled, Some(false));
    assert_eq!(trait_of(&user).sso_enabled, Some(false));
    for key in ["is_2fa_enabled", "has_social_auth", "email_verified"] {
        assert_eq!(user.profile.get(key), Some(&Value::Bool(false)), "{key}");
    }
}

#[test]
fn display_name_is_the_names_that_there_are_else_the_address() {
    for (first, last, expected) in [
        ("Ada", "", "Ada"),
        ("", "Lovelace", "Lovelace"),
        ("", "", "user1@example.com"),
        ("  ", "\t", "user1@example.com"),
        ("Ada Maria", "King Noel", "Ada Maria King Noel"),
    ] {
        let names = json!({"user": {"first_name": first, "last_name": last}});
        let user = crawl_member(with(member(1), names));
        assert_eq!(&*user.display_name, expected);
        assert_eq!(user.profile.text("first_name"), Some(first));
        assert_eq!(user.profile.text("last_name"), Some(last));
        assert_eq!(&*trait_of(&user).given_name, first);
        assert_eq!(&*trait_of(&user).family_name, last);
    }
}

/// Names as people and their keyboards make them.
const ODD_NAMES: [&str; 8] = [
    "Zoë Ñuñez-O’Brien",
    "王小明",
    "שלום \u{202e}txt.exe",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦 e\u{301}",
    "tab\there\nnext\r\u{7}\u{1b}[31mred\u{7f}\u{85}",
    "\u{2028}line\u{2029}paragraph\u{feff}",
    "';drop table v1_grants;--\\\"{}%s",
    "\u{10ffff}\u{e000}\u{1}",
];

#[test]
fn names_of_any_unicode_are_kept_to_the_character() {
    let rows = (1..).zip(ODD_NAMES).map(|(n, name)| {
        with(
            member(n),
            json!({"user": {"first_name": name, "last_name": "x"}}),
        )
    });
    let organization = (1..).zip(ODD_NAMES).fold(
        Organization::new().members(rows),
        |organization, (n, name)| organization.role(with(role(n), json!({"name": name})), []),
    );
    let written = Sandbox::new().sync(&organization.serve());
    for (n, name) in (1..).zip(ODD_NAMES) {
        let user = written.user(n);
        assert_eq!(user.profile.text("first_name"), Some(name));
        assert_eq!(&*trait_of(user).given_name, name);
        assert_eq!(&*written.role(n).display_name, name);
        let entitlement = &written.inventory.entitlements()[usize::from(n) - 1];
        assert_eq!(*entitlement.display_name, format!("{name} member"));
        assert_eq!(
            *entitlement.description,
            format!("Member of the {name} role in PostHog")
        );
    }
}

#[test]
fn longest_names_are_kept_and_texts_over_a_limit_are_cut_between_characters() {
    let (latin, wide) = ("x".repeat(150), "🦔".repeat(150));
    let role_name = "🦔".repeat(200);
    let names = |name: &str| json!({"user": {"first_name": name, "last_name": name}});
    let written = Sandbox::new().sync(
        &Organization::new()
            .members([
                with(member(1), names(&latin)),
                with(member(2), names(&wide)),
            ])
            .role(with(role(1), json!({"name": role_name})), [])
            .serve(),
    );
    assert_eq!(*written.user(1).display_name, format!("{latin} {latin}"));

    let user = written.user(2);
    let whole = format!("{wide} {wide}");
    assert!(whole.len() > 1024);
    assert!(user.display_name.len() <= 1024);
    assert!(user.display_name.len() > 1020, "more was cut than need be");
    assert!(whole.starts_with(&*user.display_name));
    assert_eq!(user.profile.text("first_name"), Some(&*wide));
    assert_eq!(user.profile.text("last_name"), Some(&*wide));

    assert_eq!(*written.role(1).display_name, role_name);
    let entitlement = &written.inventory.entitlements()[0];
    assert_eq!(*entitlement.display_name, format!("{role_name} member"));
    assert_eq!(
        *entitlement.description,
        format!("Member of the {role_name} role in PostHog")
    );
}

#[test]
fn spaces_around_names_are_kept_where_they_were_given() {
    let names = json!({"user": {"first_name": "  Ada ", "last_name": " Lovelace  "}});
    let posthog = Organization::new()
        .members([with(member(1), names)])
        .role(with(role(1), json!({"name": "  Ops  "})), [])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    let user = written.user(1);
    assert_eq!(user.profile.text("first_name"), Some("  Ada "));
    assert_eq!(user.profile.text("last_name"), Some(" Lovelace  "));
    assert_eq!(&*trait_of(user).given_name, "  Ada ");
    assert_eq!(&*trait_of(user).family_name, " Lovelace  ");
    assert_eq!(&*written.role(1).display_name, "  Ops  ");
    assert_eq!(
        &*written.inventory.entitlements()[0].display_name,
        "  Ops   member"
    );
}

#[test]
fn what_differs_only_in_case_is_not_the_same() {
    let address = |email: &str| json!({"user": {"email": email}});
    let posthog = Organization::new()
        .members([
            with(member(1), address("ann@example.com")),
            with(member(2), address("Ann@Example.com")),
        ])
        .role(
            with(role(1), json!({"name": "Admins"})),
            [membership(1, &member(1))],
        )
        .role(
            with(role(2), json!({"name": "admins"})),
            [membership(2, &member(2))],
        )
        .serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(
        &*trait_of(written.user(1)).emails[0].address,
        "ann@example.com"
    );
    assert_eq!(
        &*trait_of(written.user(2)).emails[0].address,
        "Ann@Example.com"
    );
    assert_eq!(
        written.user(2).profile.text("email"),
        Some("Ann@Example.com")
    );
    assert_eq!(&*written.role(1).display_name, "Admins");
    assert_eq!(&*written.role(2).display_name, "admins");
    written.grant(1, 1);
    written.grant(2, 2);
    assert_eq!(written.inventory.grants().len(), 2);
}

#[test]
fn seat_is_its_number_and_posthogs_word_for_it() {
    let levels = [
        (1, "member"),
        (8, "administrator"),
        (15, "owner"),
        (0, "unknown (0)"),
        (3, "unknown (3)"),
        (-1, "unknown (-1)"),
        (16, "unknown (16)"),
    ];
    let rows = (1..)
        .zip(levels)
        .map(|(n, (level, _))| with(member(n), json!({"level": level})));
    let written = crawl_members(rows);
    for (n, (level, word)) in (1..).zip(levels) {
        let user = written.user(n);
        let number = Value::Number(level.into());
        assert_eq!(user.profile.get("organization_level"), Some(&number));
        assert_eq!(user.profile.text("organization_role"), Some(word));
    }
}

#[test]
fn times_are_kept_with_and_without_fraction() {
    for text in [
        "2024-05-06T07:08:09Z",
        "2024-05-06T07:08:09.000001Z",
        "2024-05-06T07:08:09.120000Z",
        "1969-12-31T23:59:59.999999Z",
        "2000-02-29T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.999999Z",
    ] {
        let row = json!({"joined_at": text, "updated_at": text, "last_login": text});
        let posthog = Organization::new()
            .members([with(member(1), row)])
            .role(
                with(role(1), json!({"created_at": text})),
                [with(membership(1, &member(1)), json!({"joined_at": text}))],
            )
            .serve();
        let written = Sandbox::new().sync(&posthog);
        let user = written.user(1);
        for key in ["joined_at", "updated_at", "last_login"] {
            assert_eq!(user.profile.text(key), Some(text), "{key}");
        }
        assert_eq!(user.created_at, time(text));
        assert_eq!(trait_of(user).last_login, time(text));
        assert_eq!(written.role(1).profile.text("created_at"), Some(text));
        assert_eq!(written.grant(1, 1).joined_at, time(text));
    }
}

#[test]
fn ids_that_are_no_rfc_uuids_are_kept_to_the_character() {
    for id in [
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "00000000-0000-0000-0000-000000000000",
        "018E0895-AF04-F000-CFE5-FD15FD963B34",
        "7",
    ] {
        let posthog = Organization::new()
            .members([with(member(1), json!({"user": {"uuid": id}}))])
            .role(
                with(role(1), json!({"id": id})),
                [with(
                    membership(1, &member(1)),
                    json!({"user": {"uuid": id}}),
                )],
            )
            .serve();
        let written = Sandbox::new().sync(&posthog);
        written.resource(&format!("user:{id}"));
        written.resource(&format!("role:{id}"));
        assert_eq!(written.grant_ids(), [format!("role:{id}:member:user:{id}")]);
    }
}

#[test]
fn role_carries_its_name_and_what_is_known_of_its_making() {
    let posthog = Organization::new()
        .members([member(1)])
        .role(
            with(role(1), json!({"created_by": null, "is_default": true})),
            [],
        )
        .role(with(role(2), json!({"created_by": user(9)})), [])
        .role(without(without(role(3), "is_default"), "created_by"), [])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    let of = |n| profile(written.role(n));
    let created_at = "2023-02-03T04:05:06Z";
    assert_eq!(of(1), json!({"is_default": true, "created_at": created_at}));
    let creator = json!({
        "is_default": false,
        "created_at": created_at,
        "created_by": user_id(9),
        "created_by_email": "user9@example.com",
    });
    assert_eq!(of(2), creator);
    assert_eq!(of(3), json!({"created_at": created_at}));
    assert_eq!(&*written.role(1).display_name, "Role 1");
    // Who made a role need not be there any more, and is not made up.
    assert_eq!(written.inventory.count_of_type("user"), 1);
}

#[test]
fn role_has_one_entitlement_in_frozen_words() {
    let posthog = Organization::new()
        .members([member(1)])
        .role(role(1), [])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    let [entitlement] = written.inventory.entitlements() else {
        panic!("{:?}", written.inventory.entitlements());
    };
    assert_eq!(
        entitlement.id.as_str(),
        format!("role:{}:member", role_id(1))
    );
    assert_eq!(entitlement.resource, written.role(1).id);
    assert_eq!(&*entitlement.display_name, "Role 1 member");
    assert_eq!(
        &*entitlement.description,
        "Member of the Role 1 role in PostHog"
    );
    assert_eq!(&*entitlement.slug, "member");
    assert_eq!(entitlement.purpose, Purpose::Assignment);
    let types = entitlement.grantable_to.iter();
    assert_eq!(types.map(|t| t.as_str()).collect::<Vec<_>>(), ["user"]);
}

#[test]
fn grant_says_since_when_and_by_which_membership() {
    let held = membership(1, &member(1));
    let posthog = Organization::new()
        .members([member(1)])
        .role(role(1), [held.clone()])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    let grant = written.grant(1, 1);
    assert_eq!(grant.joined_at, time("2025-06-07T08:09:10Z"));
    assert_eq!(
        grant
            .membership_id
            .clone()
            .map(|id| id.to_string())
            .as_deref(),
        held["id"].as_str()
    );
    assert_eq!(grant.principal, written.user(1).id);
}

#[test]
fn membership_without_its_own_id_and_member_still_is_a_grant() {
    // The first version of the API, of 2022.
    let held = bare_membership(1, &user(1));
    let held = without(without(held, "id"), "organization_member");
    let posthog = Organization::new()
        .members([member(1)])
        .role(role(1), [held])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.grant(1, 1).membership_id, None);
    assert_eq!(written.user(1).status, Some(Status::Enabled));
}

#[test]
fn member_whose_membership_has_no_organization_side_stays_a_member() {
    let posthog = Organization::new()
        .members([member(1)])
        .role(role(1), [bare_membership(1, &user(1))])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    let alone = crawl_members([member(1)]);
    assert_eq!(written.user(1), alone.user(1));
    written.grant(1, 1);
    assert_eq!(written.evidence.unlisted_principals, 0);
}

#[test]
fn role_holder_who_is_no_member_becomes_a_user_of_unspecified_status() {
    let deactivated = with(member(2), json!({"level": 8}));
    let posthog = Organization::new()
        .members([member(1)])
        .role(
            role(1),
            [membership(1, &deactivated), bare_membership(1, &user(3))],
        )
        .role(role(2), [membership(2, &deactivated)])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    written.grant(1, 2);
    written.grant(1, 3);
    written.grant(2, 2);
    assert_eq!(written.evidence.unlisted_principals, 2);

    let seated = written.user(2);
    assert_eq!(seated.status, Some(Status::Unspecified));
    assert_eq!(trait_of(seated).account_type, AccountType::Human);
    assert_eq!(&*seated.display_name, "First2 Last2");
    let expected = json!({
        "listed_as_member": false,
        "user_id": user_id(2),
        "first_name": "First2",
        "last_name": "Last2",
        "email": "user2@example.com",
        "email_verified": true,
        "membership_id": member(2)["id"],
        "posthog_user_id": 1002.0,
        "distinct_id": "distinct-2",
        "joined_at": "2024-05-06T07:08:09.123456Z",
        "updated_at": "2025-01-02T03:04:05.000001Z",
        "is_2fa_enabled": true,
        "has_social_auth": false,
        "role_at_organization": "engineering",
        "organization_level": 8.0,
        "organization_role": "administrator",
    });
    assert_eq!(profile(seated), expected);

    let gone = written.user(3);
    assert_eq!(gone.status, Some(Status::Unspecified));
    assert_eq!(gone.created_at, None);
    let expected = json!({
        "listed_as_member": false,
        "user_id": user_id(3),
        "first_name": "First3",
        "last_name": "Last3",
        "email": "user3@example.com",
        "email_verified": true,
        "posthog_user_id": 1003.0,
        "distinct_id": "distinct-3",
        "role_at_organization": "engineering",
    });
    assert_eq!(profile(gone), expected);
}

#[test]
fn unlisted_person_is_told_the_same_whichever_role_tells_more() {
    let two_roles = |first: Json, second: Json| {
        let posthog = Organization::new()
            .members([member(1)])
            .role(role(1), [first])
            .role(role(2), [second])
            .serve();
        Sandbox::new().sync(&posthog)
    };
    let bare_first = two_roles(bare_membership(1, &user(2)), membership(2, &member(2)));
    let bare_last = two_roles(membership(1, &member(2)), bare_membership(2, &user(2)));
    assert_eq!(bare_first.user(2), bare_last.user(2));
    assert_eq!(
        bare_first.user(2).profile.text("organization_role"),
        Some("member")
    );
    assert_eq!(bare_first.evidence.unlisted_principals, 1);
    assert_eq!(bare_last.evidence.unlisted_principals, 1);
}

#[test]
fn bots_of_posthog_are_services_and_others_with_such_a_name_are_not() {
    let holder = |n: u16, email: &str| bare_membership(1, &with(user(n), json!({"email": email})));
    let posthog = Organization::new()
        .members([member(1)])
        .role(
            role(1),
            [
                holder(2, "hogbot@posthogbot.user"),
                holder(3, "posthogbot.user@example.com"),
                holder(4, "x@posthogbot.user.example.com"),
            ],
        )
        .serve();
    let written = Sandbox::new().sync(&posthog);
    let account_type = |n| trait_of(written.user(n)).account_type;
    assert_eq!(account_type(2), AccountType::Service);
    assert_eq!(account_type(3), AccountType::Human);
    assert_eq!(account_type(4), AccountType::Human);
    assert_eq!(
        written.user(2).profile.text("email"),
        Some("hogbot@posthogbot.user")
    );
    assert_eq!(written.evidence.unlisted_principals, 3);
}

#[test]
fn address_that_conductorone_would_refuse_is_kept_on_the_profile_alone() {
    let odd = "no address at all";
    let user = crawl_member(with(member(1), json!({"user": {"email": odd}})));
    assert_eq!(trait_of(&user).emails, []);
    assert_eq!(user.profile.text("email"), Some(odd));
}

/// PostHog's schema and its answers differ, and servers of several years too.
#[test]
fn numbers_as_text_and_ids_as_numbers_are_read_where_nothing_is_in_doubt() {
    for level in [json!(15), json!("15"), json!(15.0)] {
        let user = crawl_member(with(member(1), json!({"level": level})));
        assert_eq!(profile(&user)["organization_role"], "owner", "{level}");
        assert_eq!(profile(&user)["organization_level"], 15.0, "{level}");
    }
    let row = json!({"id": 77, "user": {"id": "1001", "distinct_id": 5}});
    let user = crawl_member(with(member(1), row));
    assert_eq!(profile(&user)["membership_id"], "77");
    assert_eq!(profile(&user)["posthog_user_id"], 1001.0);
    assert_eq!(profile(&user)["distinct_id"], "5");

    let grant = with(membership(1, &member(1)), json!({"id": 4711}));
    let organization = || Organization::new().members([member(1)]);
    for args in [&[][..], &["--memberships", "embedded"]] {
        let posthog = organization().role(role(1), [grant.clone()]).serve();
        let sandbox = Sandbox::new();
        sandbox.crawl(&posthog, args).run().succeeds_silently();
        let written = Written::open(&sandbox.path("sync.c1z"));
        let [grant] = written.inventory.grants() else {
            panic!("{:?}", written.inventory.grants());
        };
        let id = grant.membership_id.as_ref().map(ToString::to_string);
        assert_eq!(id.as_deref(), Some("4711"), "{args:?}");
    }

    let itself = json!({"member_count": "1", "membership_level": "8"});
    let posthog = organization().itself(itself).serve();
    let organization = Sandbox::new().sync(&posthog).evidence.organization;
    assert_eq!(organization.member_count, Some(1));
    assert_eq!(organization.membership_level, Some(8));
}

#[test]
fn value_that_could_mean_anything_is_an_error_that_names_its_field() {
    for (row, field) in [
        (json!({"level": "admin"}), "field `level` of row"),
        (json!({"level": 1.5}), "field `level` of row"),
        (json!({"level": ""}), "field `level` of row"),
        (json!({"level": true}), "field `level` of row"),
        (json!({"user": {"id": "u1"}}), "field `user.id` of row"),
        (json!({"user": {"id": -1}}), "field `user.id` of row"),
        (json!({"id": ["m"]}), "field `id`"),
        (json!({"id": 1.5}), "field `id`"),
    ] {
        let posthog = Organization::new()
            .members([with(member(1), row.clone())])
            .serve();
        let run = Sandbox::new().crawl(&posthog, &["--retries", "0"]).run();
        run.fails(3, &["reading members", "unexpected JSON", field]);
    }
}
