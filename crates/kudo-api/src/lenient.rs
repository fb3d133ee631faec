//! Decoding as Go decodes: `null` is the same as an absent field.
//!
//! Upstream wrote `null` for empty lists and maps, and hand-written resources have it too.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Reads a value, or its default where the document says `null`.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a map of strings whose values, and the map itself, may be `null`.
pub(crate) fn string_map<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let map = Option::<BTreeMap<String, Option<String>>>::deserialize(deserializer)?;
    Ok(map
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect())
}

/// Whether a value is its type's default, and so need not be written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Lets the `spec` of a resource be absent or `null`, which then is the default.
///
/// A derived root type demands its `spec`; serde asks the type of a missing field only whether it
/// would do with nothing, which this answers with yes. The type derives with
/// `#[serde(remote = "Self")]`.
macro_rules! optional_spec {
    ($spec:ident) => {
        impl<'de> serde::Deserialize<'de> for $spec {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Given($spec);
                impl<'de> serde::Deserialize<'de> for Given {
                    fn deserialize<D: serde::Deserializer<'de>>(
                        deserializer: D,
                    ) -> Result<Self, D::Error> {
                        $spec::deserialize(deserializer).map(Given)
                    }
                }
                let given = Option::<Given>::deserialize(deserializer)?;
                Ok(given.map_or_else($spec::default, |Given(spec)| spec))
            }
        }

        impl serde::Serialize for $spec {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $spec::serialize(self, serializer)
            }
        }
    };
}
pub(crate) use optional_spec;
