//! The KUDO template renderer: Go text/template with Sprig, Handlebars, and rendered text to objects.
//!
//! Second stage of the pipeline: an operator's templates and the values of one instance become
//! text, and the text becomes objects. Everything here is pure: no cluster, no environment, no
//! network. Each render is bounded by [`Limits`], so that a hostile template gives an error.
//!
//! ```
//! use kudo_template::{Limits, Renderer, Values};
//!
//! let renderer = Renderer::new(Limits::default());
//! let values = Values { name: "inst".into(), ..Values::default() };
//! let text = renderer.render("service.yaml", "name: {{ .Name | upper }}-hs", &values)?;
//! assert_eq!(text, "name: INST-hs");
//! # Ok::<(), kudo_template::RenderError>(())
//! ```

mod budget;
mod cache;
mod format;
mod functions;
mod go;
mod handlebars;
mod references;
mod value;

pub mod error;
pub mod excerpt;
pub mod limits;
pub mod objects;
pub mod pipe_pod;
pub mod pipes;
pub mod renderer;
pub mod task;
pub mod values;
pub mod verify;

pub use error::{RenderError, RenderErrorKind};
pub use excerpt::Excerpt;
pub use limits::Limits;
pub use objects::{ObjectError, objects};
pub use renderer::Renderer;
pub use task::{
    Action, InstanceIdentity, PipeArtifact, RenderTaskError, RenderedStep, RenderedTask,
    RenderedTemplate, StepAddress, render_namespace, render_plan, render_plan_with_pipes,
    render_task, render_task_with_pipes, step_values,
};
pub use values::Values;
