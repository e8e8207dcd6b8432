//! Tests across modules: properties of the messages of whole files.

mod facts;
mod shortcuts;

use std::cmp::Reverse;
use std::path::Path;

use prost::encoding::{WireType, encode_key, encode_varint};

use super::message::descriptors::{self, Descriptor, Form, Kind};
use super::message::{Payload, canonical, walk};
use super::read::{Filter, ReadOptions, Readable, Snapshot};
use super::table::descriptor;
use crate::model::{Entitlement, Grant, Resource, ResourceType, SyncId};

/// The same message with its fields, and the entries of its maps, reversed on every level.
fn reversed(descriptor: &'static Descriptor, message: &[u8]) -> Vec<u8> {
    let mut all: Vec<_> = walk(message).map(Result::unwrap).collect();
    all.sort_by_key(|raw| Reverse(raw.number));
    let contents = all.iter().find_map(|raw| match raw.payload {
        Payload::Bytes(url) if raw.number == 1 => descriptors::by_type_url(url),
        _ => None,
    });
    let mut out = Vec::new();
    for same in all.chunk_by_mut(|a, b| a.number == b.number) {
        let number = same[0].number;
        let kind = descriptor.field(number).map(|field| field.kind);
        if matches!(kind, Some(Kind::Map(..))) {
            same.reverse();
        }
        for raw in same {
            let (Payload::Bytes(bytes), false) = (raw.payload, kind.is_none()) else {
                out.extend_from_slice(raw.encoded);
                continue;
            };
            let inner = match kind {
                Some(Kind::Message(inner) | Kind::Embedded(inner, _)) => reversed(inner, bytes),
                _ if number == 2 && descriptor.form == Form::Any => {
                    contents.map_or_else(|| bytes.to_vec(), |inner| reversed(inner, bytes))
                }
                _ => bytes.to_vec(),
            };
            push_bytes(number, &inner, &mut out);
        }
    }
    out
}

fn push_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[test]
fn order_of_fields_and_map_entries_does_not_count() {
    let path = Path::new("testdata/snapshots/small.c1z");
    let snapshot = Snapshot::open(path, &ReadOptions::default()).unwrap();
    let sync = snapshot.sync_run(None).unwrap().id;
    order_does_not_count::<ResourceType>(&snapshot, &sync);
    order_does_not_count::<Resource>(&snapshot, &sync);
    order_does_not_count::<Entitlement>(&snapshot, &sync);
    order_does_not_count::<Grant>(&snapshot, &sync);
}

fn order_does_not_count<K: Readable>(snapshot: &Snapshot, sync: &SyncId) {
    for row in snapshot.rows::<K>(sync, Filter::EVERYTHING).unwrap() {
        let row = row.unwrap();
        let other = reversed(descriptor(K::KIND), &row.data);
        assert_ne!(*row.data, *other, "{}", row.id);
        let of = |message: &[u8]| {
            let mut out = Vec::new();
            canonical(descriptor(K::KIND), message, &[], &mut out).unwrap();
            out
        };
        assert_eq!(of(&row.data), of(&other), "{}", row.id);
    }
}
