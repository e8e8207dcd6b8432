//! The organization's settings, domains, invitations and external references in words.

use crate::model::{Domain, Invitation, OrganizationSettings, RoleReference, Sent};

/// Returns a text that was sent; empty if it was not, or was null.
pub fn sent_text(sent: &Sent<String>) -> &str {
    sent.as_ref().and_then(Option::as_deref).unwrap_or_default()
}

/// Returns the login that people of a domain have to use; empty if that is not known.
pub fn sso_in_words(domain: &Domain) -> &str {
    match domain.enforces_sso() {
        Some(true) => sent_text(&domain.sso_enforcement),
        Some(false) => "not enforced",
        None => "",
    }
}

/// Returns whether an invitation can still be accepted; empty if that is not known.
pub fn invitation_state(invitation: &Invitation) -> &'static str {
    match invitation.is_expired.flatten() {
        Some(true) => "expired",
        Some(false) => "pending",
        None => "",
    }
}

/// Returns the group of another system that a role belongs to: its name, else its short name, else its id.
pub fn external_group(reference: &RoleReference) -> &str {
    let names = [
        &reference.provider_role_name,
        &reference.provider_role_slug,
        &reference.provider_role_id,
    ];
    let mut names = names.into_iter().map(sent_text);
    names.find(|name| !name.is_empty()).unwrap_or_default()
}

/// Returns the settings that are on or off, as far as the server sent them, and what they are set to.
pub fn settings_in_words(settings: &OrganizationSettings) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("every member must have 2FA", settings.enforce_2fa),
        (
            "members below administrator may invite people",
            settings.members_can_invite,
        ),
        (
            "members below administrator may use personal API keys",
            settings.members_can_use_personal_api_keys,
        ),
        (
            "members below administrator see the member list",
            settings.members_can_see_org_members,
        ),
        (
            "dashboards and the like may be shared publicly",
            settings.allow_publicly_shared_resources,
        ),
        (
            "members get an e-mail when somebody joins",
            settings.is_member_join_email_enabled,
        ),
    ];
    let sent = all.into_iter();
    sent.filter_map(|(what, value)| {
        Some((
            what,
            match value? {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not set",
            },
        ))
    })
    .collect()
}
