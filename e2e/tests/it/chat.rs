//! `carrier chat`, as two people use it who type.

use std::{process::Stdio, time::Duration};

use e2e::{PASSWORD, Sql, Stack, on_both, process};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Terminal {
    fn new(url: &str, login: &str, register: bool) -> Self {
        let mut command = Command::new(e2e::program());
        command.args(["chat", "--url", url, "--login", login]).env("CARRIER_PASSWORD", PASSWORD).kill_on_drop(true);
        if register {
            command.arg("--register");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let keys = child.stdin.take().expect("a keyboard");
        let screen = BufReader::new(child.stdout.take().expect("a screen")).lines();
        Self { child, keys, screen, seen: Vec::new() }
    }

    async fn types(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
    }

    /// Waits for a line that has these words.
    async fn sees(&mut self, words: &str) {
        let find = async {
            while let Some(line) = self.screen.next_line().await.expect("it can be read") {
                self.seen.push(line);
                if self.seen.last().is_some_and(|line| line.contains(words)) {
                    return true;
                }
            }
            false
        };
        let found = timeout(Duration::from_secs(30), find).await;
        assert!(matches!(found, Ok(true)), "{words:?} is not on the screen:\n{}", self.seen.join("\n"));
    }

    async fn quits(mut self) {
        self.types("/quit").await;
        assert!(timeout(Duration::from_secs(20), self.child.wait()).await.expect("it ends").expect("it ended").success());
    }
}

on_both!(two_people_chat_in_terminals_through_a_restart);
async fn two_people_chat_in_terminals_through_a_restart(sql: Sql) {
    let stack = Stack::start(sql).await;
    // Where it was before, there it is again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let mut env = stack.env();
    env.push(("CARRIER_LISTEN".into(), free.to_string()));
    let api = process("api", &env).await;
    let (mut ann, mut bob) = (Terminal::new(api.url().as_str(), "ann", true), Terminal::new(api.url().as_str(), "bob", true));
    ann.sees("-- connected").await;
    bob.sees("-- connected").await;
    ann.types("/open bob").await;
    ann.sees("there is nothing here yet").await;
    bob.sees("you are in ann").await;
    ann.types("hello Bob").await;
    ann.sees("you: hello Bob").await;
    bob.sees("ann in ann: hello Bob").await;
    bob.types("/open 1").await;
    bob.sees("ann: hello Bob").await;
    bob.types("hello Ann").await;
    ann.sees("bob: hello Ann").await;

    // What is written while nobody answers is sent when somebody does.
    api.kill9();
    ann.sees("not connected").await;
    bob.sees("not connected").await;
    ann.types("are you there?").await;
    api.restart().await;
    bob.sees("ann: are you there?").await;
    ann.sees("you: are you there?").await;

    ann.types("/group Friends bob").await;
    bob.sees("you are in Friends").await;
    ann.types("all of you").await;
    bob.sees("ann in Friends: all of you").await;
    bob.types("/search hello").await;
    bob.sees("hello Ann").await;
    bob.types("/open nobody-there").await;
    bob.sees("-- ").await;
    ann.quits().await;

    let mut again = Terminal::new(api.url().as_str(), "ann", false);
    again.sees("Hello ann").await;
    again.sees("Friends").await;
    again.quits().await;
    bob.quits().await;
    api.stop().await;
}
