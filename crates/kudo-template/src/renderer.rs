//! The one renderer: chooses the engine by file name and keeps parsed templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::budget::Failure;
use crate::cache::{Cache, Parsed};
use crate::error::{RenderError, RenderErrorKind, Unparsed};
use crate::functions::Context;
use crate::limits::Limits;
use crate::references::References;
use crate::value::{Numbers, Value, from_json, lossy};
use crate::values::Values;
use crate::{go, handlebars};

/// Renders templates: Handlebars if the file name ends in `.hbs`, otherwise Go text/template.
///
/// Cloning is cheap, clones share one bounded cache of parsed templates.
#[derive(Debug, Clone, Default)]
pub struct Renderer {
    limits: Limits,
    cache: Arc<Cache>,
}

impl Renderer {
    /// Makes a renderer whose renders keep to `limits`.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            cache: Arc::default(),
        }
    }

    /// The bounds of each render.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Renders one template. `name` is its file name; it chooses the engine and stands in errors.
    ///
    /// Text in the output that is not UTF-8, which only functions such as `b64dec` can make,
    /// becomes U+FFFD.
    pub fn render(&self, name: &str, text: &str, values: &Values) -> Result<String, RenderError> {
        self.render_with(name, text, |context| values.to_value(&context.budget))
    }

    /// Renders one template with any data as its root: what tests and tools other than KUDO's own
    /// need. Whole numbers are Go's `int`, others `float64`.
    pub fn render_data(&self, name: &str, text: &str, data: &Json) -> Result<String, RenderError> {
        self.render_with(name, text, |context| {
            from_json(&context.budget, data, Numbers::Typed)
        })
    }

    fn render_with(
        &self,
        name: &str,
        text: &str,
        data: impl FnOnce(&Context) -> Result<Value, Failure>,
    ) -> Result<String, RenderError> {
        let parsed = self
            .parsed(name, text)
            .map_err(|unparsed| unparsed.first())?;
        let context = Context::new(self.limits);
        let data = data(&context).map_err(|failure| whole_template(name, failure))?;
        let bytes = match parsed.as_ref() {
            Parsed::Go(template) => go::execute(template, &context, &data)?,
            Parsed::Handlebars(template) => handlebars::execute(template, &context, &data)?,
        };
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes()).into_owned()))
    }

    /// Parses a template, and keeps it for the next render.
    pub(crate) fn parsed(&self, name: &str, text: &str) -> Result<Arc<Parsed>, Box<Unparsed>> {
        if text.len() > self.limits.max_output_bytes {
            let message = format!(
                "template longer than {} bytes",
                self.limits.max_output_bytes
            );
            return Err(whole_template(name, Failure::Limit(message)).into());
        }
        self.cache.get_or_parse(name, text, || {
            if is_handlebars(name) {
                let parsed = handlebars::parse(name, text, self.limits.max_depth);
                Ok(Parsed::Handlebars(parsed?))
            } else {
                go::parse(name, text, self.limits.max_depth).map(Parsed::Go)
            }
        })
    }

    /// Those of these parameters that a template may use.
    pub(crate) fn used<'p>(
        &self,
        name: &str,
        text: &str,
        parameters: &'p BTreeMap<String, Json>,
    ) -> Vec<(&'p str, &'p Json)> {
        let Ok(parsed) = self.parsed(name, text) else {
            return Vec::new();
        };
        let references = References::of(&parsed);
        let all = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        all.filter(|(name, _)| references.may_use(name)).collect()
    }
}

/// Whether the file name says that the template is in Handlebars.
pub(crate) fn is_handlebars(name: &str) -> bool {
    name.strip_suffix(".hbs").is_some()
}

/// The error of something that has no place in the template.
fn whole_template(name: &str, failure: Failure) -> RenderError {
    let (kind, message) = match failure {
        Failure::Message(message) => (RenderErrorKind::Exec, message),
        Failure::Limit(message) => (RenderErrorKind::Limit, message),
    };
    RenderError {
        kind,
        template: name.to_owned(),
        line: 0,
        column: 0,
        expression: None,
        message,
        nearest: None,
    }
}
