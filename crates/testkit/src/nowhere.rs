use crate::provider::bind;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::net::TcpSocket;

/// An address where connections are refused.
///
/// It holds its port without listening, so that nobody else can come to listen there.
#[derive(Debug)]
pub struct Nowhere {
    address: SocketAddr,
    #[expect(dead_code, reason = "held for the port that it keeps")]
    socket: TcpSocket,
}

impl Nowhere {
    /// Takes a free port of 127.0.0.1.
    ///
    /// # Errors
    /// The system has no socket or port to give.
    pub fn new() -> io::Result<Self> {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
        })
    }

    /// The address, as `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
