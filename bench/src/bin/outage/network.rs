//! The network between half of the servers and the engine, which can fail while the engine does not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    /// Nothing arrives and nobody is told.
    Lost,
    /// What servers say arrives, and what they are answered does not.
    Deaf,
    /// Connections are reset, and new ones too.
    Reset,
}

/// Forwards connections to one address.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
}

impl Network {
    pub(super) async fn to(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let weather = Arc::new(watch::Sender::new(Weather::Fine));
        let sender = Arc::clone(&weather);
        tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                tokio::spawn(connection(near, target, sender.subscribe()));
            }
        });
        Ok(Self { address, weather })
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn connection(near: TcpStream, target: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let _ = near.set_zero_linger();
    match weather.wait_for(|it| *it != Weather::Lost).await.map(|it| *it) {
        Ok(Weather::Reset) | Err(_) => return,
        Ok(_) => {}
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true), far.set_zero_linger());
    let (near_reads, near_writes) = near.into_split();
    let (far_reads, far_writes) = far.into_split();
    let reset = weather.clone();
    tokio::select! {
        () = carry(near_reads, far_writes, weather.clone(), &[Weather::Lost]) => {}
        () = carry(far_reads, near_writes, weather, &[Weather::Lost, Weather::Deaf]) => {}
        () = is_reset(reset) => {}
    }
}

async fn is_reset(mut weather: watch::Receiver<Weather>) {
    let _ = weather.wait_for(|it| *it == Weather::Reset).await;
}

/// What was under way when packets began to be lost arrives when they no longer are, as TCP has it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    stopped_by: &[Weather],
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if weather.wait_for(|it| !stopped_by.contains(it)).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
