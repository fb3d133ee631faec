//! Where packages come from: directories, archives, URLs and repositories.
//!
//! The adapter beside `kudo_package`, which knows what a package and an index are but reads no
//! network. A [`Resolver`] turns a package argument into a [`Resolved`] package together with the
//! [`Base`] from which *its* dependencies resolve; [`Home`] keeps the list of repositories; a
//! [`Fetcher`] gets files, with bounds on their size and on the time they may take.
//!
//! All of it blocks. Async callers with something else to do put it on a thread of its own.
//!
//! ```no_run
//! use kudo_repository::{Base, Fetcher, Limits, RepositoryChoice, Request, Resolver};
//!
//! let resolver = Resolver::new(Fetcher::new(Limits::default()), RepositoryChoice::Current(None));
//! let parent = resolver.resolve(&Request::of("./parent"), &Base::here())?;
//! // `package: ../child` in the parent's operator.yaml:
//! let child = resolver.resolve(&Request::of("../child"), &parent.base)?;
//! assert_eq!(child.package.definition.operator_name, "child");
//! # Ok::<(), kudo_repository::ResolveError>(())
//! ```

mod base;
mod error;
mod fetch;
mod home;
mod place;
mod remote;
mod replace;
mod resolver;

pub use base::Base;
pub use error::ResolveError;
pub use fetch::{FetchError, FetchProblem, Fetcher, Limits};
pub use home::{Home, HomeError};
pub use place::{NotAPlace, Place};
pub use remote::{Remote, index_directory};
pub use replace::replace_file;
pub use resolver::{RepositoryChoice, Request, Resolved, Resolver};
