//! Tables, as `kubectl get` asks for them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::Shown;

mod age;
mod cells;
mod columns;
mod events;
mod json_path;
mod network;
mod nodes;
mod pods;
mod storage;
mod workloads;

pub(crate) use age::age;

/// What a row shows of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    Metadata,
    Object,
}

/// A table of objects.
pub(crate) fn table(
    shown: &Shown,
    objects: &[Value],
    metadata: &Value,
    include: Include,
    now: Timestamp,
) -> Value {
    let columns = columns::of(shown);
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = columns
                .iter()
                .map(|column| column.cell(object, now))
                .collect();
            let object = match include {
                Include::None => Value::Null,
                Include::Metadata => crate::verbs::partial(object),
                Include::Object => object.clone(),
            };
            json!({ "cells": cells, "object": object })
        })
        .collect();
    let definitions: Vec<Value> = columns.iter().map(columns::Column::definition).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}
