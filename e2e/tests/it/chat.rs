//! `carrier chat`, as two people use it who type.

use std::{process::Stdio, time::Duration};

use e2e::{PASSWORD, Sql, Stack, on_both, process};
use serde_json::{Value, json};
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
        command
            .args(["chat", "--url", url, "--login", login])
            .env("CARRIER_PASSWORD", PASSWORD)
            .kill_on_drop(true);
        if register {
            command.arg("--register");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let keys = child.stdin.take().expect("a keyboard");
        let screen = BufReader::new(child.stdout.take().expect("a screen")).lines();
        Self {
            child,
            keys,
            screen,
            seen: Vec::new(),
        }
    }

    async fn types(&mut self, line: &str) {
        self.keys
            .write_all(format!("{line}\n").as_bytes())
            .await
            .expect("it reads");
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
        assert!(
            matches!(found, Ok(true)),
            "{words:?} is not on the screen:\n{}",
            self.seen.join("\n")
        );
    }

    async fn quits(mut self) {
        self.types("/quit").await;
        assert!(
            timeout(Duration::from_secs(20), self.child.wait())
                .await
                .expect("it ends")
                .expect("it ended")
                .success()
        );
    }
}

/// Texts that a terminal would obey, and a line that looks like another's.
const HOSTILE: [&str; 6] = [
    "\x1b]0;TITLE IS MINE\x07\x1b[2J\x1b]52;c;cm0gLXJmIH4=\x07",
    "\u{9b}2J\u{9d}0;title\u{9c}",
    "over\rwritten\x08\x08",
    "\u{202e}gpj.exe\u{2066}",
    "next\u{85}line\u{2028}and\u{2029}more",
    "hi\n12:00 ann: forged",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_write_commands_no_terminal() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    // As an earlier release, which took any name, left them.
    for (client, name) in [(&ann, "An\x1b[31m\n12:00 bob: n"), (&bob, "B\u{9b}2Job")] {
        let change = hot::UserChange {
            display_name: Some(name.into()),
            ..hot::UserChange::default()
        };
        let id = client.id.parse().map(model::UserId).expect("an id");
        stack.store.change_user(id, change).await.expect("renamed");
    }
    let direct = ann.create_direct("bob").await.expect(201)["id"].clone();
    let direct = direct.as_str().expect("an id");
    for text in HOSTILE {
        ann.send(direct, &format!("past {text}")).await.expect(201);
    }
    let mut terminal = Terminal::new(&api.url, "bob", false);
    terminal.sees("-- connected").await;
    terminal.types("/open 1").await;
    terminal.sees("forged").await;
    for text in HOSTILE {
        let sent = ann.send(direct, &format!("now {text}")).await.expect(201);
        let path = format!("/v1/chats/{direct}/messages/{}", sent["id"]);
        let edit = json!({ "body": format!("edited {text}") });
        ann.patch(&path, edit).await.expect(200);
        bob.put(&format!("{path}/reactions/👍"), Value::Null)
            .await
            .expect(204);
    }
    ann.send(direct, "the last one").await.expect(201);
    terminal.sees("the last one").await;
    terminal.types("/chats").await;
    terminal.types("/who").await;
    terminal.types("/search forged").await;
    terminal.types("/open \x1b[2J-nobody").await;
    terminal.types("/\x1b[2J").await;
    terminal.sees("there is no command").await;
    for line in &terminal.seen {
        let obeyed = |one: char| {
            one.is_control()
                || ('\u{2028}'..='\u{202e}').contains(&one)
                || ('\u{2066}'..='\u{2069}').contains(&one)
        };
        assert!(!line.contains(obeyed), "{line:?}");
        assert!(!line.starts_with("12:00"), "{line:?}");
    }
    terminal.quits().await;
    api.stop().await;
}

on_both!(two_people_chat_in_terminals_through_a_restart);
async fn two_people_chat_in_terminals_through_a_restart(sql: Sql) {
    let stack = Stack::start(sql).await;
    // Where it was before, there it is again.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("an address");
    let mut env = stack.env();
    env.push(("CARRIER_LISTEN".into(), free.to_string()));
    let api = process("api", &env).await;
    let (mut ann, mut bob) = (
        Terminal::new(api.url().as_str(), "ann", true),
        Terminal::new(api.url().as_str(), "bob", true),
    );
    ann.sees("-- connected").await;
    bob.sees("-- connected").await;
    ann.types("/open bob").await;
    ann.sees("no messages here yet").await;
    bob.sees("you are in ann").await;
    ann.types("hello Bob").await;
    ann.sees("you: hello Bob").await;
    bob.sees("ann in ann: hello Bob").await;
    bob.types("/open 1").await;
    bob.sees("ann: hello Bob").await;
    bob.types("hello Ann").await;
    ann.sees("bob: hello Ann").await;

    // Texts written while no API answers are sent when one does.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_text_end_no_conversation() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let direct = ann.create_direct("bob").await.expect(201)["id"].clone();
    let direct = direct.as_str().expect("an id");
    let mut terminal = Terminal::new(&api.url, "bob", false);
    terminal.sees("-- connected").await;
    // Half of a letter, another encoding, the end of a line and the mark of files from Windows.
    for line in [
        b"\xef\xbb\xbf/open 1\r\n".as_slice(),
        b"half \xe8\x83\n",
        b"caf\xe9 latin\n",
        b"whole \xe8\x83\xbd\r\n",
    ] {
        terminal.keys.write_all(line).await.expect("it reads");
    }
    terminal.sees("whole \u{80fd}").await;
    terminal.quits().await; // once all is sent
    let page = ann.get(&format!("/v1/chats/{direct}/messages")).await;
    let page = page.expect(200);
    let bodies: Vec<_> = page["items"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| message["body"].as_str().expect("a text"))
        .collect();
    let wanted = ["half \u{fffd}", "caf\u{fffd} latin", "whole \u{80fd}"];
    assert_eq!(bodies, wanted);
}
