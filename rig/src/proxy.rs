//! A TCP proxy before Redis or SQL that breaks connections where a test wants it.

use std::{
    net::SocketAddr,
    pin::pin,
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

/// The packet that commits a transaction of MySQL. (The word alone is in the name of an isolation
/// level, too, which is sent before the transaction.)
pub const COMMIT: &[u8] = b"\x03COMMIT";

/// The fault of a connection on which a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The command does not reach Redis, and no byte moves on this connection, in either direction,
    /// until the rule is released; then it does, late, even if its client has stopped waiting.
    Stall,
    /// The command runs; its answer, and all that follows, does not arrive until the rule is
    /// released.
    StallReply,
    /// The command runs, then the connection is cut before its answer.
    Cut,
    /// The connection is cut before the command reaches Redis.
    CutBefore,
    /// The command reaches Redis that much later.
    Delay(Duration),
    /// The command is lost, and so is all that follows on this connection, in either direction; but
    /// both ends stay connected: as when a firewall forgets a flow.
    Swallow,
}

/// A rule: bytes that a client sends, and the fault that they cause.
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
    /// Returns how often the rule has fired.
    pub fn fired(&self) -> usize {
        self.fired.load(SeqCst)
    }

    /// Waits until the rule has fired this often.
    pub async fn wait_fired(&self, times: usize) {
        let what = format!(
            "{:?} at {:?} has fired",
            self.fault,
            String::from_utf8_lossy(&self.needle)
        );
        eventually(Duration::from_secs(30), &what, async || {
            self.fired() >= times
        })
        .await;
    }

    /// Releases the connections that the rule has stalled; it does not fire again.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    async fn wait_released(&self) {
        let _ = self
            .released
            .subscribe()
            .wait_for(|released| *released)
            .await;
    }

    fn applies(&self, bytes: &[u8]) -> bool {
        if *self.released.borrow() || !contains(bytes, &self.needle) {
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

/// Returns true when the needle is in there; one without a byte is everywhere.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle)
}

type Rules = Arc<Mutex<Vec<Arc<Rule>>>>;

/// A proxy, whose connections all end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    server: watch::Sender<SocketAddr>,
    /// The server of each open connection.
    open: Arc<Mutex<Vec<SocketAddr>>>,
    rules: Rules,
    cut: Arc<Mutex<CancellationToken>>,
    swallow: Arc<Mutex<CancellationToken>>,
    _accept: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Returns the address on which the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a proxy before this address.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let rules = Rules::default();
        let [cut, swallow] = [(); 2].map(|()| Arc::new(Mutex::new(CancellationToken::new())));
        let (all, until, silent) = (rules.clone(), cut.clone(), swallow.clone());
        let (server, open) = (watch::Sender::new(server), Arc::<Mutex<Vec<_>>>::default());
        let (target, opened) = (server.subscribe(), open.clone());
        let accept = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (until, silent) = (lock(&until).clone(), lock(&silent).clone());
                let (server, opened) = (*target.borrow(), opened.clone());
                let served = serve(client, server, all.clone(), silent);
                tokio::spawn(async move {
                    lock(&opened).push(server);
                    until.run_until_cancelled(served).await;
                    let mut opened = lock(&opened);
                    let at = opened.iter().position(|other| *other == server);
                    opened.swap_remove(at.expect("it was put in"));
                });
            }
        });
        Self {
            address,
            server,
            open,
            rules,
            cut,
            swallow,
            _accept: AbortOnDropHandle::new(accept),
        }
    }

    /// Returns the URL, for `CARRIER_REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Leads new connections to another server, as a virtual address does after a failover: those
    /// that are open stay where they are.
    pub fn redirect(&self, server: SocketAddr) {
        self.server.send_replace(server);
    }

    /// Returns how many connections to this server are open.
    pub fn open_to(&self, server: SocketAddr) -> usize {
        let open = lock(&self.open);
        open.iter().filter(|other| **other == server).count()
    }

    /// Adds a rule: `fault` whenever a client sends `needle`.
    pub fn rule(&self, needle: impl AsRef<[u8]>, fault: Fault) -> Arc<Rule> {
        self.rule_for(needle, fault, 0, usize::MAX)
    }

    /// Adds a rule that does not fire the first `skip` times, and then only so many `times`.
    pub fn rule_for(
        &self,
        needle: impl AsRef<[u8]>,
        fault: Fault,
        skip: usize,
        times: usize,
    ) -> Arc<Rule> {
        let (seen, fired, released) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            watch::Sender::new(false),
        );
        let rule = Arc::new(Rule {
            needle: needle.as_ref().to_vec(),
            fault,
            skip,
            times,
            seen,
            fired,
            released,
        });
        lock(&self.rules).push(rule.clone());
        rule
    }

    /// Cuts every connection there is; new ones are served.
    pub fn cut(&self) {
        std::mem::replace(&mut *lock(&self.cut), CancellationToken::new()).cancel();
    }

    /// Loses all that is sent on every connection there is, which stays open; new ones are served.
    pub fn swallow(&self) {
        std::mem::replace(&mut *lock(&self.swallow), CancellationToken::new()).cancel();
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

/// The state of the answers on their way to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Held,
    /// Answers are thrown away; once Redis has run all and ends the connection, the client's ends
    /// too.
    Broken,
}

async fn serve(client: TcpStream, server: SocketAddr, rules: Rules, silent: CancellationToken) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let gate = watch::Sender::new(Gate::Open);
    let gated = gate.subscribe();
    let lost = silent.child_token();
    let commands = pin!(commands(from_client, to_server, rules, gate, lost.clone()));
    let answers = pin!(answers(from_server, to_client, gated));
    // The direction that ends first takes the other with it, and both connections.
    tokio::select! {
        () = commands => {}
        () = answers => {}
        // Neither end learns of what becomes of the other.
        () = lost.cancelled() => std::future::pending().await,
    }
}

async fn commands(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    rules: Rules,
    gate: watch::Sender<Gate>,
    lost: CancellationToken,
) {
    // A needle may come in two pieces, so the end of the bytes before is looked at again.
    let (mut tail, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let bytes = &buffer[..length];
        tail.extend_from_slice(bytes);
        let rule = lock(&rules)
            .iter()
            .find(|rule| rule.applies(&tail))
            .cloned();
        let longest = lock(&rules)
            .iter()
            .map(|rule| rule.needle.len())
            .max()
            .unwrap_or(1);
        let keep = if rule.is_some() {
            0
        } else {
            tail.len().min(longest - 1)
        };
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
            Some((_, Fault::Swallow)) => {
                lost.cancel();
                std::future::pending::<()>().await;
            }
            Some((_, Fault::Cut)) => drop(gate.send_replace(Gate::Broken)),
            Some((_, Fault::StallReply)) => drop(gate.send_replace(Gate::Held)),
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
        match rule.as_ref().map(|rule| (rule, rule.fault)) {
            Some((_, Fault::Cut)) => {
                // The end of our half: Redis runs all that it was sent and then ends its own, which
                // `answers` waits for.
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
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let Ok(now) = gate
            .wait_for(|gate| *gate != Gate::Held)
            .await
            .map(|gate| *gate)
        else {
            return;
        };
        if now == Gate::Broken {
            continue;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
