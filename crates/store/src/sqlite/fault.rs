use crate::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

/// What an error of SQLite's means for whoever wanted something stored.
impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full("the disk"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(error.into()),
            Some(ErrorCode::TooBig) => Self::Full("more than SQLite stores in one field"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.into())
            }
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Unavailable(error.into()),
            // A disk that fails, is full for what is kept beside the file, or is not there any more.
            Some(ErrorCode::SystemIoFailure) => match error.sqlite_error() {
                Some(ffi::Error { extended_code, .. })
                    if *extended_code == ffi::SQLITE_IOERR_WRITE =>
                {
                    Self::Full("the disk, or a limit on the size of files")
                }
                _ => Self::Unavailable(error.into()),
            },
            _ => Self::Engine(error.into()),
        }
    }
}
