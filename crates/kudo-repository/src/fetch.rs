//! Getting files from places, with bounds on their size and on the time they may take.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::place::Place;

/// Redirects that are followed.
const MAX_REDIRECTS: u32 = 5;

/// Bounds on what is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a server may take to begin its answer.
    pub answer: Duration,
    /// How long an index may take in whole.
    pub index_body: Duration,
    /// How long a package archive may take in whole.
    pub package_body: Duration,
    /// Bytes of an index.
    pub index_bytes: u64,
    /// Bytes of a package archive.
    pub package_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            index_body: Duration::from_secs(30),
            package_body: Duration::from_mins(2),
            index_bytes: 16 << 20,
            package_bytes: 64 << 20,
        }
    }
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct FetchError {
    /// Where it should have come from.
    pub place: String,
    /// Why it did not.
    pub problem: FetchProblem,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum FetchProblem {
    /// There is nothing at the place.
    #[error("not found")]
    NotFound,
    /// A file of this machine cannot be read.
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    /// The server answers with something else than the file.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// The server cannot be reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The server did not do something in time.
    #[error("timed out after {}s {doing}", .after.as_secs())]
    TimedOut {
        /// What was waited for.
        doing: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The file is larger than it may be.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// The server sends to a place that is not gone to from there.
    #[error("the server redirects to {to}, which is not followed: {problem}")]
    Redirect {
        /// Where it sends to.
        to: String,
        /// Why it is not followed.
        problem: &'static str,
    },
    /// The server sends from one place to the next.
    #[error("redirected more than {MAX_REDIRECTS} times")]
    TooManyRedirects,
}

/// Gets files.
#[derive(Debug, Clone)]
pub struct Fetcher {
    agent: Agent,
    limits: Limits,
}

impl Fetcher {
    /// A fetcher with these bounds. It trusts the machine's certificate authorities, and takes
    /// proxies from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub fn new(limits: Limits) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let agent = Agent::config_builder()
            .user_agent(concat!("KUDO/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.answer))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build()
            .into();
        Self { agent, limits }
    }

    /// Gets an index.
    pub fn index(&self, place: &Place) -> Result<Vec<u8>, FetchError> {
        self.get(place, self.limits.index_bytes, self.limits.index_body)
    }

    /// Gets a package archive.
    pub fn archive(&self, place: &Place) -> Result<Vec<u8>, FetchError> {
        self.get(place, self.limits.package_bytes, self.limits.package_body)
    }

    fn get(&self, place: &Place, limit: u64, time: Duration) -> Result<Vec<u8>, FetchError> {
        tracing::info!(target: "kudo", %place, "fetching");
        let got = match place {
            Place::File(path) => read_file(path, limit),
            Place::Web(url) => self.get_web(url, limit, time),
        };
        got.map_err(|problem| FetchError {
            place: place.to_string(),
            problem,
        })
    }

    fn get_web(&self, url: &str, limit: u64, time: Duration) -> Result<Vec<u8>, FetchProblem> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.agent.get(&url).config();
            let request = request.timeout_recv_body(Some(time)).build();
            let mut response = request.call().map_err(|error| self.problem(error, time))?;
            match response.status().as_u16() {
                200 => {
                    let body = response.body_mut().with_config().limit(limit);
                    return body
                        .read_to_vec()
                        .map_err(|error| self.problem(error, time));
                }
                404 | 410 => return Err(FetchProblem::NotFound),
                status @ (301 | 302 | 303 | 307 | 308) => {
                    let location = response.headers().get("location");
                    let location = location.and_then(|value| value.to_str().ok());
                    url = next(&url, location.ok_or(FetchProblem::Status(status))?)?;
                }
                status => return Err(FetchProblem::Status(status)),
            }
        }
        Err(FetchProblem::TooManyRedirects)
    }

    fn problem(&self, error: ureq::Error, time: Duration) -> FetchProblem {
        use ureq::Timeout;
        match error {
            ureq::Error::BodyExceedsLimit(limit) => FetchProblem::TooLarge(limit),
            ureq::Error::Timeout(timeout) => {
                let (doing, after) = match timeout {
                    Timeout::Resolve => ("looking up the host", self.limits.connect),
                    Timeout::Connect => ("connecting", self.limits.connect),
                    Timeout::RecvBody => ("reading the answer", time),
                    _ => ("waiting for an answer", self.limits.answer),
                };
                FetchProblem::TimedOut { doing, after }
            }
            ureq::Error::HostNotFound => {
                FetchProblem::Unreachable("the host is not known".to_owned())
            }
            ureq::Error::Io(error) => FetchProblem::Unreachable(io_text(&error)),
            error => FetchProblem::Unreachable(error.to_string()),
        }
    }
}

/// Where a redirect leads, if it may: not to files of this machine, and not from https to http.
fn next(url: &str, location: &str) -> Result<String, FetchProblem> {
    let refuse = |problem| {
        Err(FetchProblem::Redirect {
            to: location.to_owned(),
            problem,
        })
    };
    let secure = |url: &str| {
        let scheme = url.get(..6);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    };
    match Place::Web(url.to_owned()).redirected(location) {
        Ok(Place::Web(next)) if secure(url) && !secure(&next) => {
            refuse("it leads from https to http")
        }
        Ok(Place::Web(next)) => Ok(next),
        Ok(Place::File(_)) => refuse("it is a file of this machine"),
        Err(error) => refuse(error.problem),
    }
}

/// Reads a file, but no more than may be.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, FetchProblem> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FetchProblem::NotFound,
        _ => FetchProblem::Unreadable(error),
    };
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > limit {
        return Err(FetchProblem::TooLarge(limit));
    }
    Ok(content)
}

fn io_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::UnexpectedEof => "the connection broke".to_owned(),
        // The standard library has no kind for it.
        _ if error.to_string().starts_with("failed to lookup address") => {
            "the host is not known".to_owned()
        }
        _ => error.to_string(),
    }
}
