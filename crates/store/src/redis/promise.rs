use super::Server;
use crate::StoreError;
use redis::{Value, cmd};

/// What a server says of how well it keeps things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Promise {
    /// It writes all that it does to an append-only file. `None` when it does not say.
    pub append_only: Option<bool>,
    /// It throws keys away that were to be kept for ever, when its memory is full.
    pub evicts: bool,
}

impl Server {
    /// Asks how well the server keeps things. One that may not tell keeps it to itself.
    ///
    /// # Errors
    /// It can't be reached, or does not answer in time.
    pub async fn promise(&self) -> Result<Promise, StoreError> {
        match self.send(&cmd("INFO")).await {
            Ok(Value::BulkString(info)) => Ok(of_info(&String::from_utf8_lossy(&info))),
            Ok(_) | Err(StoreError::Engine(_)) => Ok(Promise::default()),
            Err(error) => Err(error),
        }
    }
}

fn of_info(info: &str) -> Promise {
    let says = |name: &str| {
        let mut fields = info.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| *field == name)
    };
    Promise {
        append_only: says("aof_enabled").map(|(_, says)| says.trim() == "1"),
        evicts: says("maxmemory_policy").is_some_and(|(_, policy)| policy.starts_with("allkeys")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_read() {
        let info = "# Memory\r\nmaxmemory_policy:allkeys-lru\r\n# Persistence\r\naof_enabled:1\r\n";
        let promise = of_info(info);
        assert_eq!((promise.append_only, promise.evicts), (Some(true), true));
        let promise = of_info("maxmemory_policy:noeviction\r\naof_enabled:0\r\n");
        assert_eq!((promise.append_only, promise.evicts), (Some(false), false));
        assert_eq!(of_info("nothing of this"), Promise::default());
    }
}
