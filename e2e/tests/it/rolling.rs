//! A rolling restart: each API and flusher is told to stop and comes back, in turn, while people
//! write; who tries once more, at another API, notices nothing.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use e2e::{
    Client, Ledger, Listener, Options, Process, Sql, Stack, Wire, audit, audit_sql, eventually,
    free_port, on_both,
};
use model::{Tick, UserId};

const SECOND: Duration = Duration::from_secs(1);

/// People who write, and how it went.
struct Crowd<'a> {
    urls: &'a [String],
    chat: &'a str,
    sent: AtomicUsize,
    retried: AtomicUsize,
    done: AtomicBool,
}

impl Crowd<'_> {
    /// Tries at one API, and once more at another.
    async fn write(&self, client: &Client, home: usize) -> Vec<(Tick, String)> {
        let (mut sent, clients) = (
            Vec::new(),
            self.urls
                .iter()
                .map(|url| client.at(url))
                .collect::<Vec<_>>(),
        );
        while !self.done.load(SeqCst) {
            let (body, key) = (
                format!("text {} of {}", sent.len(), client.id),
                format!("key-{}", sent.len()),
            );
            let mut id = None;
            for turn in 0..2 {
                match clients[(home + turn) % clients.len()]
                    .try_send(self.chat, &body, &key)
                    .await
                {
                    Ok(answer) if answer.status == 201 || answer.status == 200 => {
                        id = answer.json["id"].as_i64();
                        break;
                    }
                    Ok(answer) => assert_eq!((turn, answer.status), (0, 503), "{}", answer.text),
                    Err(error) => {
                        assert_eq!(turn, 0, "the second API did not answer either: {error}")
                    }
                }
                self.retried.fetch_add(1, SeqCst);
            }
            sent.push((Tick(id.expect("the second API answers")), body));
            self.sent.fetch_add(1, SeqCst);
        }
        sent
    }

    async fn wait_for(&self, more: usize) {
        let end = self.sent.load(SeqCst) + more;
        eventually(60 * SECOND, "more is sent", async || {
            self.sent.load(SeqCst) >= end
        })
        .await;
    }
}

on_both!(a_rolling_restart_is_noticed_by_nobody_who_tries_once_more);
async fn a_rolling_restart_is_noticed_by_nobody_who_tries_once_more(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            chat_ttl: SECOND,
            ..Options::default()
        },
    )
    .await;
    let (mut apis, mut flushers, mut urls) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        let (port, mut env) = (free_port(), stack.env());
        env.push(("CARRIER_LISTEN".into(), format!("127.0.0.1:{port}")));
        urls.push(format!("http://127.0.0.1:{port}"));
        apis.push(Process::new("api", &env));
        flushers.push(Process::new("flusher", &env));
    }
    for process in apis.iter().chain(&flushers) {
        process.restart().await;
    }
    let (ann, bob) = (
        Client::register(&urls[0], "ann").await,
        Client::register(&urls[1], "bob").await,
    );
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let crowd = Crowd {
        urls: &urls,
        chat: &chat,
        sent: AtomicUsize::new(0),
        retried: AtomicUsize::new(0),
        done: AtomicBool::new(false),
    };
    let rolling = async {
        for (at, (api, flusher)) in apis.iter().zip(&flushers).enumerate() {
            let mut listener = Listener::connect(&bob.at(&urls[at]), Wire::Socket, "").await;
            crowd.wait_for(30).await;
            assert_eq!(api.stop().await, 0, "{}", api.log());
            listener.expect("reconnect").await;
            api.restart().await;
            crowd.wait_for(30).await;
            assert_eq!(flusher.stop().await, 0, "{}", flusher.log());
            flusher.restart().await;
        }
        crowd.wait_for(30).await;
        crowd.done.store(true, SeqCst);
    };
    let (one, other, ()) = tokio::join!(crowd.write(&ann, 0), crowd.write(&bob, 1), rolling);
    assert!(
        crowd.retried.load(SeqCst) > 0,
        "nobody noticed that an API was away: nothing was tried"
    );
    let ledgers = [Ledger {
        chat: chat.parse().expect("an id"),
        reader: UserId(ann.id.parse().expect("an id")),
        sent: [one, other].concat(),
    }];
    audit(&stack, &ledgers).await;
    audit_sql(&stack, &ledgers).await;
    for process in apis.iter().chain(&flushers) {
        assert_eq!(process.stop().await, 0);
    }
}
