//! The sample organization that the program carries in itself.

use posthog_c1z::model::Inventory;
use posthog_c1z::snapshot::ContentDigest;

use crate::support::{Database, Sandbox, Written};

const PUBLIC_BASE_URL: &str = "https://demo.posthog.example/api/organizations/";

/// The database of a fresh run, its inventory and digest.
fn demo(args: &[&str]) -> (Database, Inventory, ContentDigest) {
    let sandbox = Sandbox::new();
    sandbox.program(args).run().succeeds();
    assert_eq!(sandbox.files(), ["demo.c1z"]);
    sandbox.assert_no_litter();
    let path = sandbox.path("demo.c1z");
    let written = Written::open(&path);
    (Database::of(&path), written.inventory, written.digest)
}

#[test]
fn demo_needs_no_address_and_no_key_and_names_a_public_one() {
    for (args, file) in [
        (&["sync", "--demo"][..], "demo.c1z"),
        (&["--demo", "-f", "x.c1z"], "x.c1z"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.program(args).run().succeeds();
        let written = Written::open(&sandbox.path(file));
        let evidence = &written.evidence;
        assert!(
            evidence.base_url.starts_with(PUBLIC_BASE_URL),
            "{}",
            evidence.base_url
        );
        assert!(evidence.base_url.ends_with(&evidence.organization.id));
        assert_eq!(evidence.unproved, [""; 0]);
        assert_eq!(evidence.organization.member_count, Some(40));
        let bytes = Database::of(&sandbox.path(file)).bytes;
        assert!(!bytes.windows(9).any(|window| window == b"127.0.0.1"));
        assert!(written.inventory.count_of_type("user") >= 40);
        assert_eq!(written.inventory.count_of_type("role"), 8);
        assert_eq!(written.inventory.grants().len(), 77);
    }
}

/// What a summary of the sample organization names.
const SUMMARY: [&str; 4] = ["8 roles", "77 grants", "sha-256", "posthog-c1z grants "];

#[test]
fn summary_of_a_demo_is_printed_wherever_it_goes() {
    for (args, file) in [
        (&["--demo"][..], "demo.c1z"),
        (&["sync", "--demo"], "demo.c1z"),
        (&["--demo", "-v"], "demo.c1z"),
        (&["--log-level", "info", "sync", "--demo"], "demo.c1z"),
        (&["--demo", "-f", "x.c1z"], "x.c1z"),
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.program(args).run().succeeds();
        assert_eq!(run.stdout, b"");
        for part in SUMMARY.iter().chain([&file]) {
            assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr);
        }
        let (code, sent) = sandbox.program(args).run_on_terminal();
        assert_eq!(code, 0, "{sent}");
        assert!(sent.contains("77 grants"), "{args:?}: {sent}");
    }
    let sandbox = Sandbox::new();
    let stream = sandbox.program(&["--demo", "-f", "-"]).run().succeeds();
    assert!(stream.stdout.starts_with(b"C1ZF"));
    assert!(stream.stderr.contains("77 grants"), "{}", stream.stderr);

    let json = sandbox.program(&["--demo", "--log-format", "json"]);
    let run = json.run().succeeds();
    let lines = run.json_lines();
    assert_eq!(lines.len(), 1, "{}", run.stderr);
    assert_eq!(lines[0]["message"], "snapshot written");
    assert_eq!(lines[0]["grants"], 77);

    // Only errors were asked for.
    for format in ["console", "json"] {
        let args = ["--demo", "--log-level", "error", "--log-format", format];
        sandbox.program(&args).run().succeeds_silently();
    }
}

#[test]
fn two_runs_give_the_same_rows_to_the_byte_but_for_the_run_itself() {
    let (first, first_inventory, first_digest) = demo(&["sync", "--demo"]);
    let (second, second_inventory, second_digest) = demo(&["sync", "--demo=first"]);
    assert_eq!(first_inventory, second_inventory);
    assert_eq!(first_digest, second_digest);
    for (table, columns) in [
        ("v1_resource_types", "id, external_id, data"),
        (
            "v1_resources",
            "id, resource_type_id, external_id, parent_resource_type_id, parent_resource_id, data",
        ),
        (
            "v1_entitlements",
            "id, resource_type_id, resource_id, external_id, data",
        ),
        (
            "v1_grants",
            "id, resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
             principal_resource_id, external_id, expansion, needs_expansion, data",
        ),
        ("v1_assets", "id, external_id, content_type"),
        ("v1_connector_sessions", "id, key, value"),
        (
            "v1_sync_runs",
            "id, sync_token, sync_type, parent_sync_id, linked_sync_id, supports_diff, grants_backfilled, stats, \
             ingest_invariant_generation, ingest_invariant_coverage, ingest_invariant_mode",
        ),
    ] {
        let sql = format!("select {columns} from {table} order by rowid");
        assert_eq!(first.rows(&sql), second.rows(&sql), "{table}");
        // The columns above and those of the run are all there are.
        let of_the_run = match table {
            "v1_connector_sessions" => 1,
            "v1_sync_runs" => 3,
            "v1_assets" => 3,
            _ => 2,
        };
        let all = first.number(&format!(
            "select count(*) from pragma_table_info('{table}')"
        ));
        assert_eq!(
            columns.split(',').count() as i64 + of_the_run,
            all,
            "{table}"
        );
    }
}

#[test]
fn a_week_later_access_has_changed_and_the_digest_says_so() {
    let (_, first, first_digest) = demo(&["sync", "--demo"]);
    let (_, later, later_digest) = demo(&["sync", "--demo=later"]);
    assert_ne!(first_digest, later_digest);
    assert_ne!(first.grants(), later.grants());
    assert_eq!(first.resource_types(), later.resource_types());
}

#[test]
fn demo_and_a_real_organization_exclude_each_other() {
    for args in [
        &[
            "--demo",
            "--base-url",
            "https://eu.posthog.com/api/organizations/x",
        ][..],
        &["sync", "--demo", "--api-token", "phx_x"],
        &["sync", "--demo=sometimes"],
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.program(args).run();
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert_eq!(sandbox.files(), [""; 0]);
    }
}
