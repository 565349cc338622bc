//! Records in a Redis server, which any number of machines share.
//!
//! A session is two hashes, one with what is told of its records and one with the records, which
//! expire together. Each step is one script, which the server runs, logs and replicates as a whole.

mod reply;

use crate::{
    BoxFuture, Digest, Entry, Found, Key, Page, Record, Records, SessionInfo, Settings, StoreError,
};
use buttress_store::redis::{
    Call, Script, Server,
    redis::{Value, cmd},
};
use reply::{Info, Reply, millis};
use std::{fmt, sync::Arc, time::SystemTime};

/// Records in a Redis server, of which the queue may keep its tasks too.
///
/// # What is kept
/// A record survives what the server's own log does. It needs the append-only file, `appendonly
/// yes`. With `appendfsync always` everything that was recorded is there after the machine lost its
/// power; with `everysec`, Redis's default, after the server was killed, and after a loss of power
/// all but about the last second. What is lost is paid for again, and nothing else is wrong.
///
/// Sessions expire by themselves. A server that may evict keys forgets some of them earlier.
#[derive(Clone)]
pub struct RedisRecords {
    server: Server,
    scripts: Arc<Scripts>,
}

struct Scripts {
    find: Script,
    add: Script,
    session: Script,
    records: Script,
    remove: Script,
    old: Script,
}

const NAMES: &str = "{agent_journal}:names";
const AGES: &str = "{agent_journal}:ages";
/// How many sessions are listed at a time at most.
const MOST: usize = 1000;

macro_rules! script {
    ($name:literal) => {
        Script::new(&[
            include_str!("lua/common.lua"),
            include_str!(concat!("lua/", $name, ".lua")),
        ])
    };
}

impl RedisRecords {
    /// Connects to `redis://[[user]:password@]host[:port][/database]`.
    ///
    /// # Errors
    /// The URL can't be one, or the server can't be reached or lets nobody in.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self::new(Server::connect(url).await?))
    }

    /// In this server, which may be another's too.
    #[must_use]
    pub fn new(server: Server) -> Self {
        let scripts = Scripts {
            find: script!("find"),
            add: script!("add"),
            session: script!("session"),
            records: script!("records"),
            remove: script!("remove"),
            old: script!("old"),
        };
        Self {
            server,
            scripts: Arc::new(scripts),
        }
    }
}

/// A script that is called for this session.
fn of<'a>(script: &'a Script, session: &str) -> Call<'a> {
    // Whatever its name is.
    let hash = Digest::of(&[session.as_bytes()]);
    let records = format!("{{agent_journal}}:session:{hash}");
    let bodies = format!("{{agent_journal}}:bodies:{hash}");
    script.call(&[&records, &bodies, NAMES, AGES])
}

/// And told of this step.
fn at<'a>(script: &'a Script, key: &Key) -> Call<'a> {
    let (given, step) = (key.step.is_given(), key.step.number());
    let place = if given { 'g' } else { 'd' };
    of(script, &key.session)
        .arg(u8::from(given))
        .arg(step)
        .arg(format!("{place}{step}"))
        .arg(key.digest.to_string())
        .arg(key.nth)
}

impl Records for RedisRecords {
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            let call = at(&self.scripts.find, key);
            Ok(match self.server.run_again(call).await? {
                Value::Int(0) => Found::Nothing,
                Value::Int(_) => Found::Changed,
                found => Found::Record(Box::new(Reply::new(found)?.record(&key.session)?)),
            })
        })
    }

    fn add<'a>(
        &'a self,
        entry: Entry,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<u32, StoreError>> {
        Box::pin(async move {
            let life = settings.max_age.as_millis().clamp(1, 1 << 50);
            let mut call = at(&self.scripts.add, &entry.key)
                .arg(&*entry.key.session)
                .arg(millis(entry.at))
                .arg(u8::from(entry.again))
                .arg(u8::from(entry.replaces))
                .arg(settings.max_records)
                .arg(settings.max_bytes)
                .arg(u64::try_from(life).unwrap_or(u64::MAX))
                .arg(entry.bytes())
                .arg(Info::of(&entry).to_json())
                .arg(&entry.answer[..]);
            if let Some(request) = &entry.request {
                call = call.arg(&request[..]);
            }
            // One more of the same would be two more.
            let added = match entry.again {
                true => self.server.run(call).await?,
                false => self.server.run_again(call).await?,
            };
            let mut reply = Reply::new(added)?;
            let nth = reply.parse()?;
            match reply.more() {
                false => Ok(nth),
                true => Err(StoreError::Full(match &*reply.text()? {
                    "records" => "the most records of a session",
                    _ => "the most bytes of a session",
                })),
            }
        })
    }

    fn sessions<'a>(
        &'a self,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page<SessionInfo, Arc<str>>, StoreError>> {
        Box::pin(async move {
            let most = most.min(MOST);
            let after = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
            let mut names = cmd("ZRANGEBYLEX");
            let names = names
                .arg(NAMES)
                .arg(after)
                .arg("+")
                .arg("LIMIT")
                .arg(0)
                .arg(most);
            let names = Reply::new(self.server.send(names).await?)?.texts()?;
            let full = most > 0 && names.len() == most;
            let next = names
                .last()
                .filter(|_| full)
                .map(|last| last.as_str().into());
            let mut items = Vec::with_capacity(names.len());
            for name in names {
                // One that has expired, or was removed, is none any more.
                items.extend(self.session(&name).await?);
            }
            Ok(Page::new(items, next))
        })
    }

    fn session<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionInfo>, StoreError>> {
        Box::pin(async move {
            let call = of(&self.scripts.session, session);
            match self.server.run_again(call).await? {
                Value::Nil => Ok(None),
                found => Reply::new(found)?.session().map(Some),
            }
        })
    }

    fn records<'a>(
        &'a self,
        session: &'a str,
        after: Option<u64>,
        most: usize,
        whole: bool,
    ) -> BoxFuture<'a, Result<Page<Record, u64>, StoreError>> {
        Box::pin(async move {
            let most = most.min(MOST);
            let call = of(&self.scripts.records, session)
                .arg(after.unwrap_or_default())
                .arg(most)
                .arg(u8::from(whole));
            let found = Reply::new(self.server.run_again(call).await?)?;
            let session = session.into();
            let items = found.each(|mut record| record.record(&session))?;
            Ok(Page::full(items, most, |record| record.number))
        })
    }

    fn remove<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let call = of(&self.scripts.remove, session).arg(session);
            Ok(self.server.run(call).await? == Value::Int(1))
        })
    }

    fn sweep(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let old = &self.scripts.old;
            let mut removed = 0;
            // Sessions that have expired by themselves are only taken off the lists.
            while removed == 0 {
                let names = self
                    .server
                    .run_again(of(old, "").arg(millis(before)))
                    .await?;
                let names = Reply::new(names)?.texts()?;
                if names.is_empty() {
                    break;
                }
                for name in names {
                    let call = of(old, &name).arg(millis(before)).arg(&name);
                    if let Value::Int(records) = self.server.run(call).await? {
                        removed += records.unsigned_abs();
                    }
                }
            }
            Ok(removed)
        })
    }
}

/// Without where the server is, which may hold a password.
impl fmt::Debug for RedisRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRecords").finish_non_exhaustive()
    }
}
