//! An embedded cluster that listens on loopback until its standard input ends.
//!
//! `cargo run --release -p kudo-simcluster --example serve -- TOKEN` prints its address; whoever has the
//! token may do everything.

#![expect(
    clippy::print_stdout,
    reason = "whoever starts the program reads the address"
)]

use std::error::Error;
use std::io::{self, Write};

use kudo_simcluster::cluster::{SimCluster, SimOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let token = std::env::args().nth(1).ok_or("usage: serve TOKEN")?;
    let cluster = SimCluster::start(SimOptions::default());
    cluster.add_admin_token(token);
    let serving = cluster.serve_plain("127.0.0.1:0".parse()?).await?;
    println!("http://{}", serving.address);
    io::stdout().flush()?;
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}
