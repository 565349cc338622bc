//! When a file is to be read again.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// By which a file that was written, or put in another's place, is told from what was there before.
/// Links are followed: in Kubernetes the file stays where it is, and where a link leads changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` when there is no such file.
    pub(super) fn of(file: &Path) -> Option<Self> {
        let known = fs::metadata(file).ok()?;
        Some(Self {
            device: known.dev(),
            inode: known.ino(),
            size: known.size(),
            written: (known.mtime(), known.mtime_nsec()),
            changed: (known.ctime(), known.ctime_nsec()),
        })
    }
}

/// Looks at a file now and then.
///
/// One that is being written is left alone until it has stayed the same from one look to the next;
/// then it is read once. So one that is wrong is told of once, too.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Option<Stamp>,
    read: bool,
}

impl Watch {
    /// What was there before it is not known: the first look that finds what the one before has
    /// found is one to read at.
    pub(super) const fn new() -> Self {
        Self {
            seen: None,
            read: false,
        }
    }

    /// Whether to read it, now that it looks like this.
    pub(super) fn is_to_be_read(&mut self, now: Option<Stamp>) -> bool {
        if now != self.seen {
            self.seen = now;
            self.read = false;
            return false;
        }
        !std::mem::replace(&mut self.read, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_being_written_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("buttress.toml");
        fs::write(&file, "one").unwrap();
        let mut watch = Watch::new();
        let mut look = || watch.is_to_be_read(Stamp::of(&file));
        assert_eq!([look(), look(), look()], [false, true, false]);
        fs::write(&file, "more").unwrap();
        assert!(!look());
        fs::write(&file, "more and more").unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
        fs::remove_file(&file).unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
    }

    #[test]
    fn a_file_that_is_put_in_its_place_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b", "c"] {
            fs::write(path(name), "same").unwrap();
        }
        symlink(path("a"), path("link")).unwrap();
        let first = Stamp::of(&path("link"));
        assert_eq!(first, Stamp::of(&path("a")));
        symlink(path("b"), path("next")).unwrap();
        fs::rename(path("next"), path("link")).unwrap();
        let second = Stamp::of(&path("link"));
        assert_ne!(first, second);
        fs::rename(path("c"), path("b")).unwrap();
        assert_ne!(second, Stamp::of(&path("link")));
    }
}
