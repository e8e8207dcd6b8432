//! The keys of profiles. They are frozen: ConductorOne's configuration refers to them, and a snapshot from last year must
//! be comparable with one from today.

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $key:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $key;)*

        /// All of them.
        pub const ALL: &[&str] = &[$($name),*];

        /// The same keys as names of `diff`'s fields, which also include values from outside the profile.
        pub mod in_profile {
            $($(#[$doc])* pub const $name: &str = concat!("profile.", $key);)*
        }
    };
}

keys! {
    /// A user's id, which C1's file import uses as the user's own.
    USER_ID = "user_id";
    /// A user's first name.
    FIRST_NAME = "first_name";
    /// A user's last name.
    LAST_NAME = "last_name";
    /// A user's e-mail address.
    EMAIL = "email";
    /// Whether PostHog has verified the address.
    EMAIL_VERIFIED = "email_verified";
    /// A user's number in PostHog.
    POSTHOG_USER_ID = "posthog_user_id";
    /// A user's id in PostHog's own analytics.
    DISTINCT_ID = "distinct_id";
    /// The job title that a user entered, which is not an access role.
    ROLE_AT_ORGANIZATION = "role_at_organization";
    /// The id of a membership: of a user in the organization, or of a grant.
    MEMBERSHIP_ID = "membership_id";
    /// The level of a user's seat.
    ORGANIZATION_LEVEL = "organization_level";
    /// The name of a user's seat.
    ORGANIZATION_ROLE = "organization_role";
    /// When a membership began: of a user in the organization, or of a grant.
    JOINED_AT = "joined_at";
    /// When a user's membership last changed.
    UPDATED_AT = "updated_at";
    /// When a user last logged in.
    LAST_LOGIN = "last_login";
    /// Whether a user has enabled 2FA.
    IS_2FA_ENABLED = "is_2fa_enabled";
    /// Whether a user has linked a social or SSO login.
    HAS_SOCIAL_AUTH = "has_social_auth";
    /// Whether a role holder is in the list of members; written only when not.
    LISTED_AS_MEMBER = "listed_as_member";
    /// Whether new members get a role automatically.
    IS_DEFAULT = "is_default";
    /// When a role was created.
    CREATED_AT = "created_at";
    /// The id of the user who created a role.
    CREATED_BY = "created_by";
    /// The e-mail address of the user who created a role.
    CREATED_BY_EMAIL = "created_by_email";
    /// A role's name, in the profiles of other connectors.
    ROLE_NAME = "role_name";
}

/// Keys that change every day although access does not. The content digest ignores them, and `diff` must ignore the same
/// ones, so that equal digests mean "no differences".
pub const NOISE: [&str; 2] = [LAST_LOGIN, UPDATED_AT];
