//! Compares the rows of two snapshots, kind by kind.
//!
//! It does not know files: it accesses rows and the objects they refer to through [`ComparedRow`] and [`Names`].
//!
//! ```text
//! rows of both sides ─► merge ─► record differs? ─► facts compared ─► classified
//!                      merge.rs      walk.rs           fields.rs       classify.rs
//! ```

use serde_json::Value;

use super::classify::{Classifier, GrantDetails};
use super::fields::{Facts, FieldFilter, compare};
use super::merge::{Step, merge};
use crate::model::{
    Change, Entitlement, EntitlementId, FieldChange, Grant, Party, Person, Resource, ResourceId,
    ResourceType, Text, kept_text,
};

/// A row of one side. Equal rows are the same byte for byte.
pub trait ComparedRow: PartialEq {
    /// The type of the model that it decodes to.
    type Model;
    /// The error when it cannot be read.
    type Error;

    /// Its id, by which rows are ordered and paired.
    fn id(&self) -> &str;

    /// Appends its record for the content digest. Rows with equal records are the same except for noise.
    fn push_record(&self, out: &mut Vec<u8>);

    /// A short text that is different for every record.
    fn fingerprint(&self) -> String;

    /// The facts about its object.
    fn facts(&self) -> Facts;

    /// Decodes the row to the model.
    ///
    /// # Errors
    /// When it cannot be read.
    fn decode(&self) -> Result<Self::Model, Self::Error>;
}

/// A row of a grant.
pub trait ComparedGrant: ComparedRow<Model = Grant> {
    /// The entitlement's resource.
    fn resource(&self) -> &ResourceId;
}

/// Looks up what the rows of one side refer to.
pub trait Names {
    /// The error when a lookup fails.
    type Error;

    /// Whether a resource is a role, by its type.
    fn is_role(&self, resource: &ResourceId) -> bool;

    /// The resource as the party of a change.
    ///
    /// # Errors
    /// When it cannot be looked up.
    fn party(&mut self, resource: &ResourceId) -> Result<Party, Self::Error>;

    /// An entitlement's short name.
    ///
    /// # Errors
    /// When it cannot be looked up.
    fn entitlement(&mut self, entitlement: &EntitlementId) -> Result<Text, Self::Error>;
}

/// Whether roles are compared. If one side did not read them, their absence there means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolesCompared {
    /// Both sides read them.
    Yes,
    /// At least one side did not.
    No,
}

/// Compares the rows of two sides. Rows are equal if their records are, so without filters there are no differences
/// exactly when the digests are equal. The methods must be called in order: the changes of grants depend on those of
/// their principals.
pub struct Walk<'f, N> {
    classifier: Classifier,
    fields: &'f FieldFilter,
    roles: RolesCompared,
    old: N,
    new: N,
    old_record: Vec<u8>,
    new_record: Vec<u8>,
}

impl<'f, N: Names> Walk<'f, N> {
    /// Creates a walk that looks up names in `old` and `new`. `knows_members` says whether both sides have a member
    /// list.
    pub fn new(
        old: N,
        new: N,
        fields: &'f FieldFilter,
        roles: RolesCompared,
        knows_members: bool,
    ) -> Self {
        Self {
            classifier: Classifier::new(knows_members),
            fields,
            roles,
            old,
            new,
            old_record: Vec::new(),
            new_record: Vec::new(),
        }
    }

    /// Compares all resource types.
    ///
    /// # Errors
    /// The first error of either side.
    pub fn resource_types<R>(
        &mut self,
        old: impl IntoIterator<Item = Result<R, N::Error>>,
        new: impl IntoIterator<Item = Result<R, N::Error>>,
    ) -> Result<(), N::Error>
    where
        R: ComparedRow<Model = ResourceType, Error = N::Error>,
    {
        let is_of_roles = |_: &Self, _: &R| Ok(false);
        self.rows(old, new, is_of_roles, |walk, step, fields| {
            let step = step.try_map(|row| row.decode())?;
            walk.classifier.resource_type(step.as_ref(), fields);
            Ok(())
        })
    }

    /// Compares all resources.
    ///
    /// # Errors
    /// The first error of either side.
    pub fn resources<R>(
        &mut self,
        old: impl IntoIterator<Item = Result<R, N::Error>>,
        new: impl IntoIterator<Item = Result<R, N::Error>>,
    ) -> Result<(), N::Error>
    where
        R: ComparedRow<Model = Resource, Error = N::Error>,
    {
        let is_of_roles = |walk: &Self, row: &R| {
            let resource = row.decode()?;
            let is_holder = || Person::of(&resource).is_some_and(|person| !person.is_listed());
            Ok(walk.is_role(&resource.id) || is_holder())
        };
        self.rows(old, new, is_of_roles, |walk, step, fields| {
            let step = step.try_map(|row| row.decode())?;
            let is_role = walk.is_role(&step.newest().id);
            walk.classifier.resource(step.as_ref(), is_role, fields);
            Ok(())
        })
    }

    /// Compares all entitlements.
    ///
    /// # Errors
    /// The first error of either side.
    pub fn entitlements<R>(
        &mut self,
        old: impl IntoIterator<Item = Result<R, N::Error>>,
        new: impl IntoIterator<Item = Result<R, N::Error>>,
    ) -> Result<(), N::Error>
    where
        R: ComparedRow<Model = Entitlement, Error = N::Error>,
    {
        let is_of_roles = |walk: &Self, row: &R| Ok(walk.is_role(&row.decode()?.resource));
        self.rows(old, new, is_of_roles, |walk, step, fields| {
            let step = step.try_map(|row| row.decode())?;
            let on = walk.names(&step).party(&step.newest().resource)?;
            walk.classifier.entitlement(on, step.as_ref(), fields);
            Ok(())
        })
    }

    /// Compares all grants.
    ///
    /// # Errors
    /// The first error of either side.
    pub fn grants<R>(
        &mut self,
        old: impl IntoIterator<Item = Result<R, N::Error>>,
        new: impl IntoIterator<Item = Result<R, N::Error>>,
    ) -> Result<(), N::Error>
    where
        R: ComparedGrant<Error = N::Error>,
    {
        let is_of_roles = |walk: &Self, row: &R| Ok(walk.is_role(row.resource()));
        self.rows(old, new, is_of_roles, |walk, step, fields| {
            let row = step.newest();
            let grant = row.decode()?;
            let names = walk.names(&step);
            let details = GrantDetails {
                joined_at: grant.joined_at,
                membership_id: grant.membership_id,
                id: row.id().to_owned(),
                principal: names.party(&grant.principal)?,
                on: names.party(row.resource())?,
                entitlement: kept_text(&names.entitlement(&grant.entitlement)?),
            };
            walk.classifier.grant(step.action(), details, fields);
            Ok(())
        })
    }

    /// Returns all changes, in the order of a report.
    pub fn finish(self) -> Vec<Change> {
        self.classifier.finish()
    }

    /// Compares all rows of one kind and classifies the differences. `is_of_roles` says whether a row is a role, refers
    /// to one, or is a person known only as the holder of one. If roles are not compared, such a row may be missing
    /// from the other side.
    fn rows<R: ComparedRow<Error = N::Error>>(
        &mut self,
        old: impl IntoIterator<Item = Result<R, N::Error>>,
        new: impl IntoIterator<Item = Result<R, N::Error>>,
        is_of_roles: impl Fn(&Self, &R) -> Result<bool, N::Error>,
        classify: impl Fn(&mut Self, Step<R>, Vec<FieldChange>) -> Result<(), N::Error>,
    ) -> Result<(), N::Error> {
        merge(
            old,
            new,
            |a, b| a.id().cmp(b.id()),
            |step| {
                let fields = match &step {
                    Step::Old(row) | Step::New(row) => {
                        if self.roles == RolesCompared::No && is_of_roles(self, row)? {
                            return Ok(());
                        }
                        Vec::new()
                    }
                    Step::Both(old, new) => {
                        let fields = self.differences(old, new);
                        if fields.is_empty() {
                            return Ok(());
                        }
                        fields
                    }
                };
                classify(self, step, fields)
            },
        )
    }

    /// The fields that differ between two versions of an object.
    fn differences<R: ComparedRow>(&mut self, old: &R, new: &R) -> Vec<FieldChange> {
        if old == new {
            return Vec::new();
        }
        self.old_record.clear();
        old.push_record(&mut self.old_record);
        self.new_record.clear();
        new.push_record(&mut self.new_record);
        let differs = self.old_record != self.new_record;
        if !differs && !self.fields.wants_noise() {
            return Vec::new();
        }
        let mut fields = compare(&old.facts(), &new.facts(), differs, self.fields);
        for other in fields
            .iter_mut()
            .filter(|change| change.field == FieldChange::OTHER_FIELDS)
        {
            other.old = Some(Value::from(old.fingerprint()));
            other.new = Some(Value::from(new.fingerprint()));
        }
        fields
    }

    fn is_role(&self, resource: &ResourceId) -> bool {
        self.old.is_role(resource) || self.new.is_role(resource)
    }

    /// The names on the side of the newest version of an object.
    fn names<T>(&mut self, step: &Step<T>) -> &mut N {
        match step {
            Step::Old(_) => &mut self.old,
            Step::New(_) | Step::Both(..) => &mut self.new,
        }
    }
}
