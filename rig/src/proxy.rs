//! A TCP proxy before Redis that breaks connections where a test wants it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::eventually;

/// What happens to a connection when its rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The command does not reach Redis, and nothing moves on this connection, in either direction, until the rule is released; then it does,
    /// late, whether or not its client still waits.
    Stall,
    /// The command runs; its answer, and whatever follows, does not arrive until the rule is released.
    StallReply,
    /// The command runs, then the connection is cut before its answer.
    Cut,
    /// The connection is cut before the command reaches Redis.
    CutBefore,
    /// The command reaches Redis that much later.
    Delay(Duration),
}

/// Bytes that a client sends, and what happens then.
pub struct Rule {
    needle: Vec<u8>,
    fault: Fault,
    skip: usize,
    times: usize,
    seen: AtomicUsize,
    fired: AtomicUsize,
    released: watch::Sender<bool>,
}

impl Rule {
    /// How often it fired.
    pub fn fired(&self) -> usize {
        self.fired.load(SeqCst)
    }

    /// Waits until it has fired so often.
    pub async fn wait_fired(&self, times: usize) {
        let what = format!("{:?} at {:?} has fired", self.fault, String::from_utf8_lossy(&self.needle));
        eventually(Duration::from_secs(30), &what, async || self.fired() >= times).await;
    }

    /// What it stalled goes on, and it does not fire again.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    async fn wait_released(&self) {
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }

    fn applies(&self, bytes: &[u8]) -> bool {
        if *self.released.borrow() || !bytes.windows(self.needle.len()).any(|window| window == self.needle) {
            return false;
        }
        let seen = self.seen.fetch_add(1, SeqCst);
        let applies = seen >= self.skip && seen - self.skip < self.times;
        if applies {
            self.fired.fetch_add(1, SeqCst);
        }
        applies
    }
}

type Rules = Arc<Mutex<Vec<Arc<Rule>>>>;

/// The proxy. All its connections end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    rules: Rules,
    cut: Arc<Mutex<CancellationToken>>,
    _accept: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A proxy before this address.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (rules, cut) = (Rules::default(), Arc::new(Mutex::new(CancellationToken::new())));
        let (all, until) = (rules.clone(), cut.clone());
        let accept = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (rules, until) = (all.clone(), lock(&until).clone());
                tokio::spawn(async move { until.run_until_cancelled(serve(client, server, rules)).await });
            }
        });
        Self { address, rules, cut, _accept: AbortOnDropHandle::new(accept) }
    }

    /// For `CARRIER_REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on: `fault` whenever a client sends `needle`.
    pub fn rule(&self, needle: impl AsRef<[u8]>, fault: Fault) -> Arc<Rule> {
        self.rule_for(needle, fault, 0, usize::MAX)
    }

    /// The same, but not the first `skip` times, and then only so many `times`.
    pub fn rule_for(&self, needle: impl AsRef<[u8]>, fault: Fault, skip: usize, times: usize) -> Arc<Rule> {
        let (seen, fired, released) = (AtomicUsize::new(0), AtomicUsize::new(0), watch::Sender::new(false));
        let rule = Arc::new(Rule { needle: needle.as_ref().to_vec(), fault, skip, times, seen, fired, released });
        lock(&self.rules).push(rule.clone());
        rule
    }

    /// Cuts every connection there is; new ones are served.
    pub fn cut(&self) {
        std::mem::replace(&mut *lock(&self.cut), CancellationToken::new()).cancel();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether answers go through to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Held,
    /// They are thrown away; when Redis has run all and ends the connection, the client's ends too.
    Broken,
}

async fn serve(client: TcpStream, server: SocketAddr, rules: Rules) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let gate = watch::Sender::new(Gate::Open);
    let gated = gate.subscribe();
    // Whichever ends first takes the other with it, and both connections.
    tokio::select! {
        () = commands(from_client, to_server, rules, gate) => {}
        () = answers(from_server, to_client, gated) => {}
    }
}

async fn commands(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rules: Rules, gate: watch::Sender<Gate>) {
    // A needle may come in two pieces, so the end of what came before is looked at again.
    let (mut tail, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let bytes = &buffer[..length];
        tail.extend_from_slice(bytes);
        let rule = lock(&rules).iter().find(|rule| rule.applies(&tail)).cloned();
        let longest = lock(&rules).iter().map(|rule| rule.needle.len()).max().unwrap_or(1);
        let keep = if rule.is_some() { 0 } else { tail.len().min(longest - 1) };
        tail.drain(..tail.len() - keep);
        match rule.as_ref().map(|rule| (rule, rule.fault)) {
            None => {}
            Some((_, Fault::Delay(delay))) => tokio::time::sleep(delay).await,
            Some((rule, Fault::Stall)) => {
                gate.send_replace(Gate::Held);
                rule.wait_released().await;
                gate.send_replace(Gate::Open);
            }
            Some((_, Fault::CutBefore)) => return,
            Some((_, Fault::Cut)) => drop(gate.send_replace(Gate::Broken)),
            Some((_, Fault::StallReply)) => drop(gate.send_replace(Gate::Held)),
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
        match rule.as_ref().map(|rule| (rule, rule.fault)) {
            Some((_, Fault::Cut)) => {
                // The end of our half: Redis runs all that it was sent and then ends its own, which `answers` waits for.
                let _ = to.shutdown().await;
                std::future::pending::<()>().await;
            }
            Some((rule, Fault::StallReply)) => {
                rule.wait_released().await;
                gate.send_replace(Gate::Open);
            }
            _ => {}
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<Gate>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let Ok(now) = gate.wait_for(|gate| *gate != Gate::Held).await.map(|gate| *gate) else { return };
        if now == Gate::Broken {
            continue;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
