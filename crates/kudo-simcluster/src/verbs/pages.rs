//! Lists of a version that is past: further pages, and exact versions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Target;
use crate::go_json;
use crate::http::Call;
use crate::http::status::Refusal;
use crate::store::{Entry, Key, Snapshot};

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// Where a list goes on.
#[derive(Clone, Debug)]
pub(super) struct Place {
    version: u64,
    after: Key,
}

impl Place {
    /// Reads the `continue` of a request.
    pub(super) fn read(token: &str) -> Result<Self, Refusal> {
        let bad = |problem: &str| {
            let problem = format!("invalid continue token: continue key is not valid: {problem}");
            Refusal::bad_request(problem)
        };
        let text = URL_SAFE_NO_PAD.decode(token.trim_end_matches('='));
        let text = text.map_err(|_| bad("illegal base64 data at input byte 0"))?;
        if let Some(fault) = go_json::fault(&text) {
            return Err(bad(&fault));
        }
        let token: Value = serde_json::from_slice(&text).unwrap_or_default();
        if token["v"] != TOKEN_VERSION {
            return Err(bad(
                "server does not recognize this encoded version \"\" or none",
            ));
        }
        let version = token["rv"].as_u64().filter(|version| *version > 0);
        let version = version.ok_or_else(|| bad("incorrect encoded start resourceVersion"))?;
        let start = token["start"].as_str().unwrap_or_default();
        let place = start.trim_end_matches('\0').split_once('/');
        let (namespace, name) = place.ok_or_else(|| bad("encoded start key empty"))?;
        let after = (namespace.into(), name.into());
        Ok(Self { version, after })
    }

    /// The token of what follows an object in a list of a version.
    pub(super) fn token(version: u64, last: &Entry) -> String {
        let token = json!({
            "v": TOKEN_VERSION, "rv": version,
            "start": format!("{}/{}\u{0}", last.namespace, last.name),
        });
        URL_SAFE_NO_PAD.encode(token.to_string())
    }
}

impl Call {
    /// The objects of a list in the version that the request means.
    pub(super) fn snapshot(
        &self,
        target: &Target,
        limit: usize,
        place: Option<&Place>,
    ) -> Result<Snapshot, Refusal> {
        let store = &self.server.store;
        let at =
            |version, after| store.list_at(target.storage(), target.namespace(), after, version);
        if let Some(place) = place {
            return at(place.version, Some(&place.after)).ok_or_else(|| {
                let problem = "The provided continue parameter is too old to display a consistent \
                               list result. You must start a new list without the continue parameter.";
                Refusal::expired(problem)
            });
        }
        match self.exact_version(limit) {
            None => Ok(store.list(target.storage(), target.namespace(), None)),
            Some(version) => at(version, None).ok_or_else(|| {
                Refusal::expired("The resourceVersion for the provided list is too old.")
            }),
        }
    }

    /// The version that a list must be of. One that names a limit and no rule means its version
    /// exactly.
    fn exact_version(&self, limit: usize) -> Option<u64> {
        let version = self.query.get("resourceVersion")?.parse().ok()?;
        let is_exact = match self.query.get("resourceVersionMatch") {
            Some(rule) => rule == "Exact",
            None => limit > 0,
        };
        (is_exact && version > 0).then_some(version)
    }
}
