//! What stands between a process and its Redis server, and cuts at one command.

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::JoinSet,
};

/// Where it cuts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) nth: u64,
    /// When the server has the command and answers, or else before it has it.
    pub(crate) after: bool,
    /// The process is to be killed there, and sees no end of the connection before.
    pub(crate) kills: bool,
}

/// Ends with all its connections when it is dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    /// It has cut.
    pub(crate) cut: Arc<Notify>,
    _connections: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(port: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (notify, count) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let told = Arc::clone(&notify);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (count, told) = (Arc::clone(&count), Arc::clone(&told));
                open.spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    let _ = pass(client, server, cut, &count, &told).await;
                });
            }
        });
        Self {
            url: format!("redis://{address}/"),
            cut: notify,
            _connections: connections,
        }
    }
}

/// Passes all on until the cut.
async fn pass(
    client: TcpStream,
    server: TcpStream,
    cut: Cut,
    count: &AtomicU64,
    told: &Notify,
) -> io::Result<()> {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let asked = ask(BufReader::new(from_client), to_server, cut, count);
    tokio::select! {
        asked = asked => {
            let _to_server = match asked? {
                Some(to_server) => to_server,
                None => return Ok(()),
            };
            if cut.after {
                // Once it answers, the command is done.
                let _ = from_server.read(&mut [0; 1]).await?;
            }
            told.notify_one();
            if cut.kills {
                pending::<()>().await;
            }
            Ok(())
        }
        copied = copy(&mut from_server, &mut to_client) => copied.map(drop),
    }
}

/// Passes on what a client asks, command by command, and returns at the cut.
async fn ask(
    mut client: BufReader<OwnedReadHalf>,
    mut server: OwnedWriteHalf,
    cut: Cut,
    count: &AtomicU64,
) -> io::Result<Option<OwnedWriteHalf>> {
    let mut command = Vec::new();
    while read(&mut client, &mut command).await? {
        let here = count.fetch_add(1, Relaxed) + 1 == cut.nth;
        if here && !cut.after {
            return Ok(Some(server));
        }
        server.write_all(&command).await?;
        if here {
            return Ok(Some(server));
        }
    }
    Ok(None)
}

/// One command: `*2\r\n$3\r\nGET\r\n$1\r\nx\r\n`.
async fn read(client: &mut BufReader<OwnedReadHalf>, command: &mut Vec<u8>) -> io::Result<bool> {
    command.clear();
    let Some(words) = number(client, command).await? else {
        return Ok(false);
    };
    for _ in 0..words {
        let Some(length) = number(client, command).await? else {
            return Ok(false);
        };
        let begin = command.len();
        command.resize(begin + length + 2, 0);
        client.read_exact(&mut command[begin..]).await?;
    }
    Ok(true)
}

async fn number(
    client: &mut BufReader<OwnedReadHalf>,
    command: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    let begin = command.len();
    client.read_until(b'\n', command).await?;
    let line = command.get(begin + 1..).unwrap_or_default();
    let line = str::from_utf8(line).unwrap_or_default();
    Ok(line.trim_end().parse().ok())
}
