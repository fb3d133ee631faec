//! Pods by a pattern of their names.

use std::fmt;
use std::str::FromStr;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// A pattern for pods: `galera-*` in any namespace, or `prod/galera-?`. A star stands for any text, a
/// question mark for any one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodPattern {
    namespace: Option<String>,
    name: String,
}

/// A text that no pod can be named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a pod or namespace/name, with * and ? for what may be anything")]
pub struct PodPatternError;

impl FromStr for PodPattern {
    type Err = PodPatternError;

    fn from_str(text: &str) -> Result<Self, PodPatternError> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, text),
        };
        if name.is_empty() || name.contains('/') || namespace.as_deref() == Some("") {
            return Err(PodPatternError);
        }
        let name = name.to_owned();
        Ok(Self { namespace, name })
    }
}

impl fmt::Display for PodPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl PodPattern {
    /// Whether the pod is meant.
    pub fn matches(&self, pod: &Pod) -> bool {
        let namespace = pod.namespace().unwrap_or_default();
        let in_namespace = self.namespace.as_deref();
        in_namespace.is_none_or(|pattern| fits(pattern, &namespace))
            && fits(&self.name, &pod.name_any())
    }
}

/// Whether a text fits a pattern, in time of at most their lengths' product.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how far the text was then: it takes one character more each time.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    p = *after + 1;
                    t = *taken;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns() {
        for (pattern, namespace, name, expected) in [
            ("web-0", "ns", "web-0", true),
            ("web-0", "ns", "web-00", false),
            ("web-*", "ns", "web-", true),
            ("web-*", "ns", "web", false),
            ("*", "ns", "anything", true),
            ("*-?", "ns", "web-0", true),
            ("*-?", "ns", "web-10", false),
            ("w*b*0", "ns", "wabab0", true),
            ("ns/web-0", "ns", "web-0", true),
            ("ns/web-0", "other", "web-0", false),
            ("*/web-0", "other", "web-0", true),
            ("n?/*", "ns", "web-0", true),
            (
                "***************a",
                "ns",
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                false,
            ),
        ] {
            let parsed: PodPattern = pattern.parse().unwrap();
            let pod = json!({ "metadata": { "namespace": namespace, "name": name } });
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(
                parsed.matches(&pod),
                expected,
                "{pattern} on {namespace}/{name}"
            );
        }
    }

    #[test]
    fn what_names_no_pod_is_no_pattern() {
        for text in ["", "/", "ns/", "/web", "a/b/c"] {
            assert_eq!(text.parse::<PodPattern>(), Err(PodPatternError), "{text:?}");
        }
    }
}
