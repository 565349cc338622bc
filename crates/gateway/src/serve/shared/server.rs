use super::message::Message;
use buttress_store::{
    StoreError,
    redis::{Script, Server, Subscription, redis::Value},
};
use std::{fmt, time::Duration};

/// Keeps how something stands for as long as that holds, and tells it.
const TELL: &str = "
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('PUBLISH', KEYS[2], ARGV[1])
";

/// How all of it stands: each with what is left of its time, in milliseconds.
const READ: &str = "
local held = {}
for _, key in ipairs(KEYS) do
  local message = redis.call('GET', key)
  if message and #message <= 1024 then
    held[#held + 1] = message
    held[#held + 1] = redis.call('PTTL', key)
  end
end
return held
";

/// How long something is kept that stands until further notice.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// The least that something is kept for.
const SHORTEST: Duration = Duration::from_secs(1);

/// Where gateways of one name meet.
pub(super) struct Channel {
    url: Box<str>,
    /// What the keys in the server begin with. What is in braces keeps them together in a cluster.
    prefix: String,
    tell: Script,
    read: Script,
}

/// A connection to it.
pub(super) struct Connection {
    server: Server,
    pub(super) heard: Subscription,
}

impl Channel {
    pub(super) fn new(url: &str, name: &str) -> Self {
        Self {
            url: url.into(),
            prefix: format!("{{{name}}}:shared:"),
            tell: Script::new(&[TELL]),
            read: Script::new(&[READ]),
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, StoreError> {
        // First it listens, so that nothing is missed that is told while it reads.
        let heard = Subscription::open(&self.url, &self.key("channel")).await?;
        let server = Server::connect(&self.url).await?;
        Ok(Connection { server, heard })
    }

    /// Tells how something stands. That it is well is kept, too: who was not there when it was told
    /// may still have it otherwise.
    pub(super) async fn tell(
        &self,
        to: &Connection,
        message: &Message<'_>,
    ) -> Result<(), StoreError> {
        let kept = message.wait().unwrap_or(LONGEST).clamp(SHORTEST, LONGEST);
        let kept = kept.as_millis().to_string();
        let (key, channel) = (self.key(&message.of), self.key("channel"));
        let keys = [&*key, &channel];
        let call = self.tell.call(&keys).arg(message.to_json()).arg(kept);
        to.server.run_again(call).await?;
        Ok(())
    }

    /// How these stand: what was told of them, and how long it still holds.
    pub(super) async fn read(
        &self,
        from: &Connection,
        items: impl Iterator<Item = &str>,
    ) -> Result<Vec<(Vec<u8>, Duration)>, StoreError> {
        let keys: Vec<String> = items.map(|item| self.key(item)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let answer = from.server.run_again(self.read.call(&keys)).await?;
        let Value::Array(held) = answer else {
            return Ok(Vec::new());
        };
        let held = held.chunks_exact(2).filter_map(|pair| {
            let Value::BulkString(message) = &pair[0] else {
                return None;
            };
            let Value::Int(left) = &pair[1] else {
                return None;
            };
            let left = u64::try_from(*left).ok()?;
            Some((message.clone(), Duration::from_millis(left)))
        });
        Ok(held.collect())
    }

    fn key(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
