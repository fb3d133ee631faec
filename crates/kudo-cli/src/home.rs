//! KUDO's own directory: `--home`, `$KUDO_HOME`, or `~/.kudo`.

use kudo_repository::Home;

use crate::arguments::Global;
use crate::error::Error;

/// The directory, whether it exists or not.
pub(crate) fn find(global: &Global) -> Result<Home, Error> {
    if let Some(home) = &global.home {
        return Ok(Home::new(home));
    }
    if let Some(home) = std::env::var_os("KUDO_HOME").filter(|home| !home.is_empty()) {
        return Ok(Home::new(home));
    }
    let user = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    Ok(Home::new(user.ok_or(Error::NoHome)?.join(".kudo")))
}
