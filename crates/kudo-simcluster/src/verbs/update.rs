//! PUT of an object or of one of its parts.

use http::Response;

use super::write::Failed;
use super::{Target, body, options};
use crate::field_error::{FieldError, invalid_status};
use crate::http::Call;
use crate::http::answer::Body;
use crate::http::status::Refusal;

/// How often a write that names no version is tried on newer ones.
pub(super) const ATTEMPTS: usize = 16;

impl Call {
    pub(super) async fn update(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let options = options::write_options(self, "UpdateOptions", false)?;
        let object = body::object(self, target, options.fields)?;
        let version = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        let conditional = !version.is_empty() && version != "0";
        for _ in 0..ATTEMPTS {
            let store = &self.server.store;
            let Some(before) = store.get(target.storage(), target.namespace(), target.name())
            else {
                if target.shown.kind.strategy.create_on_update && target.path.subresource.is_empty()
                {
                    let mut object = object.clone();
                    if let Some(metadata) = object["metadata"].as_object_mut() {
                        metadata.remove("resourceVersion");
                    }
                    let created = self.insert(target, object, &options, false).await?;
                    return Ok(self.represent(target, 201, &created));
                }
                return Err(target.not_found());
            };
            let kind = &target.shown.kind;
            if !conditional && (kind.is_custom() || kind.strategy.versioned) {
                let detail = "must be specified for an update";
                let error = FieldError::invalid_shown("metadata.resourceVersion", "0x0", detail);
                let named = target.shown.named();
                let status = invalid_status(named.group, named.plural, target.name(), &[error]);
                return Err(Refusal::whole(status));
            }
            match self
                .replace(target, &before, object.clone(), &options, false)
                .await
            {
                Ok(written) => return Ok(self.represent(target, 200, &written)),
                Err(Failed::Refused(refusal)) => return Err(refusal),
                Err(Failed::Stale) if conditional => break,
                Err(Failed::Stale) => {}
            }
        }
        Err(Refusal::stale(target.shown.named(), target.name()))
    }
}
