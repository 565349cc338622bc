use crate::StoreError;
use redis::{ErrorKind, RedisError};

/// What an error of the server's, or of the connection, means for whoever wanted something stored.
impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel => return Self::Unavailable(error.into()),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                return Self::Corrupt(error.into());
            }
            _ => {}
        }
        let code = match error.code() {
            // Before version 7 what a script met stands behind its own error.
            Some("ERR") => error.detail().and_then(within),
            code => code,
        };
        match code {
            Some("OOM") => Self::Full("the server's memory"),
            // A replica; a server that can't write to its disk, or to as many replicas as it must.
            Some("READONLY" | "MISCONF" | "NOREPLICAS") => Self::ReadOnly(error.into()),
            Some("LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN") => {
                Self::Unavailable(error.into())
            }
            _ => Self::Engine(error.into()),
        }
    }
}

/// The code of the error that a script met: `… user_script: 12: -OOM command not allowed …`.
fn within(detail: &str) -> Option<&str> {
    let met = detail.split(": -").nth(1)?;
    met.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::{Value, parse_redis_value};

    fn said(line: &str) -> &'static str {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes());
        let error = value.and_then(Value::extract_error).unwrap_err();
        StoreError::from(error).as_str()
    }

    #[test]
    fn each_error_of_a_server_says_what_can_be_done() {
        for (line, meaning) in [
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                "full",
            ),
            (
                "ERR Error running script (call to f_1): @user_script:5: @user_script: 5: -OOM command not allowed when used memory > 'maxmemory'.",
                "full",
            ),
            (
                "READONLY You can't write against a read only replica.",
                "read_only",
            ),
            (
                "MISCONF Errors writing to the AOF file: No space left on device",
                "read_only",
            ),
            ("NOREPLICAS Not enough good replicas to write.", "read_only"),
            (
                "LOADING Redis is loading the dataset in memory",
                "unavailable",
            ),
            ("BUSY Redis is busy running a script.", "unavailable"),
            ("CLUSTERDOWN The cluster is down", "unavailable"),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                "engine",
            ),
            (
                "NOPERM this user has no permissions to run the 'evalsha' command",
                "engine",
            ),
            ("ERR unknown command", "engine"),
        ] {
            assert_eq!(said(line), meaning, "{line}");
        }
    }
}
