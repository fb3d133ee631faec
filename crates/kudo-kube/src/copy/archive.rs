//! The one file in what `tar` writes.

use std::io::Read;

use tar::{Archive, EntryType};

use super::{CopyError, MAX_FILE};

/// What an archive of the largest file may have in bytes: headers, a long name, and padding come on top.
pub(super) const MAX_ARCHIVE: usize = MAX_FILE + 64 * 1024;

/// The content of the archive's only entry. The archive may be cut off where it is too long.
pub(super) fn only_file(path: &str, archive: &[u8]) -> Result<Vec<u8>, CopyError> {
    let interrupted = |message: String| CopyError::Interrupted {
        path: path.to_owned(),
        message,
    };
    let mut archive = Archive::new(archive);
    let mut entries = archive
        .entries()
        .map_err(|error| interrupted(error.to_string()))?;
    let mut entry = match entries.next() {
        Some(Ok(entry)) => entry,
        Some(Err(error)) => return Err(interrupted(error.to_string())),
        None => return Err(interrupted("nothing came".to_owned())),
    };
    if let Some(found) = other_than_file(entry.header().entry_type()) {
        return Err(CopyError::NotAFile {
            path: path.to_owned(),
            found,
        });
    }
    let size = entry.size();
    if usize::try_from(size).is_ok_and(|size| size <= MAX_FILE) {
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|error| interrupted(error.to_string()))?;
        if content.len() as u64 == size {
            return Ok(content);
        }
        let got = content.len();
        return Err(interrupted(format!(
            "only {got} of {size} bytes came, the connection broke off"
        )));
    }
    Err(CopyError::TooLarge {
        path: path.to_owned(),
        size,
    })
}

/// What an entry is, if it is no regular file.
fn other_than_file(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => None,
        EntryType::Directory => Some("a directory"),
        EntryType::Symlink | EntryType::Link => Some("a link"),
        _ => Some("a device or the like"),
    }
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    fn archive(kind: EntryType, name: &str, content: &[u8]) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        let mut builder = Builder::new(Vec::new());
        builder.append_data(&mut header, name, content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn the_content_of_a_regular_file_comes_out() {
        let long = format!("tmp/{}/x", "d".repeat(300));
        let largest = vec![7; MAX_FILE];
        let cases: [(&str, &[u8]); 4] = [
            ("tmp/x", b"hello"),
            ("tmp/x", b""),
            (&long, b"hi"),
            ("tmp/x", &largest),
        ];
        for (name, content) in cases {
            let bytes = archive(EntryType::Regular, name, content);
            assert!(bytes.len() <= MAX_ARCHIVE);
            assert_eq!(
                only_file("/tmp/x", &bytes).as_deref(),
                Ok(content),
                "{name}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let large = archive(EntryType::Regular, "x", &vec![0; 2 * MAX_FILE]);
        let whole = archive(EntryType::Regular, "x", &[1; 2000]);
        let cases: [(&str, Vec<u8>, bool, &str); 7] = [
            (
                "directory",
                archive(EntryType::Directory, "x/", b""),
                true,
                "\"/x\" is a directory, and must be a regular file",
            ),
            (
                "link",
                archive(EntryType::Symlink, "x", b""),
                true,
                "\"/x\" is a link, and must be a regular file",
            ),
            (
                "device",
                archive(EntryType::Char, "x", b""),
                true,
                "\"/x\" is a device or the like, and must be a regular file",
            ),
            (
                "too large",
                large[..MAX_ARCHIVE].to_vec(),
                true,
                "file \"/x\" has 2097152 bytes, more than the 1048576 that a ConfigMap or Secret can hold",
            ),
            (
                "cut off",
                whole[..1000].to_vec(),
                false,
                "cannot copy file \"/x\" out of the pod: only 488 of 2000 bytes came, the connection broke off",
            ),
            (
                "empty",
                Vec::new(),
                false,
                "cannot copy file \"/x\" out of the pod: nothing came",
            ),
            (
                "no archive",
                vec![b'x'; 2048],
                false,
                "cannot copy file \"/x\" out of the pod: ",
            ),
        ];
        for (name, bytes, fatal, expected) in cases {
            let error = only_file("/x", &bytes).unwrap_err();
            assert_eq!(error.is_fatal(), fatal, "{name}");
            assert!(error.to_string().starts_with(expected), "{name}: {error}");
        }
    }
}
