//! SQLite files, each of which is opened once.

use crate::command::BoxError;
use buttress_queue::Database;
use std::path::{Path, PathBuf, absolute};

/// The files that are open. Whatever is kept in one of them shares its writer, so that what is
/// written for all of them at a time is one flush of the disk, and none waits for another's lock.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<(PathBuf, Database)>);

impl Files {
    /// Opens a file, or makes it, unless it is open.
    pub(crate) async fn open(&mut self, path: &Path) -> Result<Database, BoxError> {
        let named = whole(path)?;
        if let Some((_, open)) = self.0.iter().find(|(open, _)| *open == named) {
            return Ok(open.clone());
        }
        let path = path.to_owned();
        let open = tokio::task::spawn_blocking(move || {
            let database = Database::open(&path, |_| Ok(()))?;
            // By the name that it has now that it is there.
            Ok::<_, BoxError>((whole(&path)?, database))
        });
        let (named, database) = open.await??;
        self.0.push((named, database.clone()));
        Ok(database)
    }
}

/// By this a file is known, however it is spelled.
fn whole(path: &Path) -> Result<PathBuf, BoxError> {
    Ok(path.canonicalize().or_else(|_| absolute(path))?)
}
