//! `install` and `upgrade` from a repository that a static server serves, and a values file that
//! makes another instance like the first.

use kudo_api::Instance;
use kudo_package::Package;

use super::Setting;
use super::fake_server::{Answer, FakeServer};

/// Puts the archive of a folder's package into the folder that is files.
fn archive(setting: &Setting, folder: &str) {
    let work = setting.environment.work();
    let mut archive = Vec::new();
    let package = Package::pack(&work.join(folder), &mut archive).unwrap();
    std::fs::create_dir_all(work.join("files")).unwrap();
    std::fs::write(work.join("files").join(package.archive_name()), archive).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_repository_to_an_instance_and_to_another_like_it() {
    let setting = Setting::new().await;
    let files = setting.environment.work().join("files");
    let server = FakeServer::start(move |_, path| {
        match std::fs::read(files.join(path.trim_start_matches('/'))) {
            Ok(content) => Answer::File(content),
            Err(_) => Answer::Json(404, serde_json::json!({})),
        }
    });
    let url = format!("http://{}", server.address());
    archive(&setting, "small");
    let index = format!("repo index files --url {url} --overwrite");
    setting.run(&index).expect_code(0);
    setting.run(&format!("repo add test {url}")).expect_code(0);
    setting.run("repo context test").expect_code(0);
    setting
        .run("install small -p SECRET=x -p COUNT=5")
        .expect_code(0);
    let instance = setting.instance().await;
    let version = instance.spec.operator_version.name.as_deref();
    assert_eq!(version, Some("small-0.1.0"));

    let values = setting.run("get parameters --instance small-instance");
    let values = values.expect_code(0).stdout;
    setting.environment.write("values.yaml", &values);
    setting
        .run("install small --instance other -P values.yaml")
        .expect_code(0);
    let other = setting.namespace.api::<Instance>().get("other").await;
    assert_eq!(other.unwrap().spec.parameters, instance.spec.parameters);

    setting.version("newer", "0.2.0");
    archive(&setting, "newer");
    setting.run(&index).expect_code(0);
    setting
        .run("upgrade small --instance small-instance")
        .expect_code(0);
    let instance = setting.instance().await;
    let version = instance.spec.operator_version.name.as_deref();
    assert_eq!(version, Some("small-0.2.0"));
}
