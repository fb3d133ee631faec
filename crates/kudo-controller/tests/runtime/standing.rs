//! What a process tells of itself while it stands by and while it acts.

use kudo_controller::standing::Standing;
use kudo_controller::webhook::certificate::Identity;
use kudo_controller::webhook::certificate::pair::{Pair, Wanted};
use kudo_controller::{Manager, ManagerOptions};

use crate::server::Server;

#[tokio::test]
async fn standing_by_and_acting() {
    let identity = Identity::default();
    let standing = Standing::new(Some(identity.clone()));
    assert_eq!(
        standing.not_ready().as_deref(),
        Some("webhook: no certificate yet")
    );
    let wanted = Wanted {
        hosts: vec!["localhost".to_owned()],
        validity: std::time::Duration::from_hours(1),
    };
    let pair = Pair::make(&wanted, None, k8s_openapi::jiff::Timestamp::now()).unwrap();
    identity
        .set(pair.certificate.as_bytes(), pair.key.as_bytes())
        .unwrap();
    assert_eq!(standing.not_ready(), None);
    assert!(standing.metrics().contains("\nkudo_leading 0\n"));
    assert!(standing.definitions().is_none());

    let manager = Manager::new(Server::new(&[]).client(), ManagerOptions::default());
    standing.act(&manager);
    assert!(
        standing
            .not_ready()
            .unwrap()
            .contains("instances: not yet seen")
    );
    assert!(standing.metrics().contains("\nkudo_leading 1\n"));
    assert!(standing.definitions().is_some());

    standing.stand_by();
    assert_eq!(standing.not_ready(), None);
}
