//! What is read, in how many requests, and how it is kept.

use serde_json::{Value, json};

use super::{Crawl, KEYS, all_not_read, document_of, ids, kept, not_read, organization, path_of};
use crate::support::{
    Answer, Database, KEY, Organization, Reply, SURROUNDINGS, Sandbox, domain, invitation, member,
    membership, organization_id, reference, refusal, role, role_id, user, user_id, with, without,
};

/// The fields of a domain that are kept.
const DOMAIN: [&str; 8] = [
    "id",
    "domain",
    "is_verified",
    "verified_at",
    "sso_enforcement",
    "jit_provisioning_enabled",
    "has_saml",
    "has_scim",
];

/// The fields of a reference that are kept under the same name.
const REFERENCE: [&str; 7] = [
    "id",
    "provider",
    "provider_organization_id",
    "provider_role_id",
    "provider_role_slug",
    "provider_role_name",
    "created_at",
];

#[test]
fn surroundings_cost_three_requests_with_the_key_and_come_last() {
    let without_them = organization().serve();
    Crawl::of(&without_them.base_url(), &["--without-organization"]);
    let with_them = organization().serve();
    let crawl = Crawl::of(&with_them.base_url(), &[]);
    let asked = with_them.asked_for_everything();
    let more = asked.len() - without_them.asked_for_everything().len();
    assert!(more <= 4, "{asked:#?}");
    assert_eq!(crawl.written.evidence.requests, asked.len() as u64);
    let is_surrounding = |path: &str| SURROUNDINGS.iter().any(|list| path.ends_with(list));
    let (essential, last) = asked.split_at(asked.len() - more);
    assert!(!essential.iter().any(|asked| is_surrounding(asked.path())));
    assert!(last.iter().all(|asked| is_surrounding(asked.path())));
    for request in last {
        assert_eq!(request.authorization, [format!("Bearer {KEY}")]);
    }
    assert_eq!(crawl.run.stderr, "");
}

#[test]
fn list_of_several_pages_is_read_whole_and_sorted() {
    // No order at all, as far as the ids are concerned.
    let shuffled = || (0..250_u16).map(|n| n * 77 % 251);
    for page in [100, usize::MAX] {
        let posthog = organization()
            .invitations(shuffled().filter(|n| *n > 2).map(invitation))
            .domains((3..=120).rev().map(domain))
            .references((3..=120).rev().map(reference))
            .pages_of(page)
            .serve();
        let crawl = Crawl::of(&posthog.base_url(), &[]);
        let document = crawl.document();
        for key in KEYS {
            let found = ids(&document[key]);
            assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        }
        assert_eq!(ids(&document["domains"]).len(), 120);
        let expected: Vec<_> = shuffled().filter(|n| *n > 2).chain([1, 2]).collect();
        assert_eq!(ids(&document["invitations"]).len(), expected.len());
        assert_eq!(document["not_read"], json!([]));
        let list = crawl.written.evidence.lists.iter();
        let list = { list }.find(|list| list.path == "invites/").unwrap();
        assert_eq!(list.kept, expected.len() as u64);
        assert_eq!(list.count, Some(expected.len() as u64));
    }
}

#[test]
fn same_organization_gives_the_same_document_whatever_the_order() {
    let features = |names: [&str; 3]| json!({"available_product_features": names});
    let one = Crawl::new(organization().itself(features(["sso", "audit", "roles"])));
    let other = Organization::new()
        .members((1..=3).rev().map(member))
        .domains([domain(2), domain(1)])
        .invitations([invitation(1), invitation(2)])
        .references([reference(2), reference(1)])
        .itself(features(["roles", "sso", "audit"]));
    assert_eq!(Crawl::new(other).bytes(), one.bytes());
}

#[test]
fn document_is_the_same_however_the_organization_and_its_roles_are_read() {
    let posthog = organization().serve();
    let current = posthog.base_url().replace(organization_id(), "@current");
    let expected = Crawl::of(&posthog.base_url(), &[]).bytes();
    assert_eq!(Crawl::of(&current, &[]).bytes(), expected);
    for args in [
        &["--memberships", "embedded"][..],
        &["--without-roles"],
        &["--accept-incomplete"],
    ] {
        let crawl = Crawl::of(&posthog.base_url(), args);
        assert_eq!(crawl.bytes(), expected, "{args:?}");
    }
}

#[test]
fn row_that_is_sent_twice_is_kept_once() {
    let rows = [invitation(2), invitation(1), invitation(2)];
    let rows = Organization::new().members([member(1)]).invitations(rows);
    let document = Crawl::new(rows).document();
    let expected = [1, 2].map(|n| invitation(n)["id"].as_str().unwrap().to_owned());
    assert_eq!(ids(&document["invitations"]), expected);
}

#[test]
fn settings_are_those_of_the_last_time_the_organization_was_read() {
    let mut readings = 0;
    let night = organization().serve_by(move |organization, asked| {
        if asked.path.is_empty() {
            readings += 1;
            *organization = organization
                .clone()
                .itself(json!({"enforce_2fa": readings > 1}));
        }
        Reply::AsUsual
    });
    let crawl = Crawl::of(&night.base_url(), &[]);
    assert_eq!(crawl.document()["settings"]["enforce_2fa"], true);
}

#[test]
fn every_field_is_kept_as_it_was_sent() {
    let odd_times = with(
        domain(2),
        json!({"verified_at": "yesterday", "is_verified": false, "sso_enforcement": "saml",
               "jit_provisioning_enabled": true, "has_saml": true, "has_scim": true}),
    );
    let nulls = json!({"id": domain(3)["id"], "domain": null, "is_verified": null, "verified_at": null,
                       "sso_enforcement": null, "jit_provisioning_enabled": null, "has_saml": null, "has_scim": null});
    let bare = json!({"id": domain(4)["id"]});
    let domains = [domain(1), odd_times, nulls, bare];
    let references = [
        reference(1),
        with(reference(2), json!({"provider_role_slug": "group-2"})),
        json!({"id": reference(3)["id"], "role": null, "provider": null, "provider_organization_id": null,
               "provider_role_id": null, "provider_role_slug": null, "provider_role_name": null, "created_at": null}),
        json!({"id": reference(4)["id"]}),
    ];
    let crawl = Crawl::new(
        Organization::new()
            .members([member(1)])
            .domains(domains.clone())
            .references(references.clone()),
    );
    let document = crawl.document();
    assert_eq!(document["schema"], "posthog-c1z.organization");
    assert_eq!(document["schema_version"], 1);
    let expected: Vec<_> = domains.iter().map(|row| kept(row, &DOMAIN)).collect();
    assert_eq!(document["domains"], json!(expected));
    let expected = references.iter().map(|row| {
        let mut expected = kept(row, &REFERENCE);
        if let Some(role) = row.get("role") {
            expected["role_id"] = role.clone();
        }
        expected
    });
    let expected: Vec<_> = expected.collect();
    assert_eq!(document["role_external_references"], json!(expected));
    assert_eq!(document["invitations"], json!([]));
    assert_eq!(document["not_read"], json!([]));
}

#[test]
fn invitation_has_its_seat_and_its_sender() {
    let sender = |n: u16, patch: Value| with(user(n), patch);
    let rows = [
        // What is sent, and what of it is kept besides the fields that are kept as they are.
        (json!({}), json!({"seat": "member"})),
        (
            json!({"level": 8, "is_expired": true, "first_name": ""}),
            json!({"level": 8, "seat": "administrator", "is_expired": true, "first_name": ""}),
        ),
        (json!({"level": 15}), json!({"level": 15, "seat": "owner"})),
        (
            json!({"level": 12}),
            json!({"level": 12, "seat": "unknown (12)"}),
        ),
        (
            json!({"level": -1}),
            json!({"level": -1, "seat": "unknown (-1)"}),
        ),
        (
            json!({"created_by": sender(1, json!({"first_name": "", "last_name": " "}))}),
            json!({"seat": "member", "created_by": {"display_name": "user1@example.com"}}),
        ),
        (
            json!({"created_by": sender(1, json!({"first_name": " Ada ", "last_name": ""}))}),
            json!({"seat": "member", "created_by": {"display_name": "Ada"}}),
        ),
        (
            json!({"created_by": sender(1, json!({"email": null}))}),
            json!({"seat": "member", "created_by": {"email": null}}),
        ),
        (
            json!({"created_by": null, "created_at": "2026-10-11", "target_email": "Ünï@EXAMPLE.com"}),
            json!({"seat": "member", "created_by": null, "created_at": "2026-10-11", "target_email": "Ünï@EXAMPLE.com"}),
        ),
    ];
    let sent = (1..).zip(&rows);
    let sent: Vec<_> = sent
        .map(|(n, (sent, _))| with(invitation(n), sent.clone()))
        .collect();
    let crawl = Crawl::new(Organization::new().members([member(1)]).invitations(sent));
    let document = crawl.document();
    for (n, (sent, expected)) in (1..).zip(&rows) {
        let plain = json!({
            "id": invitation(n)["id"],
            "target_email": format!("invited{n}@example.com"),
            "first_name": format!("Invited{n}"),
            "level": 1,
            "is_expired": false,
            "created_at": "2026-10-11T12:13:14.151617Z",
            "created_by": {
                "user_id": user_id(1),
                "display_name": "First1 Last1",
                "email": "user1@example.com",
            },
        });
        let expected = with(plain, expected.clone());
        assert_eq!(
            document["invitations"][usize::from(n) - 1],
            expected,
            "{sent}"
        );
    }
}

#[test]
fn what_was_not_sent_of_an_invitation_is_absent_and_what_is_null_stays_null() {
    let (bare, nulls) = (
        json!({"id": "a"}),
        [
            "target_email",
            "first_name",
            "level",
            "is_expired",
            "created_at",
            "created_by",
        ],
    );
    let nulls: Value = nulls
        .into_iter()
        .map(|field| (field, Value::Null))
        .collect();
    let nulls = with(json!({"id": "b"}), nulls);
    let sender = without(user(1), "email");
    let nameless = json!({"id": "c", "created_by": sender});
    let rows = [bare.clone(), nulls.clone(), nameless];
    let crawl = Crawl::new(Organization::new().members([member(1)]).invitations(rows));
    let sender = json!({"user_id": user_id(1), "display_name": "First1 Last1"});
    let expected = json!([bare, nulls, {"id": "c", "created_by": sender}]);
    assert_eq!(crawl.document()["invitations"], expected);
}

#[test]
fn settings_are_kept_as_they_were_sent() {
    let settings = json!({
        "enforce_2fa": true,
        "members_can_invite": false,
        "members_can_use_personal_api_keys": null,
        "members_can_see_org_members": true,
        "allow_publicly_shared_resources": true,
        "is_member_join_email_enabled": false,
        "default_role_id": role_id(1),
    });
    for (sent, kept) in [
        (json!(null), json!(null)),
        (json!([]), json!([])),
        (json!(["sso", "audit", "sso"]), json!(["audit", "sso"])),
        (
            json!([{"key": "sso", "name": "SSO", "limit": {"key": "x"}}, {"name": "Audit", "key": "audit"}]),
            json!(["audit", "sso"]),
        ),
    ] {
        let sent = with(
            settings.clone(),
            json!({"available_product_features": sent}),
        );
        let document = Crawl::new(organization().itself(sent)).document();
        let expected = with(
            settings.clone(),
            json!({"available_product_features": kept}),
        );
        assert_eq!(document["settings"], expected);
    }
    // The organization of the tests sends no more than these.
    let expected = json!({
        "enforce_2fa": null,
        "members_can_see_org_members": true,
        "available_product_features": null,
    });
    assert_eq!(Crawl::new(organization()).document()["settings"], expected);
}

#[test]
fn certificates_challenges_and_messages_are_nowhere_in_the_file() {
    let database = Crawl::new(organization()).database();
    let holds = |text: &str| {
        let mut windows = database.bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    };
    assert!(holds("domain1.example.com") && holds("invited1@example.com"));
    for text in [
        "certificate-",
        "challenge-",
        "message-",
        "saml_",
        "scim_base",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn bare_list_of_an_old_server_is_accepted() {
    for key in KEYS {
        let mut posthog = organization().serve();
        let row = json!([{"id": "b"}, {"id": "a"}]);
        posthog.answers(path_of(key), Answer::json(200, &row));
        let crawl = Crawl::of(&posthog.base_url(), &[]);
        assert_eq!(ids(&crawl.document()[key]), ["a", "b"]);
        assert_eq!(crawl.run.stderr, "");
    }
}

#[test]
fn surroundings_that_are_left_out_are_not_requested() {
    let posthog = organization().serve();
    let crawl = Crawl::of(&posthog.base_url(), &["--without-organization"]);
    assert_eq!(posthog.asked(), posthog.asked_for_everything());
    assert_eq!(document_of(&crawl.database()), None);
    assert_eq!(crawl.written.evidence.not_read, ["organization"]);
    assert_eq!(crawl.run.stderr, "");
    // Nor are they counted among what a crawl will take.
    let cost = |args: &[&str]| {
        let args = [&["check"], args].concat();
        let run = Sandbox::new().crawl(&posthog, &args).run().succeeds();
        let report = String::from_utf8(run.stdout).unwrap() + &run.stderr;
        let words: Vec<&str> = report.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "least").unwrap();
        words[at + 1].parse::<usize>().unwrap()
    };
    assert_eq!(
        cost(&[]),
        cost(&["--without-organization"]) + SURROUNDINGS.len()
    );
}

#[test]
fn rows_and_digest_are_the_same_with_and_without_the_document() {
    let with_it = Crawl::new(organization());
    let posthog = organization().serve();
    let without_it = Crawl::of(&posthog.base_url(), &["--without-organization"]);
    assert_eq!(with_it.access(), without_it.access());
    let evidence = |crawl: &Crawl| crawl.written.evidence.content_digest.clone();
    assert_eq!(evidence(&with_it), evidence(&without_it));
    // Nor does it matter what is in the document.
    let other = Crawl::new(
        Organization::new()
            .members((1..=3).map(member))
            .role(role(1), [2, 3].map(|n| membership(1, &member(n))))
            .itself(json!({"enforce_2fa": true})),
    );
    assert_ne!(other.document(), with_it.document());
    assert_eq!(other.access(), with_it.access());
}

#[test]
fn organization_that_may_not_be_read_has_no_settings() {
    let mut posthog = organization().serve();
    let detail = "API key missing required scope 'organization:read'";
    let body = refusal("authentication_error", "permission_denied", detail);
    posthog.answers("", Answer::json(403, &body));
    let crawl = Crawl::of(&posthog.base_url(), &[]);
    let document = crawl.document();
    assert_eq!(document.get("settings"), None);
    assert_eq!(all_not_read(&document), [not_read("settings", 403)]);
    let reason = document["not_read"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, format!("answered 403: {detail}"));
    let warnings = crawl.warnings().into_iter();
    let about_settings: Vec<_> = warnings
        .filter(|warning| warning.contains("the organization's settings (answered 403"))
        .collect();
    assert_eq!(about_settings.len(), 1, "{}", crawl.run.stderr);
    // That the member count could not be compared is the only thing unproved.
    let unproved = crawl.written.evidence.unproved;
    assert!(
        matches!(&unproved[..], [one] if one.contains("member count")),
        "{unproved:?}"
    );
}

/// `Database` is opened beside the program, so that nothing of ours decides what is in the file.
#[test]
fn document_is_an_asset_of_its_own_beside_the_evidence() {
    let crawl = Crawl::new(organization());
    let database: Database = crawl.database();
    let assets = database.texts(
        "select external_id || ' ' || content_type || ' ' || (sync_id = (select sync_id from v1_sync_runs)) \
         from v1_assets order by external_id",
    );
    let expected =
        ["evidence", "organization"].map(|name| format!("posthog-c1z:{name} application/json 1"));
    assert_eq!(assets, expected);
    let evidence = crawl.written.evidence;
    let lists: Vec<_> = evidence
        .lists
        .iter()
        .map(|list| list.path.as_str())
        .collect();
    assert!(lists.ends_with(&SURROUNDINGS), "{lists:?}");
    assert_eq!((evidence.unproved, evidence.not_read), (vec![], vec![]));
}
