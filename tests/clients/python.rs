//! Kubernetes' client for Python, as people program with it.

use crate::{Client, tool};

#[test]
fn the_python_client() {
    let client = Client::new(tool("python/bin/python"));
    let namespace = format!("python-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let script = include_str!("client.py");
    client
        .run(&["-c", script, &namespace], None, &[])
        .says(&["all is well"]);
}
