//! Credentials that the server does not accept, or that do not suffice.

use kudo_package::yaml;

use super::Setting;
use super::writing::everything;
use crate::harness::cluster;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_permission() {
    let Some(kubeconfig) = cluster().restricted_kubeconfig() else {
        eprintln!("SKIPPED: a cluster that was there before has no restricted user");
        return;
    };
    let setting = Setting::with_kubeconfig(kubeconfig).await;
    for arguments in [
        "install ./small -p SECRET=x",
        "get instances",
        "update --instance a -p B=1",
        "uninstall --instance a",
        "init",
    ] {
        let outcome = setting.run(arguments).expect_code(7);
        assert!(
            outcome.stderr.contains("forbidden"),
            "{arguments}: {outcome}"
        );
        assert!(
            outcome.stderr.contains("\nHint: ask for that permission"),
            "{arguments}: {outcome}"
        );
    }
    assert_eq!(everything(&setting).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_accepted() {
    let setting = Setting::new().await;
    let text = std::fs::read_to_string(cluster().kubeconfig()).unwrap();
    let mut config = yaml::parse(&text).unwrap();
    config["users"][0]["user"] = serde_json::json!({ "token": "expired" });
    let file = setting
        .environment
        .write("expired", &yaml::to_string(&config));
    let arguments = format!(
        "install ./small -p SECRET=x --kubeconfig {}",
        file.display()
    );
    let outcome = setting.run(&arguments).expect_code(7);
    assert!(
        outcome
            .stderr
            .contains("Unauthorized\nHint: the credential may have expired"),
        "{outcome}"
    );
    assert_eq!(everything(&setting).await, Vec::<String>::new());
}
