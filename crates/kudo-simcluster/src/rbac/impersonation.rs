//! Acting as somebody else, as headers ask for it.

use std::collections::BTreeMap;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::{Attributes, User};
use crate::cluster::Server;
use crate::http::status::Refusal;

/// What else is known of a user, as rules name it before its key.
const EXTRA: &str = "userextras/";

/// What a request wants to act as.
struct Wanted {
    kind: &'static str,
    /// In the words of a Go structure: kind, namespace, name, uid, version, and so on.
    shown: String,
    attributes: Attributes,
}

impl Wanted {
    fn new(kind: &'static str, resource: &str, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            shown: format!("{{{kind} {namespace} {name}    }}"),
            attributes: Attributes {
                verb: "impersonate".to_owned(),
                resource: resource.to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                ..Attributes::default()
            },
        }
    }

    /// What only newer interfaces know: the uid and what else is known of a user.
    fn newer(kind: &'static str, resource: &str, name: &str, key: &str) -> Self {
        let mut wanted = Self::new(kind, resource, "", name);
        wanted.shown = format!("{{{kind}  {name}  authentication.k8s.io/v1  {key}}}");
        "authentication.k8s.io".clone_into(&mut wanted.attributes.group);
        wanted
    }
}

impl Server {
    /// The user that a request is to be seen as, if the one who sends it may act so.
    pub(crate) fn impersonated(
        &self,
        user: User,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<User, Refusal> {
        let wanted = wanted(headers);
        if wanted.is_empty() {
            return Ok(user);
        }
        if !["User", "ServiceAccount"].contains(&wanted[0].kind) {
            let shown: Vec<&str> = wanted.iter().map(|wanted| wanted.shown.as_str()).collect();
            return Err(Refusal::plain(format!(
                "Internal Server Error: {path:?}: requested [{}] without impersonating a user\n",
                shown.join(" ")
            )));
        }
        for Wanted { attributes, .. } in &wanted {
            if self.may(&user, attributes).is_none() {
                return Err(attributes.refuse(&user));
            }
        }
        Ok(acting_as(&wanted))
    }
}

/// What the headers name, the user first.
fn wanted(headers: &HeaderMap) -> Vec<Wanted> {
    let texts = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.map(ToOwned::to_owned).collect()
    };
    let user = texts("impersonate-user").into_iter().next();
    let user = user.filter(|name| !name.is_empty()).map(|name| {
        let account = name.strip_prefix("system:serviceaccount:");
        match account.and_then(|account| account.split_once(':')) {
            Some((namespace, account)) => {
                Wanted::new("ServiceAccount", "serviceaccounts", namespace, account)
            }
            None => Wanted::new("User", "users", "", &name),
        }
    });
    let groups = texts("impersonate-group");
    let groups = groups
        .iter()
        .map(|name| Wanted::new("Group", "groups", "", name));
    let more = headers.keys().filter_map(|header| {
        let key = header.as_str().strip_prefix("impersonate-extra-")?;
        let key = percent_decode_str(key).decode_utf8_lossy();
        Some((texts(header.as_str()), key.into_owned()))
    });
    let more = more.flat_map(|(texts, key)| {
        let resource = format!("{EXTRA}{key}");
        let texts = texts.into_iter();
        texts.map(move |text| Wanted::newer("UserExtra", &resource, &text, &key))
    });
    let uids = texts("impersonate-uid");
    let uids = uids.iter().map(|uid| Wanted::newer("UID", "uids", uid, ""));
    user.into_iter()
        .chain(groups)
        .chain(more)
        .chain(uids)
        .collect()
}

/// The user that is made of what was asked for, the user's name first.
fn acting_as(wanted: &[Wanted]) -> User {
    let name = |wanted: &Wanted| wanted.attributes.name.clone();
    let first = &wanted[0];
    let groups = wanted.iter().filter(|wanted| wanted.kind == "Group");
    let mut groups: Vec<String> = groups.map(name).collect();
    let mut user = match first.kind {
        "ServiceAccount" => User::service_account(&first.attributes.namespace, &name(first)),
        _ => User {
            name: name(first),
            ..User::default()
        },
    };
    if groups.is_empty() {
        groups = std::mem::take(&mut user.groups);
    }
    let classes = ["system:authenticated", "system:unauthenticated"];
    let is_anonymous = user.name == User::anonymous().name;
    if !groups.iter().any(|group| classes.contains(&group.as_str())) {
        groups.push(classes[usize::from(is_anonymous)].to_owned());
    }
    let mut extra = BTreeMap::<String, Vec<String>>::new();
    for Wanted { attributes, .. } in wanted.iter().filter(|wanted| wanted.kind == "UserExtra") {
        let key = attributes.resource.strip_prefix(EXTRA).unwrap_or_default();
        let values = extra.entry(key.to_owned()).or_default();
        values.push(attributes.name.clone());
    }
    User {
        groups,
        extra,
        ..user
    }
}
