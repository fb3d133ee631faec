//! Archives from strangers, and our own.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use kudo_package::archive::{ArchiveError, ArchiveLimits, read, write};
use tar::{Builder, EntryType, Header};

use crate::sample::files;

const SMALL: ArchiveLimits = ArchiveLimits {
    max_files: 3,
    max_file_bytes: 1000,
    max_total_bytes: 20_000,
    max_ratio: 200,
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One tar entry with its name as given, whatever it is.
fn entry(name: &[u8], kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn tgz(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    gzip(&bytes)
}

fn file(name: &str) -> Vec<u8> {
    entry(name.as_bytes(), EntryType::Regular, b"x")
}

fn refused(archive: &[u8]) -> String {
    read(archive, &SMALL).unwrap_err().to_string()
}

#[test]
fn reads_files_and_passes_over_folders() {
    let archive = tgz(&[
        entry(b"./", EntryType::Directory, b""),
        entry(b"./templates/", EntryType::Directory, b""),
        entry(b"./templates//a.yaml", EntryType::Regular, b"a"),
        entry(b"operator.yaml", EntryType::Regular, b""),
        entry(b"dir/./b", EntryType::Continuous, b"b"),
    ]);
    let read = read(archive.as_slice(), &SMALL).unwrap();
    let expected = files(&[
        ("dir/b", "b"),
        ("operator.yaml", ""),
        ("templates/a.yaml", "a"),
    ]);
    assert_eq!(read, expected);
}

#[test]
fn an_archive_may_be_empty() {
    assert!(read(tgz(&[]).as_slice(), &SMALL).unwrap().is_empty());
}

#[test]
fn refuses_names_that_lead_elsewhere() {
    let cases = [
        ("/etc/passwd", "\"/etc/passwd\" is an absolute path"),
        ("//x", "\"//x\" is an absolute path"),
        ("\\x", "\"\\\\x\" is an absolute path"),
        ("C:/x", "\"C:/x\" is an absolute path"),
        ("c:x", "\"c:x\" is an absolute path"),
        ("../x", "\"../x\" leads out of the package"),
        ("a/../../x", "\"a/../../x\" leads out of the package"),
        ("a/..", "\"a/..\" leads out of the package"),
        ("a/../b", "\"a/../b\" leads out of the package"),
        ("a\\..\\b", "\"a\\\\..\\\\b\" leads out of the package"),
        ("a\\b", "\"a\\\\b\" is not a usable file name"),
        ("a\nb", "\"a\\nb\" is not a usable file name"),
        (".", "\".\" is not a usable file name"),
    ];
    for (name, expected) in cases {
        assert_eq!(refused(&tgz(&[file(name)])), expected, "{name:?}");
    }
    let archive = tgz(&[entry(b"a\xFFb", EntryType::Regular, b"x")]);
    assert_eq!(
        refused(&archive),
        "\"a\u{fffd}b\" is not a usable file name"
    );
    let folder = tgz(&[entry(b"../d/", EntryType::Directory, b"")]);
    assert_eq!(refused(&folder), "\"../d/\" leads out of the package");
}

#[test]
fn refuses_what_is_no_file() {
    let cases = [
        (
            EntryType::Symlink,
            "\"a\" is a link, which packages may not hold",
        ),
        (
            EntryType::Link,
            "\"a\" is a link, which packages may not hold",
        ),
        (EntryType::Char, "\"a\" is neither a file nor a folder"),
        (EntryType::Block, "\"a\" is neither a file nor a folder"),
        (EntryType::Fifo, "\"a\" is neither a file nor a folder"),
        (EntryType::new(b'Z'), "\"a\" is neither a file nor a folder"),
    ];
    for (kind, expected) in cases {
        assert_eq!(
            refused(&tgz(&[entry(b"a", kind, b"")])),
            expected,
            "{kind:?}"
        );
    }
}

#[test]
fn refuses_files_of_one_name() {
    assert_eq!(
        refused(&tgz(&[file("a"), file("./a")])),
        "\"a\" is there twice"
    );
}

#[test]
fn long_names_are_read() {
    let name = "d/".repeat(120) + "x.yaml";
    let mut archive = Vec::new();
    write(&files(&[(&name, "x")]), &mut archive).unwrap_or_else(|_| panic!("{name}"));
    assert_eq!(
        read(archive.as_slice(), &SMALL).unwrap(),
        files(&[(&name, "x")])
    );
}

#[test]
fn bounds_count_and_size() {
    let many: Vec<_> = ["a", "b", "c", "d"].map(file).into_iter().collect();
    assert_eq!(refused(&tgz(&many)), "the archive holds more than 3 files");

    let large = entry(b"a", EntryType::Regular, &[b'x'; 1001]);
    assert_eq!(refused(&tgz(&[large])), "\"a\" is larger than 1000 bytes");
    let fits = entry(b"a", EntryType::Regular, &[b'x'; 1000]);
    assert!(read(tgz(&[fits]).as_slice(), &SMALL).is_ok());

    let mut lying = Header::new_gnu();
    lying.set_path("a").unwrap();
    lying.set_size(u64::MAX / 2);
    lying.set_cksum();
    assert_eq!(
        refused(&gzip(lying.as_bytes())),
        "\"a\" is larger than 1000 bytes"
    );

    // Nothing but padding behind the end of the archive.
    let padded = gzip(&vec![0; 30_000]);
    assert_eq!(
        refused(&padded),
        "the archive unpacks to more than 20000 bytes"
    );
    // A name that is itself larger than the archive may be.
    let name = entry(
        b"././@LongLink",
        EntryType::GNULongName,
        &vec![b'x'; 30_000],
    );
    assert_eq!(
        refused(&tgz(&[name, file("a")])),
        "the archive unpacks to more than 20000 bytes"
    );
}

#[test]
fn bounds_the_ratio() {
    let limits = ArchiveLimits {
        max_file_bytes: 1 << 30,
        max_total_bytes: 1 << 30,
        ..SMALL
    };
    let bomb = tgz(&[entry(b"a", EntryType::Regular, &vec![0; 8 << 20])]);
    let error = read(bomb.as_slice(), &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the archive unpacks to more than 200 times its size"
    );
    let small = tgz(&[entry(b"a", EntryType::Regular, &vec![0; 500 << 10])]);
    assert!(read(small.as_slice(), &limits).is_ok());
}

#[test]
fn says_what_is_no_archive() {
    let whole = tgz(&[entry(b"a", EntryType::Regular, &[b'x'; 900]), file("b")]);
    let with = |rest: &[u8]| [whole.as_slice(), rest].concat();
    let tar = [file("a"), vec![0; 1024]].concat();
    let mut bad_header = file("b");
    bad_header[0] ^= 1;
    let mut bad_data = whole.clone();
    let end = bad_data.len();
    bad_data[end - 6] ^= 0xFF;
    let not_gzip = "not a readable .tgz archive: it is not a gzip file";
    let not_tar = "not a readable .tgz archive: it is a gzip file, but holds no tar archive";
    let garbage = "something that is no part of the archive follows its end";
    let table = [
        (
            b"text".to_vec(),
            "not a readable .tgz archive: it is text, not a gzip file",
        ),
        (
            "é".repeat(40_000).into_bytes(),
            "not a readable .tgz archive: it is text, not a gzip file",
        ),
        (
            b"PK\x03\x04\x14\x00\x00".to_vec(),
            "not a readable .tgz archive: it is a zip file, not a gzip file",
        ),
        (
            entry(b"a", EntryType::new(b'0'), b"x")
                .into_iter()
                .chain([0; 1024])
                .collect(),
            "not a readable .tgz archive: it is a tar file that is not compressed, not a gzip file",
        ),
        (vec![0; 100], not_gzip),
        (b"\xFF\xFE\xFD".to_vec(), not_gzip),
        (b"\x1F\x9D\x90 compressed otherwise".to_vec(), not_gzip),
        (gzip(b"x"), not_tar),
        (gzip(&[b'x'; 5000]), not_tar),
        (gzip(&tgz(&[file("a")])), not_tar),
        (Vec::new(), "the archive is truncated"),
        (whole[..20].to_vec(), "the archive is truncated"),
        (
            whole[..whole.len() - 1].to_vec(),
            "the archive is truncated",
        ),
        (with(&whole[..5]), "the archive is truncated"),
        (with(b"x"), garbage),
        (with(b"some text that is longer than a header"), garbage),
        (with(&[0; 512]), garbage),
        (with(b"\x1F\x00 nothing of ours"), garbage),
        (bad_data, "the archive is damaged"),
        (tgz(&[file("a"), bad_header]), "the archive is damaged"),
    ];
    for (archive, expected) in table {
        let start = &archive[..archive.len().min(20)];
        assert_eq!(refused(&archive), expected, "{start:?}");
    }
    // Members in a row are one archive.
    let (first, second) = tar.split_at(600);
    let members = [gzip(first), gzip(second)].concat();
    assert_eq!(
        read(members.as_slice(), &SMALL).unwrap(),
        files(&[("a", "x")])
    );
}

/// Gives a few bytes at a time, then fails.
struct Failing(Vec<u8>);

impl std::io::Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(7);
        if count == 0 {
            return Err(std::io::Error::other("the disk is gone"));
        }
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

#[test]
fn says_why_it_could_not_be_read() {
    let whole = tgz(&[file("a")]);
    for length in [0, 1, 30, whole.len()] {
        let error = read(Failing(whole[..length].to_vec()), &SMALL).unwrap_err();
        let expected = "not a readable .tgz archive: the disk is gone";
        assert_eq!(error.to_string(), expected, "{length}");
    }
}

#[test]
fn refuses_what_is_cut_short_or_damaged() {
    let archive = tgz(&[entry(b"a", EntryType::Regular, &[b'x'; 900]), file("b")]);
    for length in 0..archive.len() {
        let error = read(&archive[..length], &SMALL).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Truncated | ArchiveError::Unreadable(_)),
            "{length}: {error}"
        );
    }
    assert!(refused(b"not gzip at all").starts_with("not a readable .tgz archive: "));
    assert!(read(gzip(b"not tar at all").as_slice(), &SMALL).is_err());
    let mut damaged = archive.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xFF;
    assert!(read(damaged.as_slice(), &SMALL).is_err());
    let entry_cut = gzip(&entry(b"a", EntryType::Regular, &[b'x'; 900])[..700]);
    assert_eq!(refused(&entry_cut), "the archive is truncated");
}

#[test]
fn writes_the_same_bytes_for_the_same_files() {
    let all = files(&[
        ("operator.yaml", "a"),
        ("templates/x.yaml", "b"),
        ("params.yaml", ""),
    ]);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    write(&all, &mut first).unwrap();
    write(&all, &mut second).unwrap();
    assert_eq!(first, second);
    assert_eq!(
        read(first.as_slice(), &ArchiveLimits::default()).unwrap(),
        all
    );

    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(first.as_slice()));
    for entry in archive.entries().unwrap() {
        let header = entry.unwrap().header().clone();
        assert_eq!(header.mtime().unwrap(), 0);
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(header.username().unwrap(), Some("root"));
        assert_eq!(header.mode().unwrap(), 0o644);
    }
}

#[test]
fn reads_what_other_programs_write() {
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o600);
    builder
        .append_data(
            &mut header,
            "operator/operator.yaml",
            b"a: b".get(..3).unwrap(),
        )
        .unwrap();
    let archive = gzip(&builder.into_inner().unwrap());
    let read = read(archive.as_slice(), &ArchiveLimits::default()).unwrap();
    assert_eq!(read["operator/operator.yaml"], b"a: ");
}
