//! Who owns the replicas of an object, seen through its scale subresource and written back from there.

use serde_json::Value;

use super::entries::{self, Entry};
use super::set::FieldSet;

/// The replicas of a scale.
const REPLICAS: &str = "/spec/replicas";

/// The owners of an object's replicas as a scale shows them; `path` is where the object has them.
pub(crate) fn of_scale(object: &Value, path: &str) -> Value {
    let path = elements(path);
    let owners = entries::read(object).unwrap_or_default().into_iter();
    let owners = owners.filter(|entry| entry.set.contains(&path));
    let mut scale = Value::Object(serde_json::Map::new());
    let shown = |entry| Entry {
        set: replicas(&elements(REPLICAS)),
        ..entry
    };
    entries::write(&mut scale, owners.map(shown).collect());
    scale["metadata"]["managedFields"].take()
}

/// Takes over into an object who owns its replicas after a write of its scale. `version` is the
/// object's own, in which owners that are new there are noted.
pub(crate) fn to_parent(object: &mut Value, scale: &Value, path: &str, version: &str) {
    let path = elements(path);
    let mut owners = entries::read(scale).unwrap_or_default();
    owners.retain(|entry| entry.set.contains(&elements(REPLICAS)));
    let mut entries = entries::read(object).unwrap_or_default();
    for entry in entries.iter_mut().filter(|entry| entry.set.contains(&path)) {
        match owners.iter().position(|owner| owner.is(entry)) {
            Some(index) => entry.time = owners.remove(index).time,
            None => entry.set = entry.set.difference(&replicas(&path)),
        }
    }
    entries.extend(owners.into_iter().map(|owner| Entry {
        version: version.to_owned(),
        set: replicas(&path),
        ..owner
    }));
    entries::write(object, entries);
}

/// The elements of a JSON pointer through fields.
fn elements(pointer: &str) -> Vec<String> {
    let names = pointer.split('/').skip(1);
    names.map(|name| format!("f:{name}")).collect()
}

fn replicas(path: &[String]) -> FieldSet {
    let mut set = FieldSet::default();
    set.insert(path);
    set
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{of_scale, to_parent};

    fn entry(manager: &str, operation: &str, subresource: &str, fields: &Value) -> Value {
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if !subresource.is_empty() {
            entry["subresource"] = subresource.into();
        }
        entry
    }

    #[test]
    fn the_owner_of_a_scale_owns_the_replicas_of_its_object() {
        let replicas = json!({ "f:spec": { "f:replicas": {} } });
        let more = json!({ "f:spec": { "f:paused": {}, "f:replicas": {} } });
        let mut object = json!({ "metadata": { "managedFields": [
            entry("maker", "Update", "", &more),
            entry("other", "Update", "", &json!({ "f:spec": { "f:paused": {} } })),
        ] } });
        let owners = of_scale(&object, "/spec/replicas");
        assert_eq!(owners, json!([entry("maker", "Update", "", &replicas)]));

        let mut taken = entry("scaler", "Apply", "scale", &replicas);
        taken["apiVersion"] = "autoscaling/v1".into();
        let scale = json!({ "metadata": { "managedFields": [taken] } });
        to_parent(&mut object, &scale, "/spec/replicas", "apps/v1");
        let paused = json!({ "f:spec": { "f:paused": {} } });
        let expected = json!([
            entry("scaler", "Apply", "scale", &replicas),
            entry("maker", "Update", "", &paused),
            entry("other", "Update", "", &paused),
        ]);
        assert_eq!(object["metadata"]["managedFields"], expected);
    }
}
