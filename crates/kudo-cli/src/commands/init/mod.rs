//! `init`: KUDO into the cluster, and its directory onto this machine.
//!
//! Objects are applied on the server's side under this program's own field manager, so that
//! running it again changes nothing and repairs what is missing.

mod apply;
mod compare;
mod excess;
mod manifests;
mod verify;
mod webhook;

use std::time::Duration;

use clap::{Args, ValueEnum};
use kudo_api::names::read_namespace_name;

use crate::arguments::{Format, Global, duration};
use crate::cluster::Session;
use crate::commands::block_on;
use crate::error::Error;
use crate::home;
use crate::listing::resource_name;
use crate::output::{Output, Structured};
use manifests::Choices;
pub(crate) use manifests::{LABEL, NAMESPACE, SERVICE_ACCOUNT};
use webhook::Webhook;

/// Install KUDO into the cluster, and set up this machine's ~/.kudo
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
#[command(after_help = "\
Running it again changes nothing that is as it should be. With other flags it also takes away what
they do not ask for any more: rights, and the webhook.

Examples:
  # Install KUDO and wait until its manager is ready
  kubectl kudo init --wait

  # See what would be installed
  kubectl kudo init --dry-run -o yaml

  # Only the custom resource definitions, for a manager that runs outside of the cluster
  kubectl kudo init --crd-only

  # For two namespaces, with no right to act in any other
  kubectl kudo init --namespaces databases,queues

  # With cert-manager's certificate for the webhook, as upstream
  kubectl kudo init --webhook cert-manager

  # Remove the definitions, after all instances were uninstalled
  kubectl kudo init --crd-only --dry-run -o yaml | kubectl delete -f -

  # Replace an installation of another version
  kubectl kudo init --upgrade

  # Check the installation
  kubectl kudo init --verify

  # Only this machine
  kubectl kudo init --client-only")]
pub(crate) struct InitArgs {
    /// Only set up this machine
    #[arg(
        short,
        long,
        conflicts_with_all = ["kudo_image", "version", "crd_only", "wait", "upgrade", "verify", "dry_run"]
    )]
    client_only: bool,

    /// Image of the manager [default: kudo-manager, tagged with this program's version]
    #[arg(short = 'i', long, value_name = "IMAGE", conflicts_with = "version")]
    kudo_image: Option<String>,

    /// When to pull the manager's image
    #[arg(long, value_name = "POLICY", default_value = "IfNotPresent")]
    kudo_image_pull_policy: PullPolicy,

    /// Version of the manager's image
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Print or name what would be installed, and install nothing; asks no cluster
    #[arg(long)]
    dry_run: bool,

    /// Replace the installed manager, also upstream's, by this version
    #[arg(long, conflicts_with_all = ["crd_only", "verify"])]
    upgrade: bool,

    /// Check what is installed, and install nothing
    #[arg(long, conflicts_with = "dry_run")]
    verify: bool,

    /// Install only the custom resource definitions
    #[arg(long)]
    crd_only: bool,

    /// Wait until the manager is ready; definitions are waited for in any case
    #[arg(short, long, conflicts_with = "dry_run")]
    wait: bool,

    /// How long to wait, in seconds or as in `5m`
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, requires = "wait", default_value = "300")]
    wait_timeout: Duration,

    /// Service account of the manager; one that is named must exist and may do what operators need
    #[arg(long, value_name = "NAME", default_value = SERVICE_ACCOUNT)]
    service_account: String,

    /// Namespaces that the manager looks after, separated by commas; it may act in them alone,
    /// by a Role in each. Without it, all
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = read_namespace_name)]
    namespaces: Vec<String>,

    /// Who makes the certificate of the admission webhook, or `none` for no webhook
    /// [default: self-managed; none with --namespaces]
    #[arg(long, value_name = "WHO")]
    webhook: Option<Webhook>,

    /// Upstream's word for `--webhook self-managed`, which is safe here
    #[arg(long, conflicts_with = "webhook")]
    unsafe_self_signed_webhook_ca: bool,
}

impl InitArgs {
    /// The namespaces asked for, each once.
    fn namespaces(&self) -> Vec<String> {
        let mut namespaces: Vec<String> = Vec::new();
        for namespace in self.namespaces.iter().filter(|name| !name.is_empty()) {
            if !namespaces.contains(namespace) {
                namespaces.push(namespace.clone());
            }
        }
        namespaces
    }

    /// The webhook asked for. A manager of a few namespaces has no right to anything of the whole cluster,
    /// as the webhook's configuration is.
    fn webhook(&self) -> Result<Webhook, Error> {
        let narrow = !self.namespaces().is_empty();
        let asked = if self.unsafe_self_signed_webhook_ca {
            Some(Webhook::SelfManaged)
        } else {
            self.webhook
        };
        match asked {
            Some(webhook) if narrow && webhook != Webhook::None => Err(Error::Flags {
                problem: "a manager of a few namespaces has no webhook, which concerns the whole cluster",
                hint: "leave out --namespaces, or the webhook: the manager applies the same rules by itself",
            }),
            Some(webhook) => Ok(webhook),
            None if narrow => Ok(Webhook::None),
            None => Ok(Webhook::SelfManaged),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

pub(crate) fn run(arguments: &InitArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("init", &[Format::Yaml, Format::Json, Format::Name])?;
    let choices = Choices {
        namespace: global
            .namespace
            .clone()
            .unwrap_or_else(|| NAMESPACE.to_owned()),
        service_account: arguments.service_account.clone(),
        image: match &arguments.kudo_image {
            Some(image) => image.clone(),
            None => manifests::image(arguments.version.as_deref()),
        },
        pull_policy: arguments.kudo_image_pull_policy.as_str(),
        namespaces: arguments.namespaces(),
        webhook: arguments.webhook()?,
    };
    if arguments.dry_run {
        return print(&choices, arguments.crd_only, format, output);
    }
    if !arguments.verify {
        let home = home::find(global)?;
        home.set_up()?;
        output.note(&format!(
            "$KUDO_HOME has been configured at {}",
            home.path().display()
        ));
    }
    if arguments.client_only {
        return Ok(());
    }
    block_on(async {
        let mut session = Session::open_unchecked(global).await?;
        session.namespace.clone_from(&choices.namespace);
        if arguments.verify {
            verify::verify(&session, &choices, arguments.crd_only, output).await?;
            return output.result("KUDO is installed as it should be");
        }
        if arguments.upgrade {
            Box::pin(apply::prepare_upgrade(&session, &choices, output)).await?;
        } else if !arguments.crd_only {
            apply::refuse_other_manager(&session, &choices).await?;
        }
        apply::check_given(&session, &choices, arguments.crd_only).await?;
        apply::apply(&session, &choices, arguments.crd_only, output).await?;
        if arguments.wait && !arguments.crd_only {
            output.note("Waiting for the KUDO manager to be ready in the cluster …");
            apply::wait_until_ready(&session, arguments.wait_timeout).await?;
            output.result("KUDO is ready")?;
        }
        if format.is_some() {
            return print(&choices, arguments.crd_only, format, output);
        }
        Ok(())
    })
}

fn print(
    choices: &Choices,
    crd_only: bool,
    format: Option<Format>,
    output: &Output,
) -> Result<(), Error> {
    let parts = manifests::parts(choices, crd_only);
    let objects: Vec<_> = parts.into_iter().flat_map(|(_, objects)| objects).collect();
    if let Some(structured) = Structured::from_format(format) {
        return output.objects(structured, &objects);
    }
    let names: Vec<String> = objects.iter().map(resource_name).collect();
    output.data(&names.join("\n"))
}
