//! The references that a blob repeats from its row's columns, and the types of a grant's annotations. Readers and the
//! content digest use the columns. A blob that contradicts them is damage, since other readers use the blob.

use crate::model::{ResourceId, RowKind};
use crate::snapshot::error::shortened;
use crate::snapshot::message::{Malformed, Payload, walk};
use crate::snapshot::table::{
    AnyColumns, EntitlementColumns, GrantColumns, Kind, ResourceColumns, Row,
};

/// A contradiction between a blob and the columns of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The reference concerned, such as "its principal".
    what: &'static str,
    in_blob: String,
    in_columns: String,
}

impl Mismatch {
    /// Describes it, without naming the row.
    pub(super) fn sentence(&self) -> String {
        let Self {
            what,
            in_blob,
            in_columns,
        } = self;
        format!(
            "{what} is `{}` in the blob and `{}` in the columns",
            shortened(in_blob.as_bytes()).escape_debug(),
            shortened(in_columns.as_bytes()).escape_debug()
        )
    }
}

/// Type and bare id of a resource in a blob.
#[derive(Clone, Copy, Default)]
struct Id<'a> {
    resource_type: &'a [u8],
    resource: &'a [u8],
}

impl Id<'_> {
    fn is(&self, id: &ResourceId) -> bool {
        self.resource_type == id.resource_type.as_str().as_bytes()
            && self.resource == id.resource.as_bytes()
    }

    fn text(&self) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        format!("{}:{}", text(self.resource_type), text(self.resource))
    }
}

/// The references in a blob; `None` where it omits them.
#[derive(Default)]
struct References<'a> {
    /// The row's own id, except for a resource, whose id is in `resource`.
    id: Option<&'a [u8]>,
    /// A resource's own id; the resource of an entitlement, or of a grant's entitlement.
    resource: Option<Id<'a>>,
    parent: Option<Id<'a>>,
    entitlement: Option<&'a [u8]>,
    principal: Option<Id<'a>>,
}

impl<'a> References<'a> {
    fn of<K: Kind>(row: &'a Row<'_, K>) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let data = &*row.data;
        match K::KIND {
            RowKind::ResourceType => each(data, |number, bytes| {
                if number == 1 {
                    found.id = Some(bytes);
                }
                Ok(())
            }),
            RowKind::Resource => each(data, |number, bytes| match number {
                1 => merge_id(&mut found.resource, bytes),
                2 => merge_id(&mut found.parent, bytes),
                _ => Ok(()),
            }),
            RowKind::Entitlement => each(data, |number, bytes| match number {
                1 => merge_resource(&mut found.resource, bytes),
                2 => {
                    found.id = Some(bytes);
                    Ok(())
                }
                _ => Ok(()),
            }),
            RowKind::Grant => each(data, |number, bytes| match number {
                1 => {
                    found.entitlement.get_or_insert_default();
                    each(bytes, |number, bytes| match number {
                        1 => merge_resource(&mut found.resource, bytes),
                        2 => {
                            found.entitlement = Some(bytes);
                            Ok(())
                        }
                        _ => Ok(()),
                    })
                }
                2 => merge_resource(&mut found.principal, bytes),
                3 => {
                    found.id = Some(bytes);
                    Ok(())
                }
                _ => Ok(()),
            }),
        }?;
        Ok(found)
    }
}

/// Calls `visit` with the number and bytes of every length-delimited field.
fn each<'a>(
    message: &'a [u8],
    mut visit: impl FnMut(u32, &'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for raw in walk(message) {
        let raw = raw?;
        if let Payload::Bytes(bytes) = raw.payload {
            visit(raw.number, bytes)?;
        }
    }
    Ok(())
}

/// Merges one occurrence of a ResourceId; the last occurrence of a field counts.
fn merge_id<'a>(id: &mut Option<Id<'a>>, message: &'a [u8]) -> Result<(), Malformed> {
    let id = id.get_or_insert_default();
    each(message, |number, bytes| {
        match number {
            1 => id.resource_type = bytes,
            2 => id.resource = bytes,
            _ => {}
        }
        Ok(())
    })
}

/// Merges the id in one occurrence of a Resource.
fn merge_resource<'a>(id: &mut Option<Id<'a>>, message: &'a [u8]) -> Result<(), Malformed> {
    each(message, |number, bytes| match number {
        1 => merge_id(id, bytes),
        _ => Ok(()),
    })
}

/// Whether a grant has an annotation of one of these types of `c1.connector.v2`. A malformed blob has none.
pub(in crate::snapshot) fn is_annotated(grant: &[u8], types: &[&str]) -> bool {
    const ANNOTATIONS: u32 = 4;
    let mut is_found = false;
    let walked = each(grant, |number, annotation| {
        if number != ANNOTATIONS {
            return Ok(());
        }
        let mut type_url: &[u8] = &[];
        each(annotation, |number, bytes| {
            if number == 1 {
                type_url = bytes;
            }
            Ok(())
        })?;
        let name = type_url.rsplit(|byte| *byte == b'/').next();
        let name = name.and_then(|name| name.strip_prefix(b"c1.connector.v2."));
        is_found |= name.is_some_and(|name| types.iter().any(|own| own.as_bytes() == name));
        Ok(())
    });
    walked.is_ok() && is_found
}

/// The references that a row's blob omits although every writer repeats them there.
pub(in crate::snapshot) fn omissions<K: Kind>(row: &Row<'_, K>) -> Vec<&'static str> {
    let mut found = Vec::new();
    let Ok(blob) = References::of(row) else {
        return found;
    };
    let has_id = match K::KIND {
        RowKind::Resource => blob.resource.is_some(),
        _ => blob.id.is_some(),
    };
    if !has_id {
        found.push("its id");
    }
    if let AnyColumns::Resource(ResourceColumns {
        parent: Some(_), ..
    }) = row.any_columns()
        && blob.parent.is_none()
    {
        found.push("its parent");
    }
    found
}

/// The comparison of a row's blob with its columns.
#[derive(Default)]
pub(super) struct Comparison {
    /// All contradictions.
    pub mismatches: Vec<Mismatch>,
    /// Whether a grant's blob omits the resource of its entitlement, so that nothing in the row confirms that column.
    pub omits_resource: bool,
}

/// Compares a row's blob with its columns. Omitted references and malformed blobs are not contradictions.
pub(super) fn compare<K: Kind>(row: &Row<'_, K>) -> Comparison {
    let Ok(blob) = References::of(row) else {
        return Comparison::default();
    };
    let mut found = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut push = |what, in_blob: String, in_columns: String| {
        found.push(Mismatch {
            what,
            in_blob,
            in_columns,
        });
    };
    if let Some(id) = blob.id.filter(|id| *id != row.id.as_bytes()) {
        push("its id", text(id), row.id.to_string());
    }
    let mut compare = |what, in_blob: Option<Id<'_>>, in_columns: &ResourceId| {
        if let Some(id) = in_blob.filter(|id| !id.is(in_columns)) {
            push(what, id.text(), in_columns.to_string());
        }
    };
    match row.any_columns() {
        AnyColumns::ResourceType => {}
        AnyColumns::Resource(ResourceColumns { id, parent }) => {
            compare("its id", blob.resource, id);
            match (blob.parent, parent) {
                (Some(_), Some(parent)) => compare("its parent", blob.parent, parent),
                (Some(in_blob), None) => push("its parent", in_blob.text(), String::new()),
                (None, _) => {}
            }
        }
        AnyColumns::Entitlement(EntitlementColumns { resource }) => {
            compare("its resource", blob.resource, resource);
        }
        AnyColumns::Grant(GrantColumns {
            resource,
            entitlement,
            principal,
            ..
        }) => {
            compare("its entitlement's resource", blob.resource, resource);
            compare("its principal", blob.principal, principal);
            let in_columns = entitlement.as_str();
            if let Some(id) = blob.entitlement.filter(|id| *id != in_columns.as_bytes()) {
                push("its entitlement", text(id), in_columns.to_owned());
            }
        }
    }
    Comparison {
        mismatches: found,
        omits_resource: K::KIND == RowKind::Grant && blob.resource.is_none(),
    }
}
