//! Versions as packages write them: semantic versions whose minor and patch may be left out.

use std::cmp::Ordering;
use std::fmt;

use semver::{BuildMetadata, Prerelease, Version};

/// The version of KUDO whose packages these are.
pub const KUDO: &str = "0.19.0";

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a semantic version such as 1.2.3")]
pub struct InvalidVersion(pub String);

/// The two versions that tell the packages of one operator apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions<'a> {
    /// Version of the package.
    pub operator: &'a str,
    /// Version of the application, if the package has one.
    pub app: Option<&'a str>,
}

impl Versions<'_> {
    /// Whether these are the versions asked for. What is empty or not given is not asked for.
    pub fn fit(&self, app: Option<&str>, operator: Option<&str>) -> bool {
        let fits = |wanted: Option<&str>, found: Option<&str>| match wanted {
            None | Some("") => true,
            Some(wanted) => found.is_some_and(|found| same(wanted, found)),
        };
        fits(app, self.app) && fits(operator, Some(self.operator))
    }
}

impl fmt::Display for Versions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.app {
            Some(app) => write!(f, "{} (app version {app})", self.operator),
            None => f.write_str(self.operator),
        }
    }
}

/// Versions asked for, in words. What is empty or not given is not asked for.
pub fn wanted(app: Option<&str>, operator: Option<&str>) -> String {
    let given = |version: Option<&str>| version.filter(|text| !text.is_empty()).map(str::to_owned);
    match (given(app), given(operator)) {
        (Some(app), Some(operator)) => format!("version {operator} (app version {app})"),
        (Some(app), None) => format!("app version {app}"),
        (None, Some(operator)) => format!("operator version {operator}"),
        (None, None) => "version that is not removed".to_owned(),
    }
}

/// Orders as repositories do: by app version, then by operator version. App versions that are no
/// semantic versions come after those that are, and packages without one come last.
pub fn newest_first(a: Versions<'_>, b: Versions<'_>) -> Ordering {
    let parsed = |versions: Versions<'_>| {
        let app = versions.app.filter(|app| !app.is_empty());
        (
            app.map(|app| parse(app).ok()),
            parse(versions.operator).ok(),
        )
    };
    parsed(b).cmp(&parsed(a))
}

/// Whether two texts mean the same version: `1.2` is `1.2.0`.
pub fn same(a: &str, b: &str) -> bool {
    a == b || matches!((parse(a), parse(b)), (Ok(a), Ok(b)) if a == b)
}

/// What to say of a package whose `kudoVersion`, the oldest KUDO that runs it, is newer than any there was.
/// Every 0.x runs: upstream never looked at it.
pub fn newer_kudo(needed: &str) -> Option<String> {
    let newer = parse(needed).is_ok_and(|needed| needed.major > 0);
    newer.then(|| {
        format!("kudoVersion is {needed}: packages run here as KUDO {KUDO} runs them, and what is newer may not work")
    })
}

/// Reads `1.2.3-rc.1+build`, and also `1.2`, `1` and a leading `v`, as upstream does.
pub fn parse(text: &str) -> Result<Version, InvalidVersion> {
    parse_parts(text.strip_prefix('v').unwrap_or(text))
        .ok_or_else(|| InvalidVersion(text.to_owned()))
}

fn parse_parts(text: &str) -> Option<Version> {
    let (text, build) = split(text, '+', BuildMetadata::new)?;
    let (core, pre) = split(text, '-', prerelease)?;
    let mut numbers = core.split('.').map(number);
    let (major, minor, patch) = (numbers.next()??, numbers.next(), numbers.next());
    if numbers.next().is_some() {
        return None;
    }
    Some(Version {
        major,
        minor: minor.unwrap_or(Some(0))?,
        patch: patch.unwrap_or(Some(0))?,
        pre: pre.unwrap_or_default(),
        build: build.unwrap_or_default(),
    })
}

/// Splits an optional part off; `None` if the part is there but wrong.
fn split<T, E>(
    text: &str,
    mark: char,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<(&str, Option<T>)> {
    match text.split_once(mark) {
        Some((_, "")) => None,
        Some((rest, part)) => Some((rest, Some(parse(part).ok()?))),
        None => Some((text, None)),
    }
}

fn prerelease(text: &str) -> Result<Prerelease, semver::Error> {
    Prerelease::new(text)
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
