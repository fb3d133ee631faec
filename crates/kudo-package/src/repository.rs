//! Repositories of packages, as files: the index that a repository serves, and the list of
//! repositories that a user knows. Both are upstream's formats; nothing here touches a network.

mod fields;
mod index;
mod list;

use sha2::{Digest as _, Sha256};

pub use self::fields::RepositoryFileError;
pub use self::index::{FindError, INDEX_FILE, Index, IndexEntry};
pub use self::list::{COMMUNITY_NAME, COMMUNITY_URL, ListError, Repositories, Repository};

/// The digest of an archive as indexes write it: SHA-256 in lower-case hexadecimal.
pub fn digest(archive: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(archive) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
